"""Former: an account that another library has linked, and the row that is made of it. Nothing here is read or written.

What cannot be taken over is told by its reason.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asgi_social.account import Account, uid_of
from asgi_social.errors import ProviderBroken, SettingsError
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import unverified_claims
from asgi_social.protocols.message import Tokens
from asgi_social.protocols.oauth2 import MAX_LIFETIME_SECONDS, is_token
from asgi_social.protocols.userinfo import account_from
from asgi_social.refresh.schedule import with_renew_at
from asgi_social.secret import Keys, Secret, random_text
from asgi_social.storage.repository import StoredAssociation
from asgi_social.users import Users
from asgi_social.vault import with_account, with_tokens

UNCONFIGURED = "no backend of its provider is configured"
_BACKEND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# What stands for many providers: an account of one is never taken for another's, so that names alone count.
_GENERIC = frozenset({"oidc", "oauth2"})
# Providers whose rows of earlier versions are named by an address, which is nobody's for ever.
_ONCE_BY_ADDRESS = frozenset({"google-oauth2", "azuread-v2-tenant-oauth2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """An account as another library's tables have it.

    Attributes:
        place: Table and id of its row.
        provider: The provider's name there.
        aliases: What the same provider may be called in our catalogue.
        uid: What names the account there.
        uid_key: What at the provider the uid is read from, where the table says so.
        user_id: The app's user.
        facts: What is kept of the account and of the token answer; may hold tokens.
        tokens: The tokens; with an empty access token where there is none.
        client_id: The app's registration that the tokens were issued to, where the tables say so.
        issued_at: Epoch seconds at which the tokens were received, as far as is known.
        created_at: Epoch seconds at which it was linked, as far as is known.
        fault: Why it cannot be taken over, where that shows without the app's settings.
    """

    place: str
    provider: str
    aliases: tuple[str, ...] = ()
    uid: object
    uid_key: str = ""
    user_id: object
    facts: Mapping[str, object] = field(repr=False)
    tokens: Tokens
    client_id: str | None = None
    issued_at: float | None
    created_at: float | None
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what rows are made.

    Attributes:
        clients: The backends of the app, by name.
        users: Converts user ids.
        keys: Seals with the first key.
        now: The present moment.
        takes_unconfigured: Whether an account of a provider without a backend is taken over.
        takes_tokenless: Whether an account without an access token is taken over.
    """

    clients: Mapping[str, Client]
    users: Users[Any]
    keys: Keys
    now: float
    takes_unconfigured: bool = False
    takes_tokenless: bool = False


def row_of(former: Former, rules: Rules) -> StoredAssociation | str:
    """Give the association that an account becomes, or the reason why it becomes none."""
    client = client_of(former, rules.clients)
    if isinstance(client, str):
        return client
    if client is None and not rules.takes_unconfigured:
        return UNCONFIGURED
    if former.fault is not None:
        return former.fault
    if not former.tokens.access_token and not rules.takes_tokenless:
        return "it has no access token; --tokenless takes over the link alone"
    signs = former.tokens.token_type == "oauth1"
    if client is not None and former.tokens.access_token and signs != (client.provider.protocol == "oauth1"):
        return f"its token is {'' if signs else 'not '}one of OAuth 1"
    account = _account(former) if client is None else _account_at(client, former)
    if isinstance(account, str):
        return account
    try:
        user_id = uid_of(rules.users.text_of(former.user_id))
    except SettingsError:
        user_id = None
    if user_id is None:
        return "the setting user_id does not convert its user's id"
    return _row(former, account, client, user_id=user_id, rules=rules)


def client_of(former: Former, clients: Mapping[str, Client]) -> Client | str | None:
    """Give the backend that an account belongs to, None where none is configured, or why it cannot be told.

    It is the backend of the same name, else the one backend of the same provider; of several, the one with the
    registration that the tokens were issued to.
    """
    if former.provider in clients:
        return clients[former.provider]
    names = {former.provider, *former.aliases} - _GENERIC
    fitting = [one for one in clients.values() if one.provider.name in names]
    if len(fitting) > 1 and former.client_id is not None:
        fitting = [one for one in fitting if former.client_id in one.audience]
    if len(fitting) > 1:
        return f"it may belong to any of the backends {', '.join(one.name for one in fitting)}"
    return fitting[0] if fitting else None


def object_of(value: object) -> Mapping[str, object] | None:
    """Give the object in a column of JSON, as a driver hands it over; None where there is none.

    Text within text counts too: a column of text that became one of JSON holds that.
    """
    for _ in range(2):
        if isinstance(value, str | bytes):
            try:
                value = json.loads(value or "{}")
            except (ValueError, RecursionError):
                return None
    return {} if value is None else value if isinstance(value, dict) else None


def moment_of(value: object) -> float | None:
    """Give epoch seconds of a column of time; what names no zone is UTC, as Django writes it.

    >>> moment_of("2026-01-02 03:04:05")
    1767323045.0
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(moment, datetime):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def whole(value: object) -> int | None:
    """Give a whole number, which may be written as digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def ends_at(moment: float | None, *, now: float) -> float | None:
    """Give a moment at which a token ends, or None for "unknown" where it is none that a clock will see."""
    return moment if moment is not None and 0 < moment <= now + MAX_LIFETIME_SECONDS else None


def token_of(value: object) -> Secret | None:
    """Give a token, or None where it is none that could be sent."""
    return Secret(value) if isinstance(value, str) and is_token(value) else None


def claims_of(facts: Mapping[str, object], id_token: Secret | None) -> Mapping[str, object]:
    """Give what is known of an account by names of claims.

    The ID token is not verified: it is from the app's own table, and was when it came there.
    """
    return {**facts, **(unverified_claims(id_token) if id_token else {})}


def _account_at(client: Client, former: Former) -> Account | str:
    """Map an account as linking it anew would, so that linking finds the row again."""
    provider = client.provider
    claims = former.tokens.claims or {}
    answers: dict[str, object] = {"": claims, "token": former.facts, "id": claims, "userinfo": former.facts}
    keys = ["", *(one.rpartition(".")[2] for one in provider.uid.source.split("|"))]
    told = uid_of(provider.uid.read(answers))
    by_address = provider.name in _ONCE_BY_ADDRESS and "@" in str(former.uid)
    if by_address or former.uid_key not in keys or told not in {None, uid_of(former.uid)}:
        return f"its uid is not what {provider.title} calls {provider.uid.source}, which names an account here"
    try:
        account = account_from(client, answers, former.tokens, uid=former.uid)
    except ProviderBroken:
        return "it has no uid that names an account"
    # A database takes of an authority what it takes of a uid: no NUL, and not more than 255 bytes.
    if provider.authority.names and uid_of(account.authority) is None:
        return f"nothing tells {provider.authority.source}, within which its uid is unique"
    return account


def _account(former: Former) -> Account | str:
    """Map an account of a provider of which nothing is known but its name."""
    uid = uid_of(former.uid)
    if uid is None:
        return "it has no uid that names an account"
    if not _BACKEND_NAME.fullmatch(former.provider):
        return "its provider's name is none that a backend can have"
    return Account(uid=uid, username=_text(former.facts.get("username")), email=_text(former.facts.get("email")))


def _text(value: object) -> str | None:
    return value[:1000] if isinstance(value, str) else None


def _row(former: Former, account: Account, client: Client | None, *, user_id: str, rules: Rules) -> StoredAssociation:
    issued_at = former.issued_at if former.issued_at is not None else former.created_at
    issued_at = rules.now if issued_at is None else issued_at
    row = StoredAssociation(
        id=random_text(bits=128),
        user_id=user_id,
        backend=client.name if client else former.provider,
        authority=account.authority,
        uid=account.uid,
        account="",
        client_id=former.client_id or (client.client_id if client else ""),
        access_token="",
        issued_at=issued_at,
        since=issued_at,
        created_at=issued_at if former.created_at is None else former.created_at,
    )
    row = with_tokens(row, former.tokens, keys=rules.keys, now=issued_at)
    row = with_account(row, account, keys=rules.keys)
    return row if client is None else with_renew_at(row, client.provider.refresh)
