"""What is asked of many rows at once: those due, counts, pages, sealing anew, adding many; over all of our stores."""

from dataclasses import replace
from typing import Any

import pytest

from asgi_social.errors import StorageError
from asgi_social.storage.repository import LeaseSeconds, Repository
from tests.storage.rows import association

HELD = LeaseSeconds(fresh=1000.0, taking_over=1000.0)
ENDED = LeaseSeconds(fresh=-1.0, taking_over=-1.0)


async def due_ids(store: Repository, **asked: object) -> list[str]:
    wanted = {"backends": ["github"], "now": 100.0, "limit": 10} | asked
    return [row.id for row in await store.due(**wanted)]  # type: ignore[arg-type]  # a test changes any of them


async def test_what_is_due_comes_by_its_moment_and_then_by_id(store: Repository) -> None:
    for id_, renew_at in [("b", 7.0), ("a", 7.0), ("B", 7.0), ("c", 3.0), ("d", 100.0), ("e", 100.5)]:
        await store.add(association(id_, renew_at=renew_at))

    assert await due_ids(store) == ["c", "B", "a", "b", "d"]


async def test_what_is_due_is_read_page_by_page_and_each_row_once(store: Repository) -> None:
    rows = [association(f"{number:02}", renew_at=float(number // 3)) for number in range(10)]
    await store.add_each(rows)
    seen: list[str] = []
    after: tuple[float, str] | None = None

    while page := await store.due(backends=["github"], now=100.0, limit=4, after=after):
        seen += [row.id for row in page]
        assert page[-1].renew_at is not None
        after = (page[-1].renew_at, page[-1].id)

    assert seen == [row.id for row in rows]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"backend": "gitlab"}, id="another-backend"),
        pytest.param({"backend": "GitHub"}, id="backend-in-another-case"),
        pytest.param({"status": "needs_reauth"}, id="needs-reauth"),
        pytest.param({"renew_at": None}, id="never"),
        pytest.param({"renew_at": 100.5}, id="later"),
        pytest.param({"next_attempt_at": 100.5}, id="tried-again-later"),
    ],
)
async def test_what_is_not_due_is_not_given_nor_counted(store: Repository, changed: dict[str, object]) -> None:
    await store.add(association("due", renew_at=50.0, next_attempt_at=100.0))
    await store.add(association("other", **{"renew_at": 50.0} | changed))

    assert await due_ids(store) == ["due"]
    assert await store.count(backends=["github"], due_at=100.0) == 1


async def test_what_a_clock_that_was_wrong_has_put_off_for_long_is_due(store: Repository) -> None:
    await store.add(association("for an hour", renew_at=50.0, next_attempt_at=3700.0))
    await store.add(association("for longer", renew_at=50.0, next_attempt_at=3701.0))

    assert await due_ids(store) == ["for longer"]
    assert await store.count(due_at=100.0) == 1


async def test_what_is_leased_is_not_due_until_the_lease_ends(store: Repository) -> None:
    for id_, seconds in [("held", HELD), ("ended", ENDED)]:
        await store.add(association(id_, renew_at=50.0))
        await store.lease(id_, version=1, lease_id=id_, seconds=seconds)

    assert await due_ids(store) == ["ended"]
    assert await store.count(backends=["github"], due_at=100.0) == 1


async def test_of_several_backends_those_asked_for_are_given_and_of_none_nothing(store: Repository) -> None:
    for backend in ("github", "gitlab", "slack"):
        await store.add(association(backend, backend=backend, renew_at=1.0))

    assert await due_ids(store, backends={"github", "slack"}) == ["github", "slack"]
    assert await due_ids(store, backends=()) == []
    assert await due_ids(store, backends=["github", "slack"], limit=1) == ["github"]


async def test_associations_are_counted_all_or_by_backend_or_those_due(store: Repository) -> None:
    await store.add(association("1", renew_at=1.0))
    await store.add(association("2", backend="gitlab", renew_at=1.0))
    await store.add(association("3"))

    assert await store.count() == 3
    assert await store.count(backends=["github"]) == 2
    assert await store.count(backends=[]) == 0
    assert await store.count(due_at=1.0) == 2
    assert await store.count(backends=["gitlab", "github"], due_at=0.5) == 0


async def test_a_row_with_one_value_sealed_by_another_key_is_counted_once(store: Repository) -> None:
    values = {"account": "v1.new.a", "access_token": "v1.new.b", "refresh_token": "v1.new.c", "id_token": "v1.new.d"}
    await store.add(association("new", **values))
    await store.add(association("empty", **values | {"account": "", "refresh_token": None, "id_token": None}))
    for name in values:
        await store.add(association(name, **values | {name: "v1.old.e"}))
    await store.add(association("all", **dict.fromkeys(values, "v1.old.e")))
    await store.add(association("case", **values | {"account": "v1.NEW.a"}))

    assert await store.count_sealed_otherwise(["v1.new."]) == 6
    assert await store.count_sealed_otherwise(["v1.new.", "v1.old."]) == 1
    assert await store.count_sealed_otherwise([]) == 8
    assert await store.count_sealed_otherwise(["v1._ew.", "v1.%"]) == 8


async def test_pages_of_all_rows_come_in_the_order_of_their_ids_by_bytes(store: Repository) -> None:
    for id_ in ["b", "-", "a", "B", "_", "0"]:
        await store.add(association(id_, user_id=id_))

    first = await store.page(after="", limit=4)
    second = await store.page(after=first[-1].id, limit=4)

    assert [row.id for row in first] == ["-", "0", "B", "_"]
    assert [row.id for row in second] == ["a", "b"]


async def test_sealing_anew_writes_what_is_sealed_and_leaves_lease_and_version(store: Repository) -> None:
    await store.add(association(refresh_token="v1.k.r"))
    leased = await store.lease("association-1", version=1, lease_id="l1", seconds=HELD)
    assert leased is not None
    sealed: dict[str, Any] = {"account": "v2.a", "access_token": "v2.b", "refresh_token": "v2.c", "id_token": "v2.d"}

    assert await store.reseal(replace(leased, user_id="x", scope=("x",), attempts=9, **sealed))

    assert await store.get("association-1") == replace(leased, **sealed)


async def test_nothing_is_sealed_anew_over_another_version_or_where_the_row_is_gone(store: Repository) -> None:
    row = association(version=2)
    await store.add(row)

    assert not await store.reseal(replace(row, version=1, account="v2.old"))
    assert not await store.reseal(association("gone"))

    assert await store.get(row.id) == row


async def test_many_are_added_at_once_and_each_answer_is_that_of_add(store: Repository) -> None:
    await store.add(association("there", uid="taken"))
    rows = [association(f"{number:03}", uid="taken" if number == 250 else f"{number}") for number in range(500)]
    rows.append(association("twice", uid="7"))

    added = await store.add_each(rows)

    assert [row.id for row, is_added in zip(rows, added, strict=True) if not is_added] == ["250", "twice"]
    assert await store.count() == 500
    assert await store.get("499") == rows[499]
    assert await store.get("250") is None


async def test_adding_none_does_nothing(store: Repository) -> None:
    assert await store.add_each([]) == []


@pytest.mark.parametrize(
    "ids", [pytest.param(["1", "there"], id="stored-already"), pytest.param(["1", "2", "1"], id="twice")]
)
async def test_where_one_of_many_has_an_id_that_is_taken_none_is_added(store: Repository, ids: list[str]) -> None:
    await store.add(association("there"))

    with pytest.raises(StorageError) as raised:
        await store.add_each([association(id_, uid=f"{number}") for number, id_ in enumerate(ids)])

    assert raised.value.operation == "add_each"
    assert await store.count() == 1
