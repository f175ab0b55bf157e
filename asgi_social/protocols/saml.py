"""SAML 2.0, for a browser and a service provider: a request by redirect, a response by a post, and no tokens.

What is in the XML is read by ``saml_xml``; what it has to say, and to whom, is held to here.

Source: SAML 2.0 profiles, section 4.1; bindings, sections 3.4 and 3.5.
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from asgi_social.errors import ConsentDenied, FlowReason, FlowRefused, ProviderBroken, ProviderRefused, Refused
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Begun, Callback, Challenge, Conversation, Once, Tokens
from asgi_social.protocols.saml_idps import Idp, ServiceProvider
from asgi_social.secret import Secret, digest, same

if TYPE_CHECKING:
    from asgi_social.protocols import saml_xml

ENDPOINT = "identity provider"
SKEW_SECONDS = 60.0
# For which an assertion is remembered at most; none that lives longer is taken.
MAX_AGE_SECONDS = 86400.0
MAX_XML_BYTES = 256 * 1024
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_DENIALS = frozenset({"AuthnFailed", "RequestDenied"})
_COMPACT = "compact"
_FIELDS = {
    "username": "attr_username",
    "email": "attr_email",
    "fullname": "attr_full_name",
    "first_name": "attr_first_name",
    "last_name": "attr_last_name",
}


def begin(client: Client, challenge: Challenge) -> Conversation[Begun]:
    """Send the browser to the identity provider that the person belongs to, with a request (HTTP-Redirect).

    Raises:
        Refused: The app knows none of this name.
    """
    yield from ()  # nobody is asked
    _, idp = _idp(client)
    issued = datetime.fromtimestamp(client.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    request = (
        '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0"'
        f' ID="{_request_id(challenge)}" IssueInstant="{issued}" Destination="{escape(idp.url)}"'
        f' AssertionConsumerServiceURL="{escape(challenge.redirect_uri)}"'
        ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">'
        f"<saml:Issuer>{escape(_app(client).entity_id)}</saml:Issuer>"
        '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified" AllowCreate="true"/>'
        "</samlp:AuthnRequest>"
    )
    query = urlencode({"SAMLRequest": _deflated(request.encode()), "RelayState": challenge.state.reveal()})
    return Begun(url=f"{idp.url}{'&' if urlsplit(idp.url).query else '?'}{query}")


def ready() -> None:
    """Have all at hand that verifying needs, so that no request waits for a file; once when the app starts."""
    # Here and not above: it needs the extra saml.
    from asgi_social.protocols import saml_xml

    saml_xml.at_hand()


def compacted(params: Mapping[str, str]) -> dict[str, str]:
    """Give the parameters of a post in a form that fits into an address: the XML is deflated.

    What is no base64 is left out, so that it is missing later on.
    """
    kept = {name: text for name, text in params.items() if name == "RelayState"}
    try:
        xml = base64.b64decode("".join(params.get("SAMLResponse", "").split()), validate=True)
    except (binascii.Error, ValueError):
        xml = b""
    return {**kept, _COMPACT: _deflated(xml)} if xml else kept


def read_callback(client: Client, params: Mapping[str, str]) -> Callback:
    """Take the response out of an answer.

    Raises:
        FlowRefused: There is none.
    """
    if not params.get(_COMPACT):
        raise _refused(client, "missing", "the answer holds no response of SAML")
    return Callback(code=Secret(params[_COMPACT]))


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:
    """Verify a response, and give what its assertion says in place of a token answer.

    Raises:
        ConsentDenied, ProviderRefused: The identity provider says no.
        FlowRefused: The response is not of the identity provider that was asked, or not for this flow.
        ProviderBroken: Its assertion names nobody.
    """
    # Here and not above: it needs the extra saml.
    from asgi_social.protocols import saml_xml

    yield from ()  # nobody is asked
    name, idp = _idp(client)
    try:
        root = saml_xml.response_of(_inflated(client, callback.code.reveal()))
        envelope = saml_xml.envelope_of(root)
        if not envelope.is_success:
            raise _said_no(client, envelope.statuses)
        _require_ours(client, challenge, idp, envelope)
        assertion = saml_xml.signed_assertion(root, certificates=idp.certificates)
    except saml_xml.Unsound as unsound:
        raise _refused(client, "issuer", f"the response {unsound}") from None
    until = _until(client, challenge, idp, assertion)
    said = dict(assertion.attributes)
    if assertion.name_id is not None and assertion.name_id_format != _TRANSIENT:
        said["name_id"] = (assertion.name_id,)
    permanent = idp.read("attr_user_permanent_id", said)
    if permanent is None:
        raise ProviderBroken(
            endpoint=ENDPOINT,
            expected="an attribute that names the person for good",
            got="none",
            hint="set attr_user_permanent_id of the identity provider; a transient NameID is none",
            backend=client.name,
        )
    fields = {field: idp.read(setting, said) for field, setting in _FIELDS.items()}
    return Tokens(
        access_token=Secret(""),
        scope=(),
        answer={"uid": f"{name}:{permanent}", "idp": name, **fields},
        once=Once(key=digest(f"saml {idp.entity_id} {assertion.id}"), until=until + SKEW_SECONDS),
    )


def _require_ours(client: Client, challenge: Challenge, idp: Idp, envelope: "saml_xml.Envelope") -> None:
    if envelope.destination not in {None, "", challenge.redirect_uri}:
        raise _refused(client, "state", "the response is for another address")
    if envelope.in_response_to is not None and not same(envelope.in_response_to, _request_id(challenge)):
        raise _refused(client, "state", "the response answers another request")
    if envelope.issuer not in {None, idp.entity_id}:
        raise _refused(client, "issuer", "the response is of another identity provider")


def _until(client: Client, challenge: Challenge, idp: Idp, assertion: "saml_xml.Assertion") -> float:
    """Hold an assertion to be of this identity provider, for this app, flow and moment; give when it ends."""
    now = client.now
    if assertion.issuer != idp.entity_id:
        raise _refused(client, "issuer", "the assertion is of another identity provider")
    if not assertion.audiences or any(_app(client).entity_id not in one for one in assertion.audiences):
        raise _refused(client, "issuer", "the assertion is for another app")
    ends = [
        one.not_on_or_after
        for one in assertion.confirmations
        if one.recipient == challenge.redirect_uri
        and one.in_response_to is not None
        and same(one.in_response_to, _request_id(challenge))
        and one.not_on_or_after is not None
        and (one.not_before is None or one.not_before <= now + SKEW_SECONDS)
    ]
    if not ends:
        raise _refused(client, "state", "the assertion was made for another flow or another address")
    limits = [max(ends), assertion.not_on_or_after, assertion.session_ends_at]
    end = min(one for one in limits if one is not None)
    begins = assertion.not_before
    if end + SKEW_SECONDS <= now or (begins is not None and begins > now + SKEW_SECONDS):
        raise _refused(client, "expired", "the assertion does not hold now; is this machine's clock right?")
    if end > now + MAX_AGE_SECONDS:
        raise _refused(client, "expired", "the assertion holds for longer than a day")
    if not assertion.is_authenticated:
        raise _refused(client, "issuer", "the assertion does not say that the person has signed in there")
    return end


def _said_no(client: Client, statuses: tuple[str, ...]) -> ConsentDenied | ProviderRefused:
    code = statuses[-1] if statuses else "no status"
    if _DENIALS & set(statuses):
        return ConsentDenied(
            f"the link to {client.provider.title} was not allowed there, which answers {code!r}",
            hint="start again, and allow it, if you changed your mind",
            backend=client.name,
        )
    return ProviderRefused(endpoint=ENDPOINT, error=code, hint="ask who runs it for this status", backend=client.name)


def _idp(client: Client) -> tuple[str, Idp]:
    name = client.variables.get("idp", "")
    idp = _app(client).idps.get(name)
    if idp is None:
        raise Refused(
            "no identity provider of this name is known",
            hint="choose another, or start again",
            backend=client.name,
        )
    return name, idp


def _app(client: Client) -> ServiceProvider:
    return client.saml or ServiceProvider(entity_id="", idps={})


def _request_id(challenge: Challenge) -> str:
    """Give the ID of the request: drawn with the flow, so that it need not be kept; an ID begins with no digit."""
    return f"_{digest(f'saml {challenge.nonce.reveal()}')[:40]}"


def _deflated(content: bytes) -> str:
    squeeze = zlib.compressobj(level=9, wbits=-15)  # the raw form, without a header
    return base64.b64encode(squeeze.compress(content) + squeeze.flush()).decode()


def _inflated(client: Client, text: str) -> bytes:
    """Give what :func:`compacted` has deflated; anybody may bring such a text, and none becomes longer than a limit."""
    try:
        return zlib.decompressobj(wbits=-15).decompress(base64.b64decode(text, validate=True), MAX_XML_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        raise _refused(client, "missing", "the answer's response cannot be read") from None


def _refused(client: Client, reason: FlowReason, message: str) -> FlowRefused:
    return FlowRefused(message, hint="start again", reason=reason, backend=client.name)
