"""From an identifier to the OpenID 2.0 provider that speaks for it: Yadis, else the links of an HTML page.

Every address must be https, and on the public internet, for people name them. Both kinds of document are read by
Python's HTML reader, which knows neither document types nor entities of a document's own, so that nothing in them is
fetched or grows.

Source: OpenID Authentication 2.0 section 7.3; Yadis 1.0.
"""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from asgi_social.errors import ProviderBroken
from asgi_social.protocols.client import Client
from asgi_social.protocols.host import allowed_address
from asgi_social.protocols.message import MAX_METADATA_BYTES, Conversation, Request

ENDPOINT = "OpenID identifier"
SELECT = "http://specs.openid.net/auth/2.0/identifier_select"
_SERVER = "http://specs.openid.net/auth/2.0/server"
_SIGN_ON = "http://specs.openid.net/auth/2.0/signon"
_XRDS = "application/xrds+xml"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 3
MAX_SERVICES = 20
# What is looked for stands at the top, and a reader of HTML is slow with long nonsense.
MAX_READ_BYTES = 64 * 1024
_LAST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A provider, and what it is asked about.

    Attributes:
        endpoint: Its address.
        claimed_id: What the person claims to own; :data:`SELECT` where the provider lets the person choose.
        local_id: What the provider calls it.
    """

    endpoint: str
    claimed_id: str = SELECT
    local_id: str = SELECT


def discovered(client: Client, identifier: str, *, shared: bool) -> Conversation[Service]:
    """Give the provider of an identifier, which may be that of a provider or of a person.

    Args:
        client: For errors.
        identifier: An https address.
        shared: Whether what is found may be kept for an hour: it is the provider's, and no person has named it.

    Raises:
        ProviderBroken: There is none.
    """
    services = yield from services_of(client, identifier, shared=shared)
    if not services:
        raise ProviderBroken(
            endpoint=ENDPOINT,
            expected="an OpenID 2.0 provider with an https address",
            got="none",
            hint="is it spelled as the provider gave it?",
            backend=client.name,
        )
    return services[0]


def services_of(client: Client, identifier: str, *, shared: bool) -> Conversation[list[Service]]:
    """Give what speaks for an identifier, the best first; what has no https address is left out.

    Raises:
        ProviderError: The identifier leads elsewhere than over https to the public internet, or to nobody.
    """
    url, document = yield from _fetched(urldefrag(identifier).url, shared=shared)
    if not document.services and document.location:
        _, document = yield from _fetched(urljoin(url, document.location), shared=shared)
    found = [one for one in document.services if allowed_address(one.endpoint, development=client.development)]
    # A provider's own identifier goes first (section 7.3.2.2), then the order that the document gives.
    found.sort(key=lambda one: (one.kind != _SERVER, one.priority))
    return [
        Service(endpoint=one.endpoint)
        if one.kind == _SERVER
        else Service(endpoint=one.endpoint, claimed_id=url, local_id=one.local_id or url)
        for one in found
    ]


def _fetched(url: str, *, shared: bool) -> Conversation[tuple[str, "_Document"]]:
    """Give a document, and the address where it was found."""
    for _ in range(MAX_REDIRECTS + 1):
        response = yield Request(
            endpoint=ENDPOINT,
            method="GET",
            url=url,
            headers={"accept": f"{_XRDS}, text/html;q=0.9"},
            max_bytes=MAX_METADATA_BYTES,
            shared=shared,
            public=True,
        )
        if response.status not in _REDIRECTS:
            break
        url = urldefrag(urljoin(url, response.headers.get("location", ""))).url
    document = _Document(response.headers.get("x-xrds-location", ""))
    if response.status == 200:
        document.feed(response.body[:MAX_READ_BYTES].decode(errors="replace"))
        document.close()
    return url, document


@dataclass(slots=True)
class _Found:
    """A service as a document has it."""

    kind: str = ""
    endpoint: str = ""
    local_id: str = ""
    priority: int = _LAST


class _Document(HTMLParser):
    """What a document says of services.

    Attributes:
        services: Of the two kinds of OpenID 2.0, in the document's order.
        location: Where the XRDS document is, or empty.
    """

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
        self.services: list[_Found] = []
        self._service = _Found()
        self._linked = _Found(kind=_SIGN_ON)
        self._text = ""
        self._in_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said, name = {key: text or "" for key, text in attrs}, tag.rpartition(":")[2]
        self._text = ""
        self._in_body |= name == "body"  # where visitors of the page may have written
        if name == "service":
            self._service = _Found(priority=_number(said.get("priority", "")))
        elif name == "meta" and said.get("http-equiv", "").lower() == "x-xrds-location" and not self._in_body:
            self.location = self.location or said.get("content", "")
        elif name == "link" and not self._in_body:
            rel, href = said.get("rel", "").lower().split(), said.get("href", "")
            self._linked.endpoint = href if "openid2.provider" in rel else self._linked.endpoint
            self._linked.local_id = href if "openid2.local_id" in rel else self._linked.local_id

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        name, text, service = tag.rpartition(":")[2], self._text.strip(), self._service
        if name == "type" and text in {_SERVER, _SIGN_ON}:
            service.kind = min(service.kind or text, text)  # that of a provider is the first by its letters too
        elif name == "uri":
            service.endpoint = service.endpoint or text
        elif name == "localid":
            service.local_id = text
        elif name == "service":
            self._add(service)

    def close(self) -> None:
        super().close()
        self._add(self._linked)

    def _add(self, service: _Found) -> None:
        if service.kind and service.endpoint and len(self.services) < MAX_SERVICES:
            self.services.append(service)


def _number(text: str) -> int:
    return int(text[:6]) if text.isascii() and text.isdigit() else _LAST
