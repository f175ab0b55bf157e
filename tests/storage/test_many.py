"""What is asked of many rows at once: claims, counts, pages, sealing anew, adding many; over all of our stores."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from asgi_social.errors import StorageError
from asgi_social.storage.repository import Claimed, Due, LeaseSeconds, Repository, StoredAssociation
from tests.storage.rows import association

HELD = LeaseSeconds(fresh=1000.0, taking_over=1000.0)
ENDED = LeaseSeconds(fresh=-1.0, taking_over=-1.0)


async def claimed(store: Repository, *, wanted: Callable[[StoredAssociation], bool] = bool, **asked: object) -> Claimed:
    due = {"backend": "github", "now": 100.0, "limit": 10, "among": 10} | asked
    return await store.claim(Due(**due), lease_id="c1", seconds=HELD, wanted=wanted)  # type: ignore[arg-type]  # a test changes any of them


async def claimed_ids(store: Repository, **asked: object) -> list[str]:
    return [row.id for row in (await claimed(store, **asked)).rows]  # type: ignore[arg-type]  # as above


async def test_what_is_due_is_claimed_by_its_moment_and_then_by_id(store: Repository) -> None:
    for id_, renew_at in [("b", 7.0), ("a", 7.0), ("B", 7.0), ("c", 3.0), ("d", 100.0), ("e", 100.5)]:
        await store.add(association(id_, renew_at=renew_at))

    assert await claimed_ids(store) == ["c", "B", "a", "b", "d"]


async def test_what_is_claimed_comes_as_it_is_stored_by_now_and_nothing_but_its_lease_has_changed(
    store: Repository,
) -> None:
    row = association(renew_at=50.0, attempts=3, next_attempt_at=5.0, version=7, scope=("a", "b"))
    await store.add(row)

    got = await claimed(store)

    [leased] = got.rows
    assert await store.get(row.id) == leased
    assert replace(leased, lease_id=None, lease_until=None) == row
    assert leased.lease_id == "c1"
    assert got.after == (50.0, row.id)


async def test_the_lease_of_a_claim_is_by_the_clock_of_the_store_and_longer_where_a_renewal_was_sent(
    store: Repository,
) -> None:
    await store.add(association("fresh", renew_at=1.0))
    await store.add(association("sent", renew_at=2.0, sent_at=1.0))
    await store.add(association("alone"))
    alone = await store.lease("alone", version=1, lease_id="l1", seconds=LeaseSeconds(fresh=0.0))

    got = await store.claim(
        Due(backend="github", now=100.0, limit=2, among=2),
        lease_id="c1",
        seconds=LeaseSeconds(fresh=1000.0, taking_over=2000.0),
        wanted=bool,
    )

    assert alone is not None
    assert alone.lease_until is not None
    lengths = [(row.lease_until or 0.0) - alone.lease_until for row in got.rows]
    assert [round(length, -2) for length in lengths] == [1000, 2000]
    assert [row.sent_at for row in got.rows] == [None, 1.0]


async def test_what_is_due_is_claimed_part_by_part_and_each_row_once(store: Repository) -> None:
    rows = [association(f"{number:02}", renew_at=float(number // 3)) for number in range(10)]
    await store.add_each(rows)
    seen: list[str] = []
    after: tuple[float, str] | None = (0.0, "")

    while after is not None:
        got = await claimed(store, limit=4, among=4, after=after)
        seen += [row.id for row in got.rows]
        after = got.after

    assert seen == [row.id for row in rows]


async def test_nothing_before_the_place_behind_which_it_is_looked_for_is_claimed(store: Repository) -> None:
    await store.add_each([association(f"{number}", renew_at=float(number // 2 + 1)) for number in range(6)])

    assert await claimed_ids(store, after=(2.0, "2")) == ["3", "4", "5"]
    assert await claimed(store, after=(3.0, "5")) == Claimed(rows=[], passed=0, after=None)


async def test_what_is_not_wanted_is_not_written_to_and_does_not_count_against_the_limit(store: Repository) -> None:
    rows = [association(f"{number}", renew_at=float(number + 1)) for number in range(6)]
    await store.add_each(rows)

    got = await claimed(store, limit=2, among=6, wanted=lambda row: row.id in {"1", "3", "5"})

    assert [row.id for row in got.rows] == ["1", "3"]
    assert (got.passed, got.after) == (2, (4.0, "3"))
    assert [await store.get(row.id) for row in (rows[0], rows[2], rows[4], rows[5])] == [
        rows[0],
        rows[2],
        rows[4],
        rows[5],
    ]


async def test_no_more_are_looked_at_than_is_said(store: Repository) -> None:
    await store.add_each([association(f"{number}", renew_at=float(number + 1)) for number in range(6)])

    got = await claimed(store, limit=2, among=3, wanted=lambda row: row.id == "5")

    assert got == Claimed(rows=[], passed=3, after=(3.0, "2"))


async def test_of_many_who_claim_at_once_no_two_get_the_same_and_nothing_is_left_at_the_end(store: Repository) -> None:
    await store.add_each([association(f"{number:03}", renew_at=1.0) for number in range(60)])

    async def all_there_is() -> list[str]:
        ids: list[str] = []
        while got := await claimed_ids(store, limit=4, among=4):
            ids += got
        return ids

    ids = [id_ for each in await asyncio.gather(*[all_there_is() for _ in range(8)]) for id_ in each]

    assert sorted(ids) == [f"{number:03}" for number in range(60)]


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
async def test_what_is_not_due_is_not_claimed_nor_counted(store: Repository, changed: dict[str, object]) -> None:
    await store.add(association("due", renew_at=50.0, next_attempt_at=100.0))
    await store.add(association("other", **{"renew_at": 50.0} | changed))

    assert await store.count(backends=["github"], due_at=100.0) == 1
    assert await claimed_ids(store) == ["due"]


async def test_what_a_clock_that_was_wrong_has_put_off_for_long_is_due(store: Repository) -> None:
    await store.add(association("for an hour", renew_at=50.0, next_attempt_at=3700.0))
    await store.add(association("for longer", renew_at=50.0, next_attempt_at=3701.0))

    assert await store.count(due_at=100.0) == 1
    assert await claimed_ids(store) == ["for longer"]


async def test_what_is_leased_is_not_due_until_the_lease_ends(store: Repository) -> None:
    for id_, seconds in [("held", HELD), ("ended", ENDED)]:
        await store.add(association(id_, renew_at=50.0))
        await store.lease(id_, version=1, lease_id=id_, seconds=seconds)

    assert await store.count(backends=["github"], due_at=100.0) == 1
    assert await claimed_ids(store) == ["ended"]
    assert await claimed_ids(store) == []


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
