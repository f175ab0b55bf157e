"""The metadata document of the fake provider."""

from asgi_social.testing.fake_authorize import RESPONSE_MODES
from asgi_social.testing.fake_people import CLAIMS

_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


def metadata_of(root: str, *, issuer: str, alg: str) -> dict[str, object]:
    """Give what a provider says of itself.

    Args:
        root: What the endpoints' URLs begin with.
        issuer: What it calls itself.
        alg: What its ID tokens are signed with.

    Source: OpenID Connect Discovery section 3, RFC 8414 section 2, RFC 9207 section 3.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{root}/authorize",
        "token_endpoint": f"{root}/token",
        "userinfo_endpoint": f"{root}/userinfo",
        "jwks_uri": f"{root}/jwks",
        "revocation_endpoint": f"{root}/revoke",
        "introspection_endpoint": f"{root}/introspect",
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [alg],
        "scopes_supported": ["openid", *CLAIMS, "offline_access"],
        "claims_supported": ["sub", *(claim for claims in CLAIMS.values() for claim in claims)],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": _AUTH_METHODS,
        "revocation_endpoint_auth_methods_supported": _AUTH_METHODS,
        "introspection_endpoint_auth_methods_supported": _AUTH_METHODS,
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,  # left out, it would mean True
    }
