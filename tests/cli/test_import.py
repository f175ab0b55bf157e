"""``asgi-social import``: what is taken over, what is left out and why, and that their tables are never written."""

import asyncio
import gc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asgi_social import Social
from asgi_social.cli.former import Former
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing.clock import START
from asgi_social.vault import account_of, tokens_of
from tests.app import settings
from tests.cli.running import TARGET, put, run
from tests.cli.their_tables import KINDS, LINKED, Theirs, made

CORP = {"provider": "oidc", "issuer": "https://id.corp.example", "client_id": "corp-id", "client_secret": "x"}
MICROSOFT = {"client_id": "ms-id", "client_secret": "x"}
GITHUB = {"client_id": "an-id", "client_secret": "a-secret"}
GOOGLE = {"provider": "google-oauth2", "client_id": "google-id", "client_secret": "x"}
BACKENDS = {"github": GITHUB, "google": GOOGLE, "corp": CORP, "azuread-v2-tenant-oauth2": MICROSOFT}


class Ours:
    """The app's side of an import, with a store in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
        self.repository = MemoryRepository()
        self.social = Social(**settings(backends=BACKENDS, database=self.repository, user_id=int, **more))
        put(monkeypatch, self.social)

    def rows(self) -> list[StoredAssociation]:
        rows = asyncio.run(self.repository.page(after="", limit=100))
        return sorted(rows, key=lambda row: (row.backend, row.uid))

    def only(self) -> StoredAssociation:
        [row] = self.rows()
        return row


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Ours:
    return Ours(monkeypatch)


@pytest.fixture(params=KINDS)
def theirs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Theirs]:
    with made(request.param, tmp_path) as database:
        yield database


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Theirs]:
    with made("sqlite", tmp_path) as database:
        yield database


def of_social_auth(theirs: Theirs, **values: Any) -> None:
    extra = {"access_token": "gho_old", "token_type": "bearer", "auth_time": 1_700_000_000}
    row = {"provider": "github", "uid": "583231", "user_id": 7, "extra_data": extra}
    theirs.add("social_auth_usersocialauth", **row | values)


def of_allauth(theirs: Theirs, *, token: str | None = "gho_old", **values: Any) -> None:
    row = {"id": 1, "provider": "github", "uid": "583231", "user_id": 7, "extra_data": {"id": 583231}}
    theirs.add("socialaccount_socialaccount", **row | values)
    if token is not None:
        theirs.add("socialaccount_socialtoken", account_id=(row | values)["id"], token=token)


# Both libraries, on each database


def test_an_account_of_social_auth_is_taken_over_whole_and_its_table_stays(theirs: Theirs, ours: Ours) -> None:
    extra = {
        "access_token": "gho_old",
        "refresh_token": "ghr_old",
        "expires": 3600,
        "auth_time": 1_700_000_000,
        "token_type": "bearer",
        "scope": "read:user,gist",
        "login": "octocat 🐙",
        "id": 583231,
    }
    of_social_auth(theirs, extra_data=extra)
    before = theirs.rows()

    result = run("import", "social-auth", theirs.url, TARGET)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Taken over: 1. There already: 0. Linked to another user: 0. Left out: 0.\n"
    row, keys = ours.only(), ours.social.engine.keys
    tokens = tokens_of(row, keys=keys)
    assert (row.backend, row.authority, row.uid, row.user_id) == ("github", "", "583231", "7")
    assert (tokens.access_token.reveal(), tokens.refresh_token and tokens.refresh_token.reveal()) == (
        "gho_old",
        "ghr_old",
    )
    assert (row.token_type, row.scope, row.client_id) == ("bearer", ("read:user", "gist"), "an-id")
    assert (row.issued_at, row.expires_at) == (1_700_000_000.0, 1_700_003_600.0)
    assert (row.created_at, row.token_host) == (LINKED.timestamp(), "")
    assert row.renew_at is not None
    assert 1_700_003_200 < row.renew_at < 1_700_003_600
    assert account_of(row, keys=keys)["username"] == "octocat 🐙"
    assert "gho_old" not in repr(vars(ours.repository))
    assert theirs.rows() == before


def test_an_account_of_allauth_is_taken_over_with_its_token_and_its_tables_stay(theirs: Theirs, ours: Ours) -> None:
    ends = datetime(2026, 2, 1, tzinfo=UTC)
    theirs.add("socialaccount_socialapp", id=4, provider="google", client_id="google-id")
    theirs.add(
        "socialaccount_socialaccount",
        id=9,
        provider="google",
        uid="1067",
        user_id=7,
        extra_data={"sub": "1067", "email": "ada@people.example", "email_verified": True},
    )
    theirs.add(
        "socialaccount_socialtoken", account_id=9, app_id=4, token="ya29", token_secret="1//old", expires_at=ends
    )
    before = theirs.rows()

    result = run("import", "allauth", theirs.url, TARGET)

    assert (result.exit_code, result.stderr) == (0, "")
    row, keys = ours.only(), ours.social.engine.keys
    tokens = tokens_of(row, keys=keys)
    assert (row.backend, row.uid, row.user_id, row.client_id) == ("google", "1067", "7", "google-id")
    assert (tokens.access_token.reveal(), tokens.refresh_token and tokens.refresh_token.reveal()) == ("ya29", "1//old")
    assert (row.expires_at, row.created_at) == (ends.timestamp(), LINKED.timestamp())
    assert account_of(row, keys=keys)["email"] == "ada@people.example"
    assert account_of(row, keys=keys)["email_verified"] is True
    assert theirs.rows() == before


@pytest.mark.parametrize("library", ["social-auth", "allauth"])
def test_more_than_a_page_is_taken_over_and_a_second_run_takes_over_nothing(
    theirs: Theirs, ours: Ours, library: str
) -> None:
    accounts = [{"provider": "github", "uid": f"{one}", "user_id": one} for one in range(1, 502)]
    if library == "allauth":
        theirs.add_all("socialaccount_socialaccount", [{"id": row["user_id"], **row} for row in accounts])
        theirs.add_all(
            "socialaccount_socialtoken", [{"account_id": row["user_id"], "token": "gho_old"} for row in accounts]
        )
    else:
        theirs.add_all(
            "social_auth_usersocialauth", [{**row, "extra_data": {"access_token": "gho_old"}} for row in accounts]
        )

    results = [run("import", library, theirs.url, TARGET) for _ in range(2)]

    assert results[0].stdout.startswith("Taken over: 501. There already: 0.")
    assert results[1].stdout.startswith("Taken over: 0. There already: 501.")
    assert asyncio.run(ours.repository.count()) == 501


@pytest.mark.parametrize("library", ["social-auth", "allauth"])
def test_a_dry_run_tells_the_same_and_takes_over_nothing(theirs: Theirs, ours: Ours, library: str) -> None:
    of_social_auth(theirs)
    of_allauth(theirs)

    result = run("import", library, theirs.url, TARGET, "--dry-run")

    assert result.exit_code == 0
    assert result.stdout == (
        "Would be taken over: 1. There already: 0. Linked to another user: 0. Left out: 0.\nNothing was changed.\n"
    )
    assert ours.rows() == []


# Going on, and what is there already


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_an_account_that_is_there_stays_as_it_is(file: Theirs, ours: Ours, words: tuple[str, ...]) -> None:
    of_social_auth(file)
    run("import", "social-auth", file.url, TARGET)
    before = ours.only()

    result = run("import", "social-auth", file.url, TARGET, *words)

    assert "There already: 1. Linked to another user: 0. Left out: 0." in result.stdout
    assert ours.only() == before


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["for real", "dry"])
def test_an_account_that_is_another_users_here_is_told_and_stays_theirs(
    file: Theirs, ours: Ours, words: tuple[str, ...]
) -> None:
    of_social_auth(file)
    run("import", "social-auth", file.url, TARGET)
    file.execute("UPDATE social_auth_usersocialauth SET user_id = 8")

    result = run("import", "social-auth", file.url, TARGET, "--quiet", *words)

    assert result.exit_code == 0
    assert result.stdout == (
        "social_auth_usersocialauth 1 (github) left out: the account is linked to another user here\n"
    )
    assert ours.only().user_id == "7"


def test_an_account_that_is_unlinked_while_it_is_looked_at_is_not_brought_back(
    file: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unlinking(MemoryRepository):
        async def find(self, *, backend: str, authority: str, uid: str) -> None:
            return None

    repository = Unlinking()
    put(monkeypatch, Social(**settings(backends=BACKENDS, database=repository, user_id=int)))
    of_social_auth(file)
    run("import", "social-auth", file.url, TARGET)

    result = run("import", "social-auth", file.url, TARGET)

    assert result.stdout.startswith("Taken over: 0. There already: 1.")


# Whose account it is


def test_linking_again_finds_an_account_of_an_issuer(file: Theirs, ours: Ours) -> None:
    of_social_auth(file, provider="corp", uid="sub-1")
    of_allauth(file, provider="corp", uid="sub-2", extra_data={"userinfo": {"sub": "sub-2", "name": "Ada"}})

    run("import", "social-auth", file.url, TARGET)
    run("import", "allauth", file.url, TARGET)

    rows = ours.rows()
    assert [(row.backend, row.authority, row.uid) for row in rows] == [
        ("corp", "https://id.corp.example", "sub-1"),
        ("corp", "https://id.corp.example", "sub-2"),
    ]
    assert account_of(rows[1], keys=ours.social.engine.keys)["username"] is None


# What is left out


LEFT: list[Any] = [
    pytest.param({"uid": " "}, "it has no uid that names an account", id="no uid"),
    pytest.param({"extra_data": {}}, "it has no access token; --tokenless takes over the link alone", id="no token"),
    pytest.param({"extra_data": {"access_token": "a b"}}, "it has no access token; --tokenless", id="no such token"),
    pytest.param(
        {"extra_data": {"access_token": {"oauth_token": "a", "oauth_token_secret": "b"}}},
        "its token is one of OAuth 1",
        id="OAuth 1",
    ),
    pytest.param({"extra_data": "[1]"}, "its extra_data are no JSON object", id="a list"),
    pytest.param({"user_id": "ada"}, "the setting user_id does not convert its user's id", id="user id"),
    pytest.param({"id_key": "login"}, "its uid is not what GitHub calls id, which names", id="another key"),
    pytest.param(
        {"extra_data": {"access_token": "a", "id": 1}}, "its uid is not what GitHub calls id, which", id="another uid"
    ),
    pytest.param(
        {"provider": "google-oauth2", "uid": "ada@people.example"},
        "its uid is not what Google calls sub, which names an account here",
        id="an address",
    ),
    pytest.param(
        {"provider": "azuread-v2-tenant-oauth2", "uid": "sub-1"},
        "nothing tells {claim.tid}, within which its uid is unique",
        id="no tenant",
    ),
]


@pytest.mark.parametrize(("values", "reason"), LEFT)
def test_what_cannot_be_taken_over_is_told_with_its_reason_and_nothing_else_is_touched(
    file: Theirs, ours: Ours, values: dict[str, Any], reason: str
) -> None:
    of_social_auth(file, **values)
    of_social_auth(file, uid="42", provider="github")
    before = file.rows()

    result = run("import", "social-auth", file.url, TARGET)

    assert result.exit_code == 0
    assert f" left out: {reason}" in result.stdout.splitlines()[0]
    assert result.stdout.startswith("social_auth_usersocialauth 1 (")
    assert result.stdout.endswith("Taken over: 1. There already: 0. Linked to another user: 0. Left out: 1.\n")
    assert [row.uid for row in ours.rows()] == ["42"]
    assert file.rows() == before


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param(
            {"provider": "microsoft"}, "its uid is the id of Microsoft Graph, and here it is the sub", id="Microsoft"
        ),
        pytest.param({"extra_data": "no JSON"}, "its extra_data are no JSON object", id="no JSON"),
    ],
)
def test_of_allauth_too(file: Theirs, ours: Ours, row: dict[str, Any], reason: str) -> None:
    of_allauth(file, **row)

    result = run("import", "allauth", file.url, TARGET, "--quiet")

    assert (result.exit_code, ours.rows()) == (0, [])
    assert result.stdout == (f"socialaccount_socialaccount 1 ({row.get('provider', 'github')}) left out: {reason}\n")


def test_accounts_of_providers_without_a_backend_are_counted_and_left_out(file: Theirs, ours: Ours) -> None:
    of_social_auth(file, provider="reddit", uid="1")
    of_social_auth(file, provider="reddit", uid="2")
    of_social_auth(file, provider="asana", uid="3")

    result = run("import", "social-auth", file.url, TARGET, "--quiet")

    left_out = "left out: no backend of its provider is configured (--unconfigured takes them over)"
    assert (result.exit_code, ours.rows()) == (0, [])
    assert result.stdout == f"1 of the provider 'asana' {left_out}\n2 of the provider 'reddit' {left_out}\n"


def test_accounts_of_providers_without_a_backend_are_taken_over_where_that_is_asked_for(
    file: Theirs, ours: Ours
) -> None:
    extra = {"access_token": "old", "username": "ada", "email": None}
    of_social_auth(file, provider="reddit", extra_data=extra)

    run("import", "social-auth", file.url, TARGET, "--unconfigured")

    row, keys = ours.only(), ours.social.engine.keys
    assert (row.backend, row.authority, row.uid, row.client_id) == ("reddit", "", "583231", "")
    assert tokens_of(row, keys=keys).access_token.reveal() == "old"
    assert (account_of(row, keys=keys)["username"], account_of(row, keys=keys)["email"]) == ("ada", None)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({"uid": "null"}, "it has no uid that names an account", id="no uid"),
        pytest.param({"provider": "a b"}, "its provider's name is none that a backend can have", id="no name"),
    ],
)
def test_what_no_backend_could_ever_find_is_left_out_all_the_same(
    file: Theirs, ours: Ours, values: dict[str, Any], reason: str
) -> None:
    of_social_auth(file, **{"provider": "reddit", **values})

    result = run("import", "social-auth", file.url, TARGET, "--unconfigured", "--quiet")

    assert result.stdout.endswith(f"left out: {reason}\n")
    assert ours.rows() == []


def test_accounts_without_a_token_are_taken_over_as_links_where_that_is_asked_for(file: Theirs, ours: Ours) -> None:
    """As allauth stores them unless SOCIALACCOUNT_STORE_TOKENS is on."""
    of_allauth(file, token=None)

    run("import", "allauth", file.url, TARGET, "--tokenless")

    row = ours.only()
    assert (row.uid, row.user_id, row.access_token, row.refresh_token) == ("583231", "7", "", None)


def test_a_token_that_has_ended_is_taken_over_all_the_same(file: Theirs, ours: Ours) -> None:
    of_social_auth(file, extra_data={"access_token": "a", "expires_on": int(START) - 86400})

    run("import", "social-auth", file.url, TARGET)

    assert ours.only().expires_at == START - 86400


# What goes wrong


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param(
            "oracle://host/name", "is of the kind 'oracle', which is not supported\n  write sqlite", id="a kind"
        ),
        pytest.param("http://[", "is of the kind '', which is not supported\n  write sqlite", id="no URL"),
        pytest.param("sqlite:///there/is/none.db", "is not there\n  write sqlite:///their.db", id="no file"),
        pytest.param(
            "postgresql://ada:hunter2@127.0.0.1:1/name",
            "does not open: PostgreSQL answers ConnectionRefusedError\n  look at its host",
            marks=pytest.mark.postgresql,
            id="no server",
        ),
        pytest.param(
            "mariadb://ada:hunter2@127.0.0.1/name",
            "does not open: MariaDB answers OperationalError 1045\n  look at its host",
            marks=pytest.mark.mariadb,
            id="a wrong password",
        ),
    ],
)
def test_a_database_that_does_not_open_ends_it_with_1_and_what_to_do(ours: Ours, url: str, told: str) -> None:
    result = run("import", "social-auth", url, TARGET)

    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("library", ["social-auth", "allauth"])
def test_tables_that_are_not_there_end_it_with_1_and_what_to_do(ours: Ours, tmp_path: Path, library: str) -> None:
    (tmp_path / "empty.db").touch()

    result = run("import", library, f"sqlite:///{tmp_path}/empty.db", TARGET)

    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        " cannot be read: SQLite answers SQLITE_ERROR\n  name the database that has the tables of that" in result.stderr
    )
    assert (tmp_path / "empty.db").read_bytes() == b""


def test_a_database_of_ours_that_does_not_open_ends_it_with_1(
    file: Theirs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(monkeypatch, Social(**settings(database=f"sqlite+aiosqlite:///{tmp_path}/no/such/social.db")))
    of_social_auth(file)

    result = run("import", "social-auth", file.url, TARGET)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("open: SQLite answers SQLITE_CANTOPEN\n")


def test_faults_of_the_settings_are_told_before_anything_is_opened() -> None:
    result = run("import", "allauth", "sqlite:///no.db", ASGI_SOCIAL_SECRET_KEY=None, ASGI_SOCIAL_APP=None)

    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, "the setting secret_key is missing")


def test_no_output_holds_a_token(file: Theirs, ours: Ours) -> None:
    of_social_auth(file, extra_data={"access_token": "hunter2", "refresh_token": "hunter2", "id": "another"})
    of_social_auth(file, uid="2", extra_data={"access_token": {"oauth_token": "hunter2"}, "refresh_token": "hunter2"})
    of_social_auth(file, uid="3", provider="reddit", extra_data='"hunter2"')

    results = [run("import", "social-auth", file.url, TARGET, *words) for words in ((), ("--unconfigured",))]

    assert [one for one in results if "hunter2" in one.output] == []


def test_ctrl_c_says_how_to_go_on_and_keeps_what_is_taken_over(file: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(MemoryRepository):
        is_interrupted = True

        async def add_each(self, rows: Sequence[StoredAssociation]) -> list[bool]:
            added = await super().add_each(rows)
            if self.is_interrupted:
                raise KeyboardInterrupt
            return added

    repository = Interrupted()
    put(monkeypatch, Social(**settings(backends=BACKENDS, database=repository, user_id=int)))
    of_social_auth(file)

    result = run("import", "social-auth", file.url, TARGET)
    repository.is_interrupted = False
    again = run("import", "social-auth", file.url, TARGET)

    assert result.exit_code == 130
    assert "Stopped. What is taken over stays: run the same command again to go on." in result.stderr
    assert again.stdout.startswith("Taken over: 0. There already: 1.")


def test_no_more_than_a_page_is_held_at_a_time(file: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: every row of the page before is gone when the next page is stored."""

    class Counting(MemoryRepository):
        def __init__(self) -> None:
            super().__init__()
            self.pages: list[int] = []
            self.alive: list[int] = []

        async def add_each(self, rows: Sequence[StoredAssociation]) -> list[bool]:
            gc.collect()
            self.pages.append(len(rows))
            self.alive.append(sum(isinstance(one, StoredAssociation | Former) for one in gc.get_objects()))
            return [True] * len(rows)

    repository = Counting()
    put(monkeypatch, Social(**settings(backends=BACKENDS, database=repository, user_id=int)))
    accounts = [{"provider": "github", "uid": f"{one}", "user_id": one} for one in range(1, 2001)]
    file.add_all("social_auth_usersocialauth", [{**row, "extra_data": {"access_token": "a"}} for row in accounts])

    run("import", "social-auth", file.url, TARGET)

    assert repository.pages == [100] * 20
    assert max(repository.alive) <= repository.alive[0] + 10
