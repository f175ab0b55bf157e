"""What the fake provider's token endpoint says: the answer, and the claims of the ID token in it."""

from typing import NotRequired, TypedDict

from asgi_social.testing.fake_keys import half_hash
from asgi_social.testing.fake_tokens import AccessToken

ID_TOKEN_SECONDS = 3600


class TokenAnswer(TypedDict):
    """A token answer (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3)."""

    access_token: str
    token_type: str
    scope: str
    expires_in: NotRequired[int]
    refresh_token: NotRequired[str]
    id_token: NotRequired[str]


def token_answer(access: AccessToken, *, refresh_token: str | None, id_token: str | None) -> TokenAnswer:
    """Give the answer for an access token that was just made."""
    answer = TokenAnswer(access_token=access.value, token_type="Bearer", scope=" ".join(access.scope))
    if access.ends_at is not None:
        answer["expires_in"] = int(access.ends_at - access.issued_at)
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    if id_token is not None:
        answer["id_token"] = id_token
    return answer


def id_token_claims(access: AccessToken, *, issuer: str, alg: str, nonce: str | None) -> dict[str, object]:
    """Give the claims of the ID token that goes with an access token (OpenID Connect Core section 2)."""
    iat = int(access.issued_at)
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": access.grant.person.sub,
        "aud": access.grant.client_id,
        "exp": iat + ID_TOKEN_SECONDS,
        "iat": iat,
        "auth_time": access.grant.auth_time,
        "at_hash": half_hash(access.value, alg=alg),
    }
    return claims if nonce is None else {**claims, "nonce": nonce}
