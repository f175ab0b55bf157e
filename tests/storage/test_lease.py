"""The right to renew an association: who gets it, how long it lasts, and what ends it; over all of our stores."""

import asyncio
from dataclasses import replace

import pytest

from asgi_social.storage.repository import LeaseSeconds, Repository, StoredAssociation
from tests.storage.rows import association

CALLERS = 25
LENGTHS = LeaseSeconds(fresh=1000.0, taking_over=2000.0)
ENDED = LeaseSeconds(fresh=-1.0, taking_over=-1.0)


async def leased(store: Repository, *, seconds: LeaseSeconds = LENGTHS, lease_id: str = "l1") -> StoredAssociation:
    """Store an association, and take its lease."""
    await store.add(association(attempts=3, next_attempt_at=5.0, renew_at=4.0))
    row = await store.lease("association-1", version=1, lease_id=lease_id, seconds=seconds)
    assert row is not None
    return row


async def test_of_many_who_ask_for_one_lease_at_once_one_gets_it(store: Repository) -> None:
    await store.add(association())

    given = await asyncio.gather(
        *[store.lease("association-1", version=1, lease_id=f"{n}", seconds=LENGTHS) for n in range(CALLERS)]
    )

    [holder] = [row for row in given if row is not None]
    assert holder.lease_id == f"{given.index(holder)}"
    assert await store.get("association-1") == holder


async def test_a_lease_changes_nothing_but_itself(store: Repository) -> None:
    row = await leased(store)

    expected = association(attempts=3, next_attempt_at=5.0, renew_at=4.0, lease_id="l1", lease_until=row.lease_until)
    assert row == expected


async def test_a_lease_that_has_not_ended_is_given_to_nobody_else(store: Repository) -> None:
    row = await leased(store)

    assert await store.lease(row.id, version=1, lease_id="l2", seconds=LENGTHS) is None

    assert await store.get(row.id) == row


async def test_a_lease_ends_by_itself(store: Repository) -> None:
    row = await leased(store, seconds=ENDED)

    second = await store.lease(row.id, version=1, lease_id="l2", seconds=LENGTHS)

    assert second is not None
    assert second.lease_id == "l2"


@pytest.mark.parametrize("version", [0, 2], ids=["older", "newer"])
async def test_who_knows_another_version_gets_no_lease(store: Repository, version: int) -> None:
    await store.add(association())

    assert await store.lease("association-1", version=version, lease_id="l1", seconds=LENGTHS) is None

    assert await store.get("association-1") == association()


async def test_there_is_no_lease_of_what_is_gone(store: Repository) -> None:
    assert await store.lease("association-1", version=1, lease_id="l1", seconds=LENGTHS) is None


async def test_a_lease_is_longer_where_an_earlier_renewal_was_sent_and_its_outcome_is_not_stored(
    store: Repository,
) -> None:
    row = await leased(store)
    assert await store.mark_sent(row.id, version=1, lease_id="l1")
    sent = await store.get(row.id)
    assert sent is not None
    await store.release(sent, outcome="unknown")
    assert await store.lease(row.id, version=1, lease_id="early", seconds=LENGTHS) is None
    await ended(store, sent)

    second = await store.lease(row.id, version=1, lease_id="l2", seconds=LENGTHS)

    assert second is not None
    assert second.sent_at == sent.sent_at
    assert row.lease_until is not None
    assert second.lease_until is not None
    assert 900 < second.lease_until - row.lease_until < 1100


async def ended(store: Repository, row: StoredAssociation) -> None:
    """End a lease after a request went out, as time does: the row is put in anew with its lease in the past."""
    await store.remove(user_id=row.user_id)
    await store.add(replace(row, lease_until=1.0))


async def test_that_the_request_goes_out_is_marked_by_who_has_the_lease(store: Repository) -> None:
    row = await leased(store)

    marked = await store.mark_sent(row.id, version=1, lease_id="l1")

    stored = await store.get(row.id)
    assert marked
    assert stored is not None
    assert stored.sent_at is not None
    assert row.lease_until is not None
    assert row.lease_until - 1100 < stored.sent_at < row.lease_until - 900
    assert stored == replace(row, sent_at=stored.sent_at)


@pytest.mark.parametrize(
    ("version", "lease_id", "association_id"),
    [
        pytest.param(1, "l2", "association-1", id="another-lease"),
        pytest.param(2, "l1", "association-1", id="another-version"),
        pytest.param(1, "l1", "association-2", id="gone"),
    ],
)
async def test_who_has_lost_lease_or_version_marks_nothing(
    store: Repository, version: int, lease_id: str, association_id: str
) -> None:
    row = await leased(store)

    assert not await store.mark_sent(association_id, version=version, lease_id=lease_id)

    assert await store.get(row.id) == row


async def test_whose_lease_has_ended_marks_nothing(store: Repository) -> None:
    row = await leased(store, seconds=ENDED)

    assert not await store.mark_sent(row.id, version=1, lease_id="l1")

    assert await store.get(row.id) == row


async def test_a_renewal_whose_outcome_is_known_frees_the_row_and_keeps_when_to_try_again(store: Repository) -> None:
    row = await leased(store)
    await store.mark_sent(row.id, version=1, lease_id="l1")

    await store.release(replace(row, attempts=4, next_attempt_at=60.0, renew_at=50.0), outcome="known")

    later = association(attempts=4, next_attempt_at=60.0, renew_at=50.0)
    assert await store.get(row.id) == later
    assert await store.lease(row.id, version=1, lease_id="l2", seconds=LENGTHS) is not None


async def test_a_renewal_whose_outcome_is_unknown_keeps_its_lease_to_the_end(store: Repository) -> None:
    row = await leased(store)
    await store.mark_sent(row.id, version=1, lease_id="l1")
    sent = await store.get(row.id)
    assert sent is not None

    await store.release(replace(sent, attempts=4, next_attempt_at=60.0, renew_at=None), outcome="unknown")

    assert await store.get(row.id) == replace(sent, attempts=4, next_attempt_at=60.0, renew_at=None)


@pytest.mark.parametrize("outcome", ["known", "unknown"])
async def test_who_has_lost_the_lease_releases_nothing(store: Repository, outcome: str) -> None:
    row = await leased(store, seconds=ENDED)
    second = await store.lease(row.id, version=1, lease_id="l2", seconds=LENGTHS)

    await store.release(replace(row, attempts=9), outcome=outcome)  # type: ignore[arg-type]  # of the table above

    assert await store.get(row.id) == second


async def test_releasing_what_is_gone_does_nothing(store: Repository) -> None:
    row = await leased(store)
    await store.remove(user_id=row.user_id)

    await store.release(row, outcome="known")

    assert await store.get(row.id) is None


async def test_a_write_of_tokens_ends_the_lease_whoever_has_it_and_what_it_was_about(store: Repository) -> None:
    row = await leased(store)
    await store.mark_sent(row.id, version=1, lease_id="l1")
    new = replace(row, version=2, access_token="v1.k.new", renew_at=900.0, token_host="id.example", sent_at=7.0)

    assert await store.save_tokens(new, replaces=1)

    assert await store.get(row.id) == association(
        version=2, access_token="v1.k.new", renew_at=900.0, token_host="id.example"
    )


async def test_whose_lease_has_ended_still_lands_where_nobody_else_wrote(store: Repository) -> None:
    row = await leased(store, seconds=ENDED)
    await store.lease(row.id, version=1, lease_id="l2", seconds=LENGTHS)

    assert await store.save_tokens(replace(row, version=2, access_token="v1.k.late"), replaces=1)

    assert not await store.mark_sent(row.id, version=1, lease_id="l2")
    stored = await store.get(row.id)
    assert stored is not None
    assert (stored.access_token, stored.lease_id) == ("v1.k.late", None)
