"""Where a provider's endpoints are: from its data, else from the metadata that it publishes."""

from collections.abc import Mapping
from dataclasses import replace

from asgi_social.errors import ProviderBroken
from asgi_social.protocols.body import object_of
from asgi_social.protocols.client import Client, Endpoints, rendered_url, values
from asgi_social.protocols.host import allowed_address
from asgi_social.protocols.message import MAX_METADATA_BYTES, Conversation, Request
from asgi_social.protocols.provider import Oidc


def prepared(client: Client) -> Conversation[Client]:
    """Give the client with its endpoints filled in; asks the provider only where its data leave one out.

    Raises:
        ProviderBroken: The metadata are of another issuer, or name an endpoint that is not https.

    Source: OpenID Connect Discovery 1.0 section 4; RFC 8414 section 3.
    """
    known = values(client)
    provider = client.provider
    stated = Endpoints(
        authorize=rendered_url(client, provider.authorize.url, known),
        token=rendered_url(client, provider.token.url, known),
        userinfo=rendered_url(client, provider.userinfo.main.url, known),
        jwks=rendered_url(client, provider.id_token.jwks, known) if provider.id_token else None,
        revocation=rendered_url(client, provider.revoke.call.url, known) if provider.revoke else None,
    )
    if provider.oidc is None:
        return replace(client, endpoints=stated)
    issuer = rendered_url(client, provider.oidc.endpoint, known) or ""
    if stated.authorize and stated.token and stated.jwks and provider.userinfo.source != "request":
        return replace(client, endpoints=replace(stated, issuer=None if _many_issuers(client) else issuer))
    metadata = yield from _metadata(client, provider.oidc, issuer)
    return replace(client, endpoints=_merged(client, stated, metadata))


def _metadata(client: Client, oidc: Oidc, issuer: str) -> Conversation[dict[str, object]]:
    # The well-known path goes behind the issuer's own path (Discovery section 4.1).
    config = rendered_url(client, oidc.config, values(client))
    url = config or issuer.removesuffix("/") + "/.well-known/openid-configuration"
    response = yield Request(
        endpoint="metadata document", method="GET", url=url, max_bytes=MAX_METADATA_BYTES, shared=True
    )
    metadata = object_of(response, endpoint="metadata document", backend=client.name)
    if not _many_issuers(client) and metadata.get("issuer") != issuer:
        # Section 4.3: equal as strings, or another issuer's metadata would be taken for this one's.
        raise ProviderBroken(
            endpoint="metadata document",
            expected=f"the issuer {issuer}",
            got="another issuer" if "issuer" in metadata else "no issuer",
            hint="set the issuer exactly as the provider's metadata name it, to the last slash",
            backend=client.name,
        )
    return metadata


def _merged(client: Client, stated: Endpoints, metadata: Mapping[str, object]) -> Endpoints:
    issuer, methods = metadata.get("issuer"), metadata.get("token_endpoint_auth_methods_supported")
    return Endpoints(
        authorize=stated.authorize or _address(client, metadata, "authorization_endpoint"),
        token=stated.token or _address(client, metadata, "token_endpoint"),
        userinfo=stated.userinfo or _address(client, metadata, "userinfo_endpoint"),
        jwks=stated.jwks or _address(client, metadata, "jwks_uri"),
        revocation=stated.revocation or _address(client, metadata, "revocation_endpoint"),
        issuer=issuer if isinstance(issuer, str) and not _many_issuers(client) else None,
        iss_promised=metadata.get("authorization_response_iss_parameter_supported") is True,
        auth_methods=tuple(method for method in methods if isinstance(method, str))
        if isinstance(methods, list)
        else (),
    )


def _many_issuers(client: Client) -> bool:
    return bool(client.provider.id_token and client.provider.id_token.issuers)


def _address(client: Client, metadata: Mapping[str, object], name: str) -> str | None:
    url = metadata.get(name)
    if url is None:
        return None
    if isinstance(url, str) and allowed_address(url, development=client.development):
        return url
    raise ProviderBroken(
        endpoint="metadata document",
        expected=f"an https address as {name}",
        got="another address" if isinstance(url, str) else f"a {type(url).__name__}",
        backend=client.name,
    )
