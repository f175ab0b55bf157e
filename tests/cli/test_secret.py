"""``asgi-social secret rotate``: what is sealed anew, what is left, and whether the old key can go."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from asgi_social import Account, Social
from asgi_social.account import Uid
from asgi_social.errors import StorageError
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Keys, Secret
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.vault import account_of, tokens_of, with_account, with_tokens
from tests.app import KEY, settings
from tests.cli.running import TARGET, put, run
from tests.storage.rows import association

NEW_KEY = "a-newer-key-of-the-tests-7Rk2mZq9"
LOST_KEY = "a-lost-key-of-the-tests-5Tb8vXw3n"
OLD, NEW, BOTH = Keys([KEY]), Keys([NEW_KEY]), Keys([NEW_KEY, KEY])
TOKENS = Tokens(access_token=Secret("hunter2"), refresh_token=Secret("refresh"), id_token=Secret("id"))


def sealed(number: int, *, keys: Keys = OLD) -> StoredAssociation:
    row = association(f"association-{number:04}", refresh_token=None)
    row = with_account(row, Account(uid=Uid("7"), username="ada"), keys=keys)
    return with_tokens(row, TOKENS, keys=keys, now=1.0)


def stored(repository: MemoryRepository, *rows: StoredAssociation) -> None:
    asyncio.run(repository.add_each(rows))


def rows_of(repository: MemoryRepository) -> list[StoredAssociation]:
    return asyncio.run(repository.page(after="", limit=1000))


def opens(row: StoredAssociation, keys: Keys) -> bool:
    tokens = tokens_of(row, keys=keys)
    told = [one.reveal() for one in (tokens.access_token, tokens.refresh_token, tokens.id_token) if one]
    return told == ["hunter2", "refresh", "id"] and account_of(row, keys=keys)["username"] == "ada"


def app_of(monkeypatch: pytest.MonkeyPatch, repository: MemoryRepository, **more: Any) -> None:
    put(monkeypatch, Social(**settings(database=repository, **{"secret_key": [NEW_KEY, KEY], **more})))


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> MemoryRepository:
    repository = MemoryRepository()
    app_of(monkeypatch, repository)
    return repository


def test_everything_is_sealed_anew_and_the_old_key_can_go(repository: MemoryRepository) -> None:
    stored(repository, *(sealed(number) for number in range(205)))

    result = run("secret", "rotate", TARGET)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("Sealed anew: 205. Under the first key already: 0.\nThe old keys can be taken off")
    assert all(opens(row, NEW) for row in rows_of(repository))
    assert {row.version for row in rows_of(repository)} == {1}


def test_what_is_under_the_first_key_is_left_alone(repository: MemoryRepository) -> None:
    stored(repository, sealed(1), sealed(2, keys=BOTH))
    run("secret", "rotate", TARGET)
    before = rows_of(repository)

    result = run("secret", "rotate", TARGET)

    assert result.stdout.startswith("Sealed anew: 0. Under the first key already: 2.\n")
    assert rows_of(repository) == before


def test_of_a_row_only_what_is_under_an_old_key_is_sealed_anew(repository: MemoryRepository) -> None:
    mixed = replace(sealed(1), access_token=sealed(1, keys=BOTH).access_token, id_token=None)
    stored(repository, mixed)

    run("secret", "rotate", TARGET)

    [row] = rows_of(repository)
    assert (row.access_token, row.id_token) == (mixed.access_token, None)
    assert tokens_of(row, keys=NEW).access_token == Secret("hunter2")


def test_what_does_not_open_is_told_by_its_id_and_left_as_it_is(repository: MemoryRepository) -> None:
    lost = sealed(2, keys=Keys([LOST_KEY]))
    half = replace(sealed(3), id_token="v1.nonsense")
    stored(repository, sealed(1), lost, half)

    result = run("secret", "rotate", TARGET)

    assert result.exit_code == 1
    assert result.stdout.startswith(
        "association association-0002: no key on the list opens it\n"
        "association association-0003: no key on the list opens it\n"
        "Sealed anew: 1. Under the first key already: 0.\n"
        "2 do not open with any key on the list, and were left as they are."
    )
    assert rows_of(repository)[1:] == [lost, half]
    assert "hunter2" not in result.output


def test_quiet_tells_nothing_where_all_is_well_and_the_ids_where_it_is_not(repository: MemoryRepository) -> None:
    stored(repository, sealed(1))
    well = run("secret", "rotate", TARGET, "--quiet")
    stored(repository, sealed(2, keys=Keys([LOST_KEY])))
    ill = run("secret", "rotate", TARGET, "--quiet")

    assert (well.exit_code, well.output) == (0, "")
    assert ill.exit_code == 1
    assert ill.stdout.startswith(
        "association association-0002: no key on the list opens it\n1 do not open with any key"
    )


def test_with_one_key_there_is_none_to_take_off(monkeypatch: pytest.MonkeyPatch) -> None:
    app_of(monkeypatch, MemoryRepository(), secret_key=KEY)

    result = run("secret", "rotate", TARGET)

    assert "There is one key on the list, and everything is sealed with it.\n" in result.stdout


class Busy(MemoryRepository):
    """A store in which another process writes a row just before it is sealed anew."""

    def __init__(self, *written: StoredAssociation | None) -> None:
        super().__init__()
        self.written = list(written)

    async def reseal(self, row: StoredAssociation) -> bool:
        if self.written:
            newer = self.written.pop(0)
            if newer is None:
                await self.remove(user_id=row.user_id, association_id=row.id)
            else:
                await self.save_tokens(newer, replaces=newer.version - 1)
        return await super().reseal(row)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        pytest.param(replace(sealed(1), version=2), "Sealed anew: 1. Under the first key already: 0.", id="old list"),
        pytest.param(
            replace(sealed(1, keys=BOTH), version=2), "Sealed anew: 0. Under the first key already: 1.", id="new list"
        ),
        pytest.param(None, "Sealed anew: 0. Under the first key already: 1.", id="unlinked"),
    ],
)
def test_a_row_that_is_written_meanwhile_is_read_again_and_no_write_is_lost(
    monkeypatch: pytest.MonkeyPatch, written: StoredAssociation | None, told: str
) -> None:
    repository = Busy(written)
    app_of(monkeypatch, repository)
    stored(repository, sealed(1))

    result = run("secret", "rotate", TARGET)

    assert result.exit_code == 0
    assert result.stdout.startswith(told)
    assert [row.version for row in rows_of(repository)] == ([] if written is None else [2])
    assert all(opens(row, NEW) for row in rows_of(repository))


def test_what_a_process_with_the_old_list_writes_behind_us_is_noticed_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Behind(MemoryRepository):
        async def page(self, *, after: str, limit: int) -> list[StoredAssociation]:
            rows = await super().page(after=after, limit=limit)
            if not rows and len(self._associations) == 1:
                await self.add(replace(sealed(0), uid="new"))
            return rows

    repository = Behind()
    app_of(monkeypatch, repository)
    stored(repository, sealed(1))

    results = [run("secret", "rotate", TARGET) for _ in range(2)]

    assert [result.exit_code for result in results] == [1, 0]
    assert (
        "1 have been sealed with another key meanwhile: a process runs that has not the new list" in results[0].stdout
    )
    assert "The old keys are needed until then." in results[0].stdout
    assert "The old keys can be taken off the list" in results[1].stdout


def test_ctrl_c_says_how_to_go_on_and_leaves_every_row_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(MemoryRepository):
        left = 5

        async def reseal(self, row: StoredAssociation) -> bool:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return await super().reseal(row)

    repository = Interrupted()
    app_of(monkeypatch, repository)
    stored(repository, *(sealed(number) for number in range(10)))

    result = run("secret", "rotate", TARGET)
    half_way = rows_of(repository)
    again = run("secret", "rotate", TARGET)

    assert result.exit_code == 130
    assert "Stopped. What is sealed anew stays so: run the same command again to go on." in result.stderr
    assert [row.access_token.startswith(NEW.prefixes[0]) for row in half_way] == [True] * 4 + [False] * 6
    assert again.stdout.startswith("Sealed anew: 6. Under the first key already: 4.\n")
    assert all(opens(row, NEW) for row in rows_of(repository))


def test_a_database_that_does_not_open_ends_it_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    put(monkeypatch, Social(**settings(database=f"sqlite+aiosqlite:///{tmp_path}/no/such/social.db")))

    result = run("secret", "rotate", TARGET)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("open: SQLite answers SQLITE_CANTOPEN\n")


# What the doctor says of a key that was taken off too early


@pytest.mark.parametrize(("keys", "ok"), [([NEW_KEY], False), ([NEW_KEY, KEY], True)])
def test_sr_s02_the_doctor_notices_a_key_that_is_in_use_and_not_on_the_list(
    monkeypatch: pytest.MonkeyPatch, keys: Sequence[str], ok: bool
) -> None:
    repository = MemoryRepository()
    app_of(monkeypatch, repository, secret_key=keys)
    stored(repository, sealed(1), sealed(2, keys=NEW))

    result = run("doctor", TARGET, "--offline", "--quiet")

    told = (
        "fault  key: 1 associations are sealed with a key that is not on the list\n       put it back, behind the first"
    )
    assert (result.exit_code, told in result.stdout) == ((0, False) if ok else (1, True))


def test_a_store_that_cannot_be_searched_is_a_fault_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(MemoryRepository):
        async def count_sealed_otherwise(self, prefixes: object) -> int:
            raise StorageError("count: the database does not answer", operation="count")

    app_of(monkeypatch, Silent())

    result = run("doctor", TARGET, "--offline", "--quiet")

    assert result.exit_code == 1
    assert "fault  database: count: the database does not answer\n" in result.stdout
