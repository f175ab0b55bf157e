"""What the fake provider tells of a token to whoever looks it up."""

from asgi_social.testing.fake_tokens import AccessToken, RefreshToken


def introspected(token: AccessToken | RefreshToken | None, *, issuer: str) -> dict[str, object]:
    """Give the introspection answer for a token; nothing is said of one that is not alive (RFC 7662 section 2.2)."""
    if token is None:
        return {"active": False}
    said: dict[str, object] = {
        "active": True,
        "client_id": token.grant.client_id,
        "aud": token.grant.client_id,
        "iss": issuer,
        "sub": token.grant.person.sub,
        "username": token.grant.person.username,
        "iat": int(token.issued_at),
    }
    if isinstance(token, AccessToken):
        said |= {"token_type": "Bearer", "scope": " ".join(token.scope)}
        if token.ends_at is not None:
            said["exp"] = int(token.ends_at)
    return said


def token_info(token: AccessToken, *, now: float) -> dict[str, object]:
    """Give what a look-up with the token itself says: whose it is, and the app that it was issued to, by two names."""
    said: dict[str, object] = {
        "client_id": token.grant.client_id,
        "app_id": token.grant.client_id,
        "sub": token.grant.person.sub,
        "scope": " ".join(token.scope),
    }
    if token.ends_at is not None:
        said |= {"expires_in": int(token.ends_at - now), "exp": int(token.ends_at)}
    return said
