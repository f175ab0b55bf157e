"""Connections to a server that break, collide or do not answer: what a caller sees, and that the next call works."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa
from databases import DatabaseURL

from asgi_social.errors import StorageError
from asgi_social.storage.repository import Due, LeaseSeconds
from asgi_social.storage.sql import SqlRepository
from asgi_social.storage.statements import OWN
from asgi_social.storage.work import Work
from tests.databases import raw
from tests.storage.rows import association, user
from tests.storage.servers import Watched, is_postgresql, refusing, sessions

OLD = association("old", renew_at=1.0)
SAVED = replace(OLD, access_token="v1.k.saved", version=2)


async def claimed(store: SqlRepository) -> list[str]:
    due = Due(backend="github", now=100.0, limit=2, among=2)
    return [row.id for row in (await store.claim(due, lease_id="c1", seconds=LeaseSeconds(), wanted=bool)).rows]


CALLS: dict[str, tuple[str, Callable[[SqlRepository], Awaitable[object]], object]] = {
    "get": ("SELECT", lambda store: store.get("old"), OLD),
    "add": ("INSERT", lambda store: store.add(association("new")), True),
    "add_user": ("INSERT INTO social_user", lambda store: store.add_user(user(), association("new")), True),
    "save_tokens": ("UPDATE", lambda store: store.save_tokens(SAVED, replaces=1), True),
    "claim": ("SELECT", claimed, ["old"]),
    "remove": ("DELETE", lambda store: store.remove(user_id="user-1"), [OLD]),
    "spend": ("INSERT", lambda store: store.spend("key", expires_at=2.0, now=1.0), True),
    "keep": ("INSERT", lambda store: store.keep("key", "v1.k.kept", expires_at=2.0, now=1.0), True),
    "take": ("SELECT", lambda store: store.take("key", now=1.0), None),
}


@pytest.fixture
def watched(server_url: str) -> Watched:
    """One connection, so that a place in the pool that is lost is missed at once."""
    return Watched(server_url)


@pytest.fixture
async def narrow(watched: Watched) -> AsyncIterator[SqlRepository]:
    made = SqlRepository(watched.database)
    await made.open()
    await made.add(OLD)
    yield made
    watched.before = lambda statement, session: None
    await made.close()


@pytest.mark.parametrize("operation", CALLS)
async def test_f_db_05_a_connection_lost_inside_a_transaction_is_no_fault_where_another_can_be_had(
    narrow: SqlRepository, watched: Watched, operation: str
) -> None:
    word, call, expected = CALLS[operation]
    watched.kill_at(word, times=1)

    assert await call(narrow) == expected

    assert await narrow.add(association("another"))


@pytest.mark.parametrize("operation", CALLS)
async def test_a_connection_that_is_lost_each_time_is_a_storage_error_and_the_same_tasks_next_call_works(
    narrow: SqlRepository, watched: Watched, operation: str
) -> None:
    word, call, expected = CALLS[operation]
    watched.kill_at(word, times=3)

    with pytest.raises(StorageError) as raised:
        await call(narrow)

    assert raised.value.operation == operation
    assert await call(narrow) == expected
    assert await narrow.add(association("another"))


async def test_connections_that_broke_while_nobody_used_them_are_replaced(
    narrow: SqlRepository, watched: Watched
) -> None:
    numbers: list[int] = []
    watched.before = lambda statement, session: numbers.append(session)
    await narrow.get("old")
    watched.before = lambda statement, session: None
    raw(
        watched.url,
        f"SELECT pg_terminate_backend({numbers[0]})" if is_postgresql(watched.url) else f"KILL {numbers[0]}",
    )

    assert await narrow.get("old") == OLD


async def test_f_db_06_a_connection_lost_at_commit_is_a_storage_error_and_is_not_tried_again(
    narrow: SqlRepository, watched: Watched
) -> None:
    watched.kill_at("COMMIT", times=1)

    with pytest.raises(StorageError, match="may have come about"):
        await narrow.save_tokens(SAVED, replaces=1)

    assert watched.statements.count("COMMIT") == 2  # the first is that of the row this test begins with
    stored = await narrow.get("old")
    assert stored is not None
    assert (stored.version, await narrow.save_tokens(SAVED, replaces=stored.version)) in {(1, True), (2, True)}


async def test_f_db_07_two_transactions_that_wait_for_each_other_both_come_to_one_outcome(server_url: str) -> None:
    """Each has the row that the other wants next; the server undoes one of them, which is tried again."""
    watched = [Watched(server_url), Watched(server_url)]
    stores = [SqlRepository(each.database) for each in watched]
    await asyncio.gather(*[store.open() for store in stores])
    await stores[0].add_each([association(key) for key in ("a", "b")])
    both, waits = asyncio.Barrier(2), iter(range(2))
    for each in watched:
        each.statements.clear()
        each.before = lambda statement, session, each=each: (  # type: ignore[misc]
            both.wait() if _updates(each) == 2 and next(waits, None) is not None else None
        )

    def touches(*keys: str) -> Work[None]:
        for key in keys:
            yield sa.update(OWN.id.table).where(OWN.id == key).values(attempts=OWN.attempts + 1)

    await asyncio.gather(
        stores[0]._connections.write("crossing", lambda: touches("a", "b")),
        stores[1]._connections.write("crossing", lambda: touches("b", "a")),
    )

    assert sum(each.statements.count("COMMIT") for each in watched) == 2
    assert sum(_updates(each) for each in watched) == 6
    assert [row.attempts for row in await stores[0].of_user("user-1")] == [2, 2]
    await asyncio.gather(*[store.close() for store in stores])


def _updates(watched: Watched) -> int:
    return sum(statement.startswith("UPDATE") for statement in watched.statements)


@pytest.mark.postgresql
async def test_f_db_07_what_collides_at_commit_was_undone_and_is_tried_again(postgresql_url: str) -> None:
    watched = Watched(postgresql_url)
    repository = SqlRepository(watched.database)
    await repository.open()
    await asyncio.to_thread(
        raw,
        postgresql_url,
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON social_flow DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION late()",
    )

    with pytest.raises(StorageError, match="SerializationError"):
        await repository.spend("key", expires_at=2.0, now=1.0)

    await asyncio.to_thread(raw, postgresql_url, "DROP FUNCTION late CASCADE")
    assert watched.statements.count("COMMIT") == 3
    assert await repository.spend("key", expires_at=2.0, now=1.0)
    await repository.close()


async def test_f_db_07_what_collides_each_time_is_a_storage_error_after_three_tries(
    narrow: SqlRepository, watched: Watched
) -> None:
    collision = {
        "postgresql": "RAISE EXCEPTION 'x' USING ERRCODE = '40001'",
        "mariadb": "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213",
    }
    async with refusing(watched.url, **collision):
        with pytest.raises(StorageError) as raised:
            await narrow.save_tokens(SAVED, replaces=1)

    assert len([one for one in watched.statements if one.startswith("UPDATE")]) == 3
    assert raised.value.operation == "save_tokens"
    assert await narrow.save_tokens(SAVED, replaces=1)


async def test_f_db_10_where_the_disk_is_full_the_lease_fails_first_and_reading_goes_on(
    narrow: SqlRepository, watched: Watched
) -> None:
    full = {
        "postgresql": "RAISE EXCEPTION 'x' USING ERRCODE = '53100'",
        "mariadb": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021",
    }
    async with refusing(watched.url, **full):
        with pytest.raises(StorageError) as raised:
            await narrow.lease("old", version=1, lease_id="l1", seconds=LeaseSeconds())

    assert raised.value.operation == "lease"
    assert await narrow.get("old") == OLD


async def test_what_the_server_refuses_is_not_tried_again_and_the_connection_not_missed(
    narrow: SqlRepository, watched: Watched
) -> None:
    refusal = {
        "postgresql": "RAISE EXCEPTION 'hunter2'",
        "mariadb": "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'hunter2'",
    }
    async with refusing(watched.url, **refusal):
        with pytest.raises(StorageError) as raised:
            await narrow.save_tokens(SAVED, replaces=1)

    assert len([one for one in watched.statements if one.startswith("UPDATE")]) == 1
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert await narrow.get("old") == OLD


async def test_a_server_that_is_not_there_is_a_storage_error(server_url: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = str(DatabaseURL(server_url).replace(port=closed.getsockname()[1], password="hunter2"))
        repository = SqlRepository(url)

        with pytest.raises(StorageError) as raised:
            await repository.open()

    assert raised.value.operation == "open"
    assert "hunter2" not in str(raised.value)


async def test_a_server_that_takes_connections_and_does_not_answer_is_a_storage_error_in_bounded_time(
    server_url: str,
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        repository = SqlRepository(str(DatabaseURL(server_url).replace(port=silent.getsockname()[1])))
        repository._connections._dialect = replace(repository._connections._dialect, seconds=0.2)

        with pytest.raises(StorageError) as raised:
            await repository.open()

    assert raised.value.operation == "open"


async def test_a_row_that_another_transaction_holds_for_too_long_is_a_storage_error_in_bounded_time(
    narrow: SqlRepository, watched: Watched
) -> None:
    other = Watched(watched.url)
    held = SqlRepository(other.database)
    await held.open()
    is_held, is_over = asyncio.Event(), asyncio.Event()

    async def stay() -> None:
        is_held.set()
        await is_over.wait()

    other.before = lambda statement, session: stay() if statement == "COMMIT" else None
    holding = asyncio.create_task(held.reseal(OLD))
    await is_held.wait()
    narrow._connections._dialect = replace(narrow._connections._dialect, seconds=0.5)

    with pytest.raises(StorageError, match="does not answer within"):
        await narrow.save_tokens(SAVED, replaces=1)

    is_over.set()
    await holding
    assert await narrow.save_tokens(SAVED, replaces=1)
    await held.close()


async def test_a_claim_passes_by_what_another_transaction_holds_and_does_not_wait(
    narrow: SqlRepository, watched: Watched
) -> None:
    other = Watched(watched.url)
    held = SqlRepository(other.database)
    await held.open()
    await narrow.add_each([association(key, renew_at=renew_at) for key, renew_at in (("held", 2.0), ("free", 3.0))])
    is_held, is_over = asyncio.Event(), asyncio.Event()

    async def stay() -> None:
        is_held.set()
        await is_over.wait()

    other.before = lambda statement, session: stay() if statement == "COMMIT" else None
    holding = asyncio.create_task(held.reseal(association("held")))
    await is_held.wait()

    got = await claimed(narrow)

    is_over.set()
    assert got == ["old", "free"]
    assert await holding
    await held.close()


async def test_no_more_connections_are_made_than_the_pool_may_have(server_url: str) -> None:
    repository = SqlRepository(server_url)
    await repository.open()

    await asyncio.gather(*[repository.add(association(f"{number}")) for number in range(50)])

    assert 1 <= sessions(server_url) <= 10
    await repository.close()
