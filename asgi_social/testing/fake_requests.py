"""What is asked of the fake provider, as a plain value, and who asks: a client by its secret, an app by a token."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request

from asgi_social.secret import same
from asgi_social.testing.fake_tokens import Refusal

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request that came to the fake provider.

    Attributes:
        method: In upper case.
        url: Without the query.
        path: Whole, with the issuer's own path.
        endpoints: What is there, by the paths under an issuer: ``/token``; of a dialect that has one address for
            several, all of them, and empty where it has none.
        query: The URL's parameters. One without a value counts as left out (RFC 6749 section 3.1).
        form: The body's parameters, where it is a form.
        json: The body's members that are texts, where it is a JSON object.
        headers: With lower-case names; of a repeated header the last one.
        uid: Whose tokens all shall end, in a dialect whose revocation names the account; else None.
        repeated: The parameters that came more than once, which OAuth forbids.
    """

    method: str
    path: str
    url: str = ""
    endpoints: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    uid: str | None = None
    repeated: tuple[str, ...] = ()

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters where the method keeps them: a POST in its form, any other in its query."""
        return self.form if self.method == "POST" else self.query


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredClient:
    """A client as the provider knows it.

    Attributes:
        client_id: Its name.
        client_secret: Its secret.
        redirect_uris: Where codes may be sent; None for anywhere.
    """

    client_id: str
    client_secret: str
    redirect_uris: Sequence[str] | None = None


async def recorded(request: Request) -> RecordedRequest:
    """Read a request to its end."""
    body = (await request.body()).decode("utf-8", "replace")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    query = parse_qsl(request.scope["query_string"].decode("latin-1"))
    form = parse_qsl(body) if kind == _FORM else []
    return RecordedRequest(
        method=request.method,
        url=str(request.url).partition("?")[0],
        path=request.scope["path"],
        query=dict(query),
        form=dict(form),
        json=_texts_in(body) if kind == _JSON else {},
        headers=dict(request.headers),
        repeated=_repeated(query) + _repeated(form),
    )


def authenticated(asked: RecordedRequest, clients: Mapping[str, RegisteredClient]) -> RegisteredClient:
    """Give the client that asks a back-channel endpoint.

    Raises:
        Refusal: It shows no credentials, wrong ones, two or half of them, or something stands in the URL or is
            repeated.

    Source: RFC 6749 sections 2.3, 2.3.1 and 3.2.
    """
    client_id, client_secret = _credentials(asked)
    client = clients.get(client_id)
    if client is None or not same(client.client_secret, client_secret):
        raise _unknown_client("the client is unknown, or its secret is another")
    return client


def basic_credentials(header: str) -> tuple[str, str]:
    """Give the client's id and secret of an HTTP Basic header (RFC 6749 section 2.3.1).

    Raises:
        Refusal: ``invalid_client``: it is none.
    """
    scheme, _, encoded = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text in it
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise _unknown_client("the Authorization header is not HTTP Basic")
    # Both are form-encoded before they are put together, so that a colon in an id cannot be taken for the separator.
    return unquote_plus(name), unquote_plus(secret)


def bearer_token(asked: RecordedRequest) -> str:
    """Give the access token of the Authorization header.

    Raises:
        Refusal: It is not there, or one stands in the URL or the body.

    Source: RFC 6750 sections 2.1 and 3.1; RFC 9700 section 4.3.2 (never in the URL).
    """
    if "access_token" in asked.query or "access_token" in asked.form:
        raise Refusal("invalid_request", "the token belongs into the header")
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        # Who shows no token at all is told the scheme and no error code.
        raise Refusal("invalid_token", "there is no Bearer token", status=401, challenge='Bearer realm="fake"')
    return token.strip()


def unknown_token() -> Refusal:
    """Give the refusal of a token that is not alive (RFC 6750 section 3.1)."""
    challenge = 'Bearer realm="fake", error="invalid_token"'
    return Refusal("invalid_token", "the token is unknown, expired or revoked", status=401, challenge=challenge)


def needed(form: Mapping[str, str], name: str) -> str:
    """Give a parameter that must be there.

    Raises:
        Refusal: ``invalid_request``.
    """
    if name not in form:
        raise Refusal("invalid_request", f"{name} is missing")
    return form[name]


def _credentials(asked: RecordedRequest) -> tuple[str, str]:
    if asked.query:
        raise Refusal("invalid_request", "the parameters belong into the body")
    if asked.repeated:
        raise Refusal("invalid_request", f"repeated: {', '.join(asked.repeated)}")
    header, client_id = asked.headers.get("authorization"), asked.form.get("client_id")
    if header is None:
        if client_id is None or "client_secret" not in asked.form:
            raise _unknown_client("the client does not authenticate itself")
        return client_id, asked.form["client_secret"]
    if "client_secret" in asked.form:
        raise Refusal("invalid_request", "the client authenticates itself in two ways")
    name, secret = basic_credentials(header)
    if client_id not in (None, name):
        raise Refusal("invalid_request", "header and body name different clients")
    return name, secret


def _unknown_client(description: str) -> Refusal:
    return Refusal("invalid_client", description, status=401, challenge='Basic realm="fake"')


def _texts_in(body: str) -> dict[str, str]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    members = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in members if isinstance(text, str)}


def _repeated(pairs: list[tuple[str, str]]) -> tuple[str, ...]:
    names = [name for name, _ in pairs]
    return tuple(sorted({name for name in names if names.count(name) > 1}))
