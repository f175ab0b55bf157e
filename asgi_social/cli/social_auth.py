"""The table of python-social-auth, as social-django 1 to 8 and the storages for other frameworks make it.

Source: social-core 7.0.0 (``UserMixin``, ``OAuthAuth.extra_data``), social-django 8.0.0 (``models``, migrations).
"""

from collections.abc import AsyncIterator, Mapping

from asgi_social.cli.former import Former, claims_of, ends_at, moment_of, object_of, token_of, whole
from asgi_social.protocols.message import Tokens
from asgi_social.protocols.oauth2 import is_token, scope_of
from asgi_social.protocols.signing import TokenPair
from asgi_social.secret import Secret
from asgi_social.storage.others import OtherDatabase, Row

TABLE = "social_auth_usersocialauth"
# What social-core tells a moment in "expires" from a lifetime by.
TWO_YEARS = 2 * 365 * 86400

MAX_TOKEN_TYPE = 64


async def formers(database: OtherDatabase, *, page_size: int, now: float) -> AsyncIterator[list[Former]]:
    """Give all accounts, page by page.

    Raises:
        SettingsError: The table cannot be read.
    """
    after: object = None
    while rows := await database.page(TABLE, after=after, limit=page_size):
        yield [former_of(row, now=now) for row in rows]
        after = rows[-1]["id"]


def former_of(row: Row, *, now: float) -> Former:
    """Read one row. ``created``, ``modified`` and ``id_key`` are absent in the tables of earlier versions."""
    facts = object_of(row.get("extra_data"))
    extra = facts or {}
    created_at, modified_at = moment_of(row.get("created")), moment_of(row.get("modified"))
    authenticated_at = whole(extra.get("auth_time"))
    issued_at = float(authenticated_at) if authenticated_at is not None else modified_at
    return Former(
        place=f"{TABLE} {row['id']}",
        provider=str(row.get("provider")),
        uid=row.get("uid"),
        uid_key=str(row.get("id_key") or ""),
        user_id=row.get("user_id"),
        facts=extra,
        tokens=_tokens(extra, issued_at=issued_at, now=now),
        issued_at=issued_at,
        created_at=created_at,
        fault="its extra_data are no JSON object" if facts is None else None,
    )


def _tokens(extra: Mapping[str, object], *, issued_at: float | None, now: float) -> Tokens:
    kind, id_token = extra.get("token_type"), token_of(extra.get("id_token"))
    given = extra.get("access_token")
    if isinstance(given, dict):
        given, kind = _pair_in(given), "oauth1"
    return Tokens(
        access_token=token_of(given) or Secret(""),
        refresh_token=token_of(extra.get("refresh_token")),
        id_token=id_token,
        token_type=kind if isinstance(kind, str) and is_token(kind) and len(kind) <= MAX_TOKEN_TYPE else "Bearer",
        scope=scope_of(extra.get("scope"), separator=","),
        expires_at=_expires_at(extra, issued_at=issued_at, now=now),
        answer=extra,
        claims=claims_of(extra, id_token),
    )


def _pair_in(members: Mapping[str, object]) -> str | None:
    """Give the token of OAuth 1 that is kept as an object, with whatever else its answer held."""
    token, secret = token_of(members.get("oauth_token")), members.get("oauth_token_secret", "")
    # Evernote's secrets are empty.
    if token is None or not (secret == "" or token_of(secret)):
        return None
    return TokenPair(token=token.reveal(), secret=Secret(str(secret))).as_text().reveal()


def _expires_at(extra: Mapping[str, object], *, issued_at: float | None, now: float) -> float | None:
    """Say when the access token ends, as ``UserMixin.expiration_timedelta`` does; None for "unknown".

    Where nothing says when a lifetime began, social-core lets it begin now, at each look; here the end is unknown.
    """
    name = next((one for one in ("expires_on", "expires_in", "expires") if extra.get(one) is not None), "")
    number = whole(extra.get(name))
    if number is None or number < 1:
        return None
    if name == "expires_on" or (name == "expires" and number > TWO_YEARS):
        return ends_at(float(number), now=now)
    return ends_at(issued_at + number, now=now) if issued_at is not None else None
