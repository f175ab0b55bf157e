"""Where a provider's endpoints are: from its data, else from the metadata that it publishes."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from asgi_social.errors import ProviderBroken
from asgi_social.protocols.body import object_in, require_success
from asgi_social.protocols.client import Client, Endpoints, rendered_url, values
from asgi_social.protocols.host import allowed_address
from asgi_social.protocols.message import Conversation, shared_request
from asgi_social.protocols.strict_json import parsed

ENDPOINT = "metadata document"
MAX_DOCUMENTS = 64


def prepared(client: Client) -> Conversation[Client]:
    """Give the client with its endpoints filled in; asks the provider only where its data leave one out.

    Raises:
        ProviderBroken: The metadata are of another issuer, or name an endpoint that is not https.

    Source: OpenID Connect Discovery 1.0 section 4; RFC 8414 section 3.
    """
    known = values(client)
    provider, oidc = client.provider, client.provider.oidc
    stated = _Stated(
        authorize=rendered_url(client, provider.authorize.url, known),
        token=rendered_url(client, provider.token.url, known),
        userinfo=rendered_url(client, provider.userinfo.main.url, known),
        jwks=rendered_url(client, provider.id_token.jwks, known) if provider.id_token else None,
        revocation=rendered_url(client, provider.revoke.call.url, known) if provider.revoke else None,
    )
    if oidc is None:
        return client.reaching(Endpoints(**stated._asdict()))
    issuer = rendered_url(client, oidc.endpoint, known) or ""
    expected = None if _many_issuers(client) else issuer
    if stated.authorize and stated.token and stated.jwks and provider.userinfo.source != "request":
        return client.reaching(Endpoints(**stated._asdict(), issuer=expected))
    # The well-known path goes behind the issuer's own path (Discovery section 4.1).
    config = rendered_url(client, oidc.config, known)
    response = yield shared_request(ENDPOINT, config or issuer.removesuffix("/") + "/.well-known/openid-configuration")
    require_success(response, endpoint=ENDPOINT, backend=client.name)
    reader = _Reader(backend=client.name, development=client.development, issuer=expected, stated=stated)
    endpoints = _endpoints_in(response.body, reader)
    if endpoints is None:
        endpoints = _merged(object_in(response, endpoint=ENDPOINT, backend=client.name, form="json"), reader)
    return client.reaching(endpoints)


class _Stated(NamedTuple):
    """The endpoints that a provider's data name, which go before its metadata."""

    authorize: str | None
    token: str | None
    userinfo: str | None
    jwks: str | None
    revocation: str | None


class _Reader(NamedTuple):
    """All that the endpoints depend on beside the document; a tuple, which is compared in no time.

    Attributes:
        backend: Named in errors.
        development: Whether plain http to a loopback host is allowed.
        issuer: Whose the document has to be; None where the data name several.
        stated: What goes before it.
    """

    backend: str
    development: bool
    issuer: str | None
    stated: _Stated


@lru_cache(maxsize=MAX_DOCUMENTS)
def _endpoints_in(body: bytes, reader: _Reader) -> Endpoints | None:
    """Give the endpoints, kept, for transport gives the same bytes for an hour; None where they are no JSON object.

    Raises:
        ProviderBroken: As :func:`_merged`; that is not kept.
    """
    try:
        metadata = parsed(body)
    except ValueError:
        return None
    return _merged(metadata, reader) if isinstance(metadata, dict) else None


def _merged(metadata: Mapping[str, object], reader: _Reader) -> Endpoints:
    if reader.issuer is not None and metadata.get("issuer") != reader.issuer:
        # Section 4.3: equal as strings, or another issuer's metadata would be taken for this one's.
        raise ProviderBroken(
            endpoint=ENDPOINT,
            expected=f"the issuer {reader.issuer}",
            got="another issuer" if "issuer" in metadata else "no issuer",
            hint="set the issuer exactly as the provider's metadata name it, to the last slash",
            backend=reader.backend,
        )
    stated, methods = reader.stated, metadata.get("token_endpoint_auth_methods_supported")
    return Endpoints(
        authorize=stated.authorize or _address(metadata, "authorization_endpoint", reader),
        token=stated.token or _address(metadata, "token_endpoint", reader),
        userinfo=stated.userinfo or _address(metadata, "userinfo_endpoint", reader),
        jwks=stated.jwks or _address(metadata, "jwks_uri", reader),
        revocation=stated.revocation or _address(metadata, "revocation_endpoint", reader),
        issuer=reader.issuer,
        iss_promised=metadata.get("authorization_response_iss_parameter_supported") is True,
        auth_methods=tuple(method for method in methods if isinstance(method, str))
        if isinstance(methods, list)
        else (),
    )


def _many_issuers(client: Client) -> bool:
    return bool(client.provider.id_token and client.provider.id_token.issuers)


def _address(metadata: Mapping[str, object], name: str, reader: _Reader) -> str | None:
    url = metadata.get(name)
    if url is None:
        return None
    if isinstance(url, str) and allowed_address(url, development=reader.development):
        return url
    raise ProviderBroken(
        endpoint=ENDPOINT,
        expected=f"an https address as {name}",
        got="another address" if isinstance(url, str) else f"a {type(url).__name__}",
        backend=reader.backend,
    )
