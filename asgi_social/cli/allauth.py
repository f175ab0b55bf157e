"""The tables of django-allauth: an account, its tokens, and the apps that these were issued to.

Source: django-allauth 65.22.1 (``allauth.socialaccount``: ``models``, migrations, ``providers/*/provider.py``).
"""

from collections.abc import AsyncIterator, Mapping, Sequence

from asgi_social.cli.former import Former, claims_of, ends_at, moment_of, object_of, token_of
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Secret
from asgi_social.storage.others import OtherDatabase, Row

TABLE = "socialaccount_socialaccount"
TOKENS = "socialaccount_socialtoken"
APPS = "socialaccount_socialapp"
MAX_APPS = 10_000

# What allauth calls the providers of our catalogue, where uids are the same. Its openid_connect is none of them: an
# account of such an app bears the app's ``provider_id``, and goes to the backend of that name.
OUR_NAMES: Mapping[str, str] = {
    "apple": "apple-id",
    "discord": "discord",
    "facebook": "facebook",
    "github": "github",
    "gitlab": "gitlab",
    "google": "google-oauth2",
    "spotify": "spotify",
    "stripe": "stripe",
    "twitch": "twitch",
}
# Where they are not, although the provider is the same.
OTHER_UIDS: Mapping[str, tuple[str, str]] = {
    "linkedin_oauth2": ("linkedin-openidconnect", "its uid is of LinkedIn's former API, and here it is the sub"),
    "microsoft": ("azuread-v2-tenant-oauth2", "its uid is the id of Microsoft Graph, and here it is the sub"),
    "slack": ("slack", "its tokens are of Slack's OpenID Connect, and here they are of its OAuth 2"),
}
OAUTH_1 = frozenset(
    {"discogs", "evernote", "fivehundredpx", "flickr", "openstreetmap", "trello", "tumblr", "twitter", "vimeo", "xing"}
)


async def formers(database: OtherDatabase, *, page_size: int, now: float) -> AsyncIterator[list[Former]]:
    """Give all accounts, page by page, with their tokens.

    Raises:
        SettingsError: A table cannot be read.
    """
    apps = {row["id"]: row for row in await database.page(APPS, after=None, limit=MAX_APPS)}
    after: object = None
    while rows := await database.page(TABLE, after=after, limit=page_size):
        tokens = await database.matching(TOKENS, column="account_id", values=[row["id"] for row in rows])
        of_account: dict[object, list[Row]] = {}
        for token in tokens:
            of_account.setdefault(token.get("account_id"), []).append(token)
        yield [former_of(row, of_account.get(row["id"], ()), apps=apps, now=now) for row in rows]
        after = rows[-1]["id"]


def former_of(row: Row, tokens: Sequence[Row], *, apps: Mapping[object, Row], now: float) -> Former:
    """Read one account with its newest token.

    Args:
        row: The account.
        tokens: Its tokens, one for each app, oldest first.
        apps: By id, those that stand in the database; others are in allauth's settings alone.
        now: The present moment.
    """
    provider = str(row.get("provider"))
    token = tokens[-1] if tokens else {}
    app = apps.get(token.get("app_id")) or _app_of(provider, apps) or {}
    facts = object_of(row.get("extra_data"))
    extra = {} if facts is None else _flat(facts)
    kind = "openid_connect" if facts and extra is not facts else str(app.get("provider") or provider)
    ours, other_uid = OTHER_UIDS.get(kind, (OUR_NAMES.get(kind, ""), None))
    faults = (
        "its extra_data are no JSON object" if facts is None else None,
        "its tokens are of OAuth 1" if kind in OAUTH_1 else None,
        other_uid,
    )
    client_id = app.get("client_id")
    return Former(
        place=f"{TABLE} {row['id']}",
        provider=provider,
        aliases=(ours,) if ours else (),
        uid=row.get("uid"),
        user_id=row.get("user_id"),
        facts=extra,
        tokens=_tokens(token, extra, now=now),
        # Of Apple, allauth keeps several ids in one column.
        client_id=client_id.partition(",")[0].strip() if isinstance(client_id, str) else None,
        issued_at=moment_of(row.get("last_login")),
        created_at=moment_of(row.get("date_joined")),
        fault=next((fault for fault in faults if fault is not None), None),
    )


def _app_of(provider: str, apps: Mapping[object, Row]) -> Row | None:
    """Give the app that an account without a token came from: accounts bear its ``provider_id``, where it has one."""
    fitting = [one for one in apps.values() if provider in {one.get("provider_id"), one.get("provider")}]
    return fitting[0] if len(fitting) == 1 else None


def _flat(facts: Mapping[str, object]) -> Mapping[str, object]:
    """Give what is kept of an account by its names; of openid_connect it stands one step deeper since allauth 65.11."""
    if not facts or not facts.keys() <= {"id_token", "userinfo"}:
        return facts
    claims, userinfo = facts.get("id_token"), facts.get("userinfo")
    return {**(claims if isinstance(claims, dict) else {}), **(userinfo if isinstance(userinfo, dict) else {})}


def _tokens(row: Row, extra: Mapping[str, object], *, now: float) -> Tokens:
    return Tokens(
        access_token=token_of(row.get("token")) or Secret(""),
        refresh_token=token_of(row.get("token_secret")),
        expires_at=ends_at(moment_of(row.get("expires_at")), now=now),
        answer={},
        claims=claims_of(extra, None),
    )
