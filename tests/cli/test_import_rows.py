"""What an account of another library becomes: whose it is, which backend's, and when its tokens end."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social import Social
from asgi_social.cli import allauth, social_auth
from asgi_social.cli.former import UNCONFIGURED, Former, Rules, client_of, moment_of, object_of, row_of, whole
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Secret
from asgi_social.storage.repository import StoredAssociation
from asgi_social.vault import tokens_of
from tests.app import settings
from tests.tokens import encoded

NOW = 1_800_000_000.0
CREDENTIALS = {"client_secret": "x"}
SIGNED = ("evernote", "flickr", "mediawiki", "tripit", "twitter")
BACKENDS = {
    "github": {"client_id": "github-1", **CREDENTIALS},
    "octo": {"provider": "github", "client_id": "github-2", **CREDENTIALS},
    "google": {"provider": "google-oauth2", "client_id": "google-1", **CREDENTIALS},
    "spotify-1": {"provider": "spotify", "client_id": "spotify-1", "client_ids": ["spotify-phone"], **CREDENTIALS},
    "spotify-2": {"provider": "spotify", "client_id": "spotify-2", **CREDENTIALS},
    "corp": {"provider": "oidc", "issuer": "https://id.corp.example", "client_id": "corp-1", **CREDENTIALS},
    "azuread-v2-tenant-oauth2": {"client_id": "ms-1", **CREDENTIALS},
    **{
        name: {"client_id": f"{name}-1", **CREDENTIALS}
        for name in ("evernote", "flickr", "mediawiki", "tripit", "twitter")
    },
}
SOCIAL = Social(**settings(backends=BACKENDS))
CLIENTS = {name: one.client for name, one in SOCIAL.settings.backends.items()}
RULES = Rules(clients=CLIENTS, users=SOCIAL.engine.users, keys=SOCIAL.engine.keys, now=NOW)
FORMER = Former(
    place="a table 1",
    provider="github",
    uid="583231",
    user_id=7,
    facts={},
    tokens=Tokens(access_token=Secret("a")),
    issued_at=None,
    created_at=None,
)


def of_social_auth(**row: Any) -> Former:
    values = {"id": 1, "provider": "github", "uid": "583231", "user_id": 7, "extra_data": {}}
    return social_auth.former_of(values | row, now=NOW)


def of_allauth(*tokens: dict[str, Any], apps: list[dict[str, Any]] | None = None, **row: Any) -> Former:
    values = {"id": 1, "provider": "github", "uid": "583231", "user_id": 7, "extra_data": {}}
    return allauth.former_of(values | row, tokens, apps={one["id"]: one for one in apps or []}, now=NOW)


def id_token(**claims: object) -> str:
    return f"{encoded(b'{}')}.{encoded(json.dumps(claims).encode())}.{encoded(b'signature')}"


def made(former: Former) -> StoredAssociation:
    row = row_of(former, RULES)
    assert isinstance(row, StoredAssociation)
    return row


# Which backend


@pytest.mark.parametrize(
    ("provider", "aliases", "client_id", "backend"),
    [
        pytest.param("github", (), "github-2", "github", id="the same name goes before all"),
        pytest.param("google-oauth2", (), None, "google", id="the only one of the provider"),
        pytest.param("any", ("google-oauth2",), None, "google", id="by another name"),
        pytest.param("spotify", (), "spotify-2", "spotify-2", id="by the registration"),
        pytest.param("spotify", (), "spotify-phone", "spotify-1", id="by a further registration"),
    ],
)
def test_an_account_goes_to_the_backend(
    provider: str, aliases: tuple[str, ...], client_id: str | None, backend: str
) -> None:
    former = replace(FORMER, provider=provider, aliases=aliases, client_id=client_id)

    client = client_of(former, CLIENTS)

    assert not isinstance(client, str | None)
    assert client.name == backend


@pytest.mark.parametrize(
    ("provider", "client_id", "reason"),
    [
        pytest.param(
            "spotify", None, "it may belong to any of the backends spotify-1, spotify-2", id="no registration"
        ),
        pytest.param("spotify", "another", UNCONFIGURED, id="another registration"),
        pytest.param("reddit", None, UNCONFIGURED, id="no backend"),
        pytest.param("oidc", None, UNCONFIGURED, id="some other issuer"),
    ],
)
def test_an_account_goes_to_none_where_it_cannot_be_told(provider: str, client_id: str | None, reason: str) -> None:
    assert row_of(replace(FORMER, provider=provider, client_id=client_id), RULES) == reason


# Whose account


def test_the_tenant_of_a_microsoft_account_is_taken_from_what_is_kept_or_from_its_id_token() -> None:
    token = id_token(sub="s", tid="tenant-1")
    kept = {"access_token": "a", "tid": "tenant-2"}
    microsoft = {"provider": "azuread-v2-tenant-oauth2", "uid": "s"}

    rows = [
        made(of_social_auth(**microsoft, extra_data={"access_token": "a", "id_token": token})),
        made(of_social_auth(**microsoft, extra_data=kept)),
    ]

    assert [row.authority for row in rows] == ["tenant-1", "tenant-2"]
    assert [row.id_token is not None for row in rows] == [True, False]


def test_an_id_token_of_another_subject_leaves_an_account_out() -> None:
    token = id_token(sub="another")

    left = row_of(of_social_auth(provider="corp", extra_data={"access_token": "a", "id_token": token}), RULES)

    assert left == "its uid is not what OpenID Connect calls sub, which names an account here"


@pytest.mark.parametrize("kept", ["nonsense", "a.b.c", 7, "\ud800"])
def test_an_id_token_that_is_none_is_no_reason(kept: object) -> None:
    row = made(of_social_auth(extra_data={"access_token": "a", "id_token": kept}))

    assert row.uid == "583231"


@pytest.mark.parametrize("tenant", ["t" * 256, "\0", "\ud800", "", None, []])
def test_an_authority_that_no_database_would_take_leaves_an_account_out(tenant: object) -> None:
    kept = {"access_token": "a", "tid": tenant}

    left = row_of(of_social_auth(provider="azuread-v2-tenant-oauth2", extra_data=kept), RULES)

    assert left == "nothing tells {claim.tid}, within which its uid is unique"


@pytest.mark.parametrize("user_id", ["\0", "\ud800", "x" * 256, "é" * 200, " ", None, 0.5, True, b"7"])
def test_a_users_id_that_no_database_would_take_leaves_an_account_out(user_id: object) -> None:
    assert row_of(replace(FORMER, user_id=user_id), RULES) == "the setting user_id does not convert its user's id"


def test_a_uid_that_the_table_holds_as_a_number_is_its_digits() -> None:
    assert made(of_social_auth(uid=583231, extra_data={"access_token": "a", "id": 583231})).uid == "583231"


# When tokens end


NO_LIFETIMES: list[object] = [0, -1, True, "soon", 0.5, [], "9" * 99]


@pytest.mark.parametrize(
    ("extra", "expires_at"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"expires": None}, None, id="null"),
        pytest.param({"expires": 3600, "auth_time": 1_700_000_000}, 1_700_003_600.0, id="a lifetime"),
        pytest.param({"expires": "3600", "auth_time": "1700000000"}, 1_700_003_600.0, id="as digits"),
        pytest.param({"expires": 3600.0, "auth_time": 1_700_000_000}, 1_700_003_600.0, id="as a fraction"),
        pytest.param({"expires": 3600}, 1_600_003_600.0, id="from the last change"),
        pytest.param({"expires": 1_700_009_999}, 1_700_009_999.0, id="a moment"),
        pytest.param({"expires_in": 1_700_009_999}, None, id="a lifetime of 53 years"),
        pytest.param({"expires_on": "1700009999", "expires": 5}, 1_700_009_999.0, id="a named moment"),
        pytest.param({"expires_in": 60, "expires": 5, "auth_time": 1_700_000_000}, 1_700_000_060.0, id="the first"),
        pytest.param({"expires": 1_700_009_999_000}, None, id="milliseconds"),
        *(pytest.param({"expires": one}, None, id=f"{one!r}") for one in NO_LIFETIMES),
    ],
)
def test_the_end_of_a_token_of_social_auth(extra: dict[str, Any], expires_at: float | None) -> None:
    former = of_social_auth(extra_data=extra, modified=datetime.fromtimestamp(1_600_000_000, UTC))

    assert former.tokens.expires_at == expires_at


def test_a_lifetime_that_began_nobody_knows_when_is_unknown() -> None:
    """The tables of early versions have neither created nor modified."""
    row = made(of_social_auth(extra_data={"access_token": "a", "expires": 3600}))

    assert (row.expires_at, row.issued_at, row.created_at) == (None, NOW, NOW)


def test_moments_that_are_unknown_are_those_that_are_known() -> None:
    row = made(replace(FORMER, created_at=5.0))

    assert (row.issued_at, row.since, row.created_at) == (5.0, 5.0, 5.0)
    assert made(replace(FORMER, issued_at=6.0)).created_at == 6.0


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("bearer", "bearer"), (None, "Bearer"), ("", "Bearer"), (7, "Bearer"), ("x" * 65, "Bearer"), ("\0", "Bearer")],
)
def test_the_token_type_is_as_it_was_written(kind: object, stored: str) -> None:
    assert made(of_social_auth(extra_data={"access_token": "a", "token_type": kind})).token_type == stored


# allauth


@pytest.mark.parametrize(
    ("provider", "key", "uid", "access_token", "stored"),
    [
        pytest.param(
            "twitter",
            "id",
            "10101010",
            {"oauth_token": "a", "oauth_token_secret": "b", "user_id": "10101010", "screen_name": "ada"},
            '{"oauth_token":"a","oauth_token_secret":"b"}',
            id="with its secret",
        ),
        pytest.param(
            "evernote",
            "edam_userId",
            "591969",
            {"oauth_token": "a", "edam_userId": "591969"},
            '{"oauth_token":"a","oauth_token_secret":""}',
            id="without one",
        ),
        pytest.param(
            "flickr",
            "id",
            "1@N01",
            {"oauth_token": "a", "oauth_token_secret": ""},
            '{"oauth_token":"a","oauth_token_secret":""}',
            id="by the name that social-auth has for it",
        ),
        pytest.param(
            "mediawiki",
            "userID",
            "7",
            {"oauth_token": "a", "oauth_token_secret": "b"},
            '{"oauth_token":"a","oauth_token_secret":"b"}',
            id="of a signed answer",
        ),
        pytest.param(
            "tripit",
            "id",
            "7",
            {"oauth_token": "a", "oauth_token_secret": "b"},
            '{"oauth_token":"a","oauth_token_secret":"b"}',
            id="of one that is linked no longer",
        ),
    ],
)
def test_a_token_of_oauth_1_is_taken_over_with_its_secret(
    provider: str, key: str, uid: str, access_token: dict[str, str], stored: str
) -> None:
    row = made(of_social_auth(provider=provider, uid=uid, id_key=key, extra_data={"access_token": access_token}))

    tokens = tokens_of(row, keys=RULES.keys)
    assert (row.backend, row.uid, row.token_type) == (provider, uid, "oauth1")
    assert tokens.access_token == Secret(stored)


@pytest.mark.parametrize(
    ("provider", "access_token", "reason"),
    [
        pytest.param("twitter", "a", "its token is not one of OAuth 1", id="one of OAuth 2"),
        pytest.param("github", {"oauth_token": "a"}, "its token is one of OAuth 1", id="one of OAuth 1"),
        pytest.param("twitter", {"oauth_token": "a b"}, "it has no access token", id="no token"),
        pytest.param("twitter", {"oauth_token_secret": "b"}, "it has no access token", id="a secret alone"),
        pytest.param(
            "twitter", {"oauth_token": "a", "oauth_token_secret": "a b"}, "it has no access token", id="no secret"
        ),
        pytest.param("twitter", {"oauth_token": "a", "oauth_token_secret": 7}, "it has no access token", id="a number"),
    ],
)
def test_a_token_of_another_protocol_is_not_taken_over(provider: str, access_token: object, reason: str) -> None:
    said = row_of(of_social_auth(provider=provider, extra_data={"access_token": access_token}), RULES)

    assert str(said).startswith(reason)


def test_of_several_tokens_the_newest_is_taken_with_the_app_that_it_is_of() -> None:
    apps = [
        {"id": 1, "provider": "spotify", "provider_id": "", "client_id": "spotify-1"},
        {"id": 2, "provider": "spotify", "provider_id": "", "client_id": "spotify-2"},
    ]
    tokens = [{"token": "old", "account_id": 1, "app_id": 1}, {"token": "new", "account_id": 1, "app_id": 2}]

    former = of_allauth(*tokens, provider="spotify", apps=apps)

    assert former.tokens.access_token == Secret("new")
    assert made(former).backend == "spotify-2"


def test_an_account_without_a_token_is_of_the_one_app_that_it_can_be_of() -> None:
    apps = [
        {"id": 1, "provider": "google", "provider_id": "google-main", "client_id": "google-1"},
        {"id": 2, "provider": "google", "provider_id": "google-other", "client_id": "google-9"},
    ]

    formers = [of_allauth(provider=one, apps=apps) for one in ("google-main", "google", "elsewhere")]

    assert [(one.client_id, one.aliases) for one in formers] == [
        ("google-1", ("google-oauth2",)),
        (None, ("google-oauth2",)),
        (None, ()),
    ]


def test_of_apples_several_ids_the_first_is_the_registration() -> None:
    apps = [{"id": 1, "provider": "apple", "client_id": "com.example.web, com.example.phone"}]

    assert of_allauth(provider="apple", apps=apps).client_id == "com.example.web"


@pytest.mark.parametrize(
    ("extra", "username"),
    [
        pytest.param({"sub": "1", "preferred_username": "ada"}, "ada", id="before 65.11"),
        pytest.param({"userinfo": {"preferred_username": "ada"}, "id_token": {"sub": "1"}}, "ada", id="both"),
        pytest.param({"id_token": {"sub": "1", "preferred_username": "ada"}}, "ada", id="the claims alone"),
        pytest.param({"userinfo": None, "id_token": "odd"}, None, id="neither"),
    ],
)
def test_openid_connect_keeps_what_it_knows_in_two_shapes(extra: dict[str, Any], username: str | None) -> None:
    assert of_allauth(provider="corp", extra_data=extra).facts.get("preferred_username") == username


def test_an_app_of_openid_connect_may_be_called_as_one_of_allauths_own_providers() -> None:
    extra = {"userinfo": {"sub": "1"}, "id_token": {"sub": "1"}}

    assert of_allauth(provider="microsoft", extra_data=extra).fault is None
    assert of_allauth(provider="microsoft").fault is not None


@pytest.mark.parametrize(
    ("provider", "fault"),
    [
        ("twitter", "its tokens are of OAuth 1"),
        ("linkedin_oauth2", "its uid is of LinkedIn's former API, and here it is the sub"),
        ("slack", "its tokens are of Slack's OpenID Connect, and here they are of its OAuth 2"),
        ("github", None),
    ],
)
def test_the_providers_of_which_nothing_fits_are_known(provider: str, fault: str | None) -> None:
    assert of_allauth(provider=provider).fault == fault


# Columns


@pytest.mark.parametrize(
    ("value", "there"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        (b'{"a": 1}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("", {}),
        (None, {}),
        ("null", {}),
        ("[]", None),
        ("7", None),
        ("{", None),
        ("[" * 100_000, None),
        (b"\xff", None),
        ('"\\"\\\\\\"{}\\\\\\"\\""', None),
    ],
)
def test_a_column_of_json_is_an_object_or_none(value: object, there: object) -> None:
    assert object_of(value) == there


@given(st.one_of(st.text(), st.binary(), st.integers(), st.none()))
def test_whatever_stands_in_a_column_of_json_is_an_object_or_none(value: object) -> None:
    assert object_of(value) is None or isinstance(object_of(value), dict)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    ),
    st.sampled_from(
        ["access_token", "refresh_token", "id_token", "expires", "auth_time", "scope", "token_type", "id", "login"]
    ),
)
def test_whatever_is_kept_becomes_a_row_or_a_reason(value: object, name: str) -> None:
    extra = {"access_token": "a", "refresh_token": "b", "auth_time": 1_700_000_000, name: value}

    assert isinstance(row_of(of_social_auth(extra_data=extra), RULES), StoredAssociation | str)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), 1767312000.0),
        (datetime(2026, 1, 2), 1767312000.0),  # noqa: DTZ001  # as MariaDB's driver gives it
        (datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))), 1767312000.0),
        ("2026-01-02 00:00:00.000000", 1767312000.0),
        ("2026-01-02T00:00:00+00:00", 1767312000.0),
        ("yesterday", None),
        (1767312000, None),
        (None, None),
    ],
)
def test_a_column_of_time_is_a_moment(value: object, moment: float | None) -> None:
    assert moment_of(value) == moment


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), (7.0, 7), (True, None), ("-7", None), ("\N{ARABIC-INDIC DIGIT SEVEN}", None)],
)
def test_a_whole_number_may_be_digits(value: object, number: int | None) -> None:
    assert whole(value) == number
