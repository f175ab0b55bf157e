"""The sweep: all that is due, in bounded numbers, and its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from asgi_social import StorageError
from asgi_social.refresh.sweep import PAGE, Swept
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import Claimed, StoredAssociation
from asgi_social.testing import ManualClock
from tests.renewing import REVOKED, Acme, Linked, again, answer, at, backend_at
from tests.security.renewal_doubles import sealed_anew, turns


@asynccontextmanager
async def swept(acme: Acme, *, count: int, repository: MemoryRepository | None = None) -> AsyncIterator[Linked]:
    """Open an engine with so many associations, all due and none ended."""
    clock = ManualClock() if repository is None else repository._clock
    assert isinstance(clock, ManualClock)
    async with at(acme, clock=clock, repository=repository) as there:
        row = await there.row()
        for number in range(1, count):
            assert await there.repository.add(sealed_anew(row, there, number=number))
        clock.advance(3400)
        yield there


async def rows(there: Linked) -> list[StoredAssociation]:
    return await there.repository.page(after="", limit=10_000)


async def test_all_that_is_due_is_renewed_once_and_a_second_sweep_finds_nothing() -> None:
    acme = Acme()
    async with swept(acme, count=2 * PAGE + 3) as there:
        first = await there.social.refresh_due()
        second = await there.social.refresh_due()

        assert {row.version for row in await rows(there)} == {2}
    assert (first, second) == (Swept(renewed=2 * PAGE + 3), Swept())
    assert len(acme.renewals) == 2 * PAGE + 3


async def test_what_can_never_be_renewed_keeps_nothing_behind_it_from_its_turn() -> None:
    acme = Acme()
    async with swept(acme, count=4) as there:
        stuck, unreadable, *others = await rows(there)
        for row in (replace(stuck, client_id="another-id"), replace(unreadable, refresh_token="v1.gone.gone")):
            early = replace(row, renew_at=1.0, version=2)
            assert await there.repository.save_tokens(early, replaces=1)

        got = await there.social.refresh_due(limit=1)

    assert (got.renewed, len(acme.renewals), len(others)) == (1, 1, 2)


async def test_a_provider_whose_metadata_cannot_be_had_is_tried_once_and_counted_as_failed() -> None:
    acme = Acme()
    lost = {"protocol": "oidc", "oidc": {"endpoint": "https://acme.example"}}
    async with swept(acme, count=1) as there, again(there, acme, backends={"acme": backend_at(lost)}) as social:
        got = await social.refresh_due()

    assert (got.failed, got.total) == (1, 1)
    assert acme.renewals == []


async def test_what_turns_out_to_have_moved_only_when_it_is_tried_is_counted_as_such() -> None:
    acme = Acme()
    issuer = "https://acme.example"
    known = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
    metadata = iter([httpx.Response(503), httpx.Response(200, json=known)])

    async def provider(request: httpx.Request) -> httpx.Response:
        return next(metadata) if "openid-configuration" in request.url.path else await acme(request)

    moved = {"protocol": "oidc", "oidc": {"endpoint": issuer}, "token": {"url": "https://new.example/token"}}
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(provider))
    more = {"backends": {"acme": backend_at(moved)}, "http_client": http_client}
    async with swept(acme, count=1) as there, again(there, acme, **more) as social:
        got = await social.refresh_due()

    assert (got.cannot_renew, got.total) == (1, 1)
    assert acme.renewals == []


async def test_what_is_not_due_is_left() -> None:
    acme = Acme()
    async with at(acme) as there:
        assert await there.social.refresh_due() == Swept()
    assert acme.renewals == []


@pytest.mark.parametrize("limit", [0, 1, 5])
async def test_a_limit_is_how_many_associations_are_tried(limit: int) -> None:
    acme = Acme()
    async with swept(acme, count=8) as there:
        got = await there.social.refresh_due(limit=limit)

    assert (got.total, len(acme.renewals)) == (limit, limit)


async def test_progress_is_told_after_each() -> None:
    told = list[int]()
    async with swept(Acme(), count=4) as there:
        await there.social.refresh_due(on_progress=lambda counts: told.append(counts.total))

    assert told == [1, 2, 3, 4]


async def test_what_becomes_of_each_is_counted_by_kind() -> None:
    acme = Acme()
    async with swept(acme, count=5) as there:
        [first, second, third, *_] = await rows(there)
        moved = replace(second, token_host="elsewhere.example", version=2)
        assert await there.repository.save_tokens(moved, replaces=1)
        await there.repository.save_tokens(replace(third, refresh_token="v1.no.no", version=2), replaces=1)
        acme.answers = [REVOKED, httpx.Response(503)]

        got = await there.social.refresh_due()

    assert (got.renewed, got.failed, got.needs_reauth, got.cannot_renew, got.total) == (1, 1, 1, 2, 5)
    assert got.refused_backends == set()
    assert first.version == 1


async def test_what_was_unlinked_meanwhile_or_has_another_worker_is_counted_as_elsewhere() -> None:
    acme = Acme()
    acme.gate.clear()
    async with swept(acme, count=1) as there, again(there, acme) as second:
        sweeping = asyncio.create_task(there.social.refresh_due())
        await acme.arrived.wait()
        beside = await second.refresh_due()
        row = await there.row()
        other = await second.engine.renewals.renewed_here(row)
        await there.social.disconnect("ada")
        acme.gate.set()

        got = await sweeping

    assert (beside, other) == (Swept(), None)  # a row with a lease is not due
    assert got == Swept(elsewhere=1)


class Crowded(MemoryRepository):
    """A store in which each lease is somebody else's by the time that it is used."""

    async def mark_sent(self, *_: object, **__: object) -> bool:
        return False


async def test_what_another_worker_got_meanwhile_is_left_without_waiting() -> None:
    acme = Acme()
    async with swept(acme, count=3, repository=Crowded(clock=ManualClock())) as there:
        got = await there.social.refresh_due()

    assert (got, acme.renewals) == (Swept(elsewhere=3), [])


async def test_a_provider_that_goes_down_is_left_alone_for_the_rest_of_the_sweep() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503)] * 100
    async with swept(acme, count=50) as there:
        got = await there.social.refresh_due()

        assert {row.version for row in await rows(there)} == {1}
    assert len(acme.renewals) <= 12  # three in a row, and those that were under way
    assert (got.renewed, got.total < 50) == (0, True)


async def test_a_provider_that_does_not_take_the_app_is_named_and_asked_no_more() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(401, json={"error": "invalid_client"})] * 100
    async with swept(acme, count=50) as there:
        got = await there.social.refresh_due()

        assert (await there.told()).count("credentials_refused") == 1
    assert got.refused_backends == {"acme"}
    assert len(acme.renewals) <= 10


class Ending(MemoryRepository):
    """A store that ends in the midst of a sweep.

    Attributes:
        claims: How often it lets something be claimed before; None: always.
        marks: How many it lets be sent before; None: all.
    """

    def __init__(self, *, claims: int | None = None, marks: int | None = None) -> None:
        super().__init__(clock=ManualClock())
        self.claims = claims
        self.marks = marks

    async def claim(self, *named: object, **asked: object) -> Claimed:
        self.claims = _one_less(self.claims)
        return await super().claim(*named, **asked)  # type: ignore[arg-type]

    async def mark_sent(self, *named: object, **asked: object) -> bool:
        self.marks = _one_less(self.marks)
        return await super().mark_sent(*named, **asked)  # type: ignore[arg-type]


def _one_less(left: int | None) -> int | None:
    if left == 0:
        raise StorageError("the database does not answer", operation="any")
    return None if left is None else left - 1


@pytest.mark.parametrize("store", [Ending(claims=2), Ending(marks=3)], ids=["claim", "mark"])
async def test_a_database_that_ends_is_raised_and_what_was_sent_is_brought_to_its_end(store: Ending) -> None:
    acme = Acme()
    async with swept(acme, count=PAGE + 1, repository=store) as there:
        with pytest.raises(StorageError):
            await there.social.refresh_due()

        assert sum(row.version == 2 for row in await rows(there)) == len(acme.renewals)


async def test_a_sweep_of_one_backend_does_not_wait_for_another_that_is_down() -> None:
    acme = Acme()
    table = {"name": "other", "title": "Other"}
    backends = {"acme": backend_at(), "other": backend_at(table)}
    async with swept(acme, count=2) as there:
        row = sealed_anew(await there.row(), there, number=7)
        await there.repository.add(replace(row, backend="other"))
        async with again(there, acme, backends=backends) as social:
            social.engine.renewals.attempts.limits._standing("acme", at_once=1)
            social.engine.renewals.attempts.limits.failed("acme", retry_after=60)
            got = await social.refresh_due()

    assert (got, len(acme.renewals)) == (Swept(renewed=1), 1)


async def test_a_close_ends_the_sweep_behind_the_app_and_stores_what_was_sent() -> None:
    acme = Acme()
    async with swept(acme, count=30) as there:
        there.social.refresh_behind(every=60)
        await there.clock.until_asleep()
        acme.gate.clear()
        there.clock.advance(60)
        await acme.arrived.wait()
        closing = asyncio.create_task(there.social.close())
        await turns()
        acme.gate.set()
        await closing

        assert sum(row.version == 2 for row in await rows(there)) == len(acme.renewals)
    assert 0 < len(acme.renewals) <= 10


async def test_a_sweep_under_way_takes_no_more_rows_once_the_app_closes() -> None:
    acme = Acme()
    async with swept(acme, count=30) as there:
        acme.gate.clear()
        sweeping = asyncio.create_task(there.social.refresh_due())
        await acme.arrived.wait()
        await turns()
        closing = asyncio.create_task(there.social.close())
        await turns()
        acme.gate.set()
        got = await sweeping
        await closing

    assert got.renewed == len(acme.renewals) <= 10


async def test_the_sweep_behind_the_app_comes_again_and_again() -> None:
    acme = Acme(first={"expires_in": 600})
    acme.answers = [answer(number, expires_in=600) for number in range(1, 4)]
    async with at(acme) as there:
        there.social.refresh_behind(every=590)
        there.social.refresh_behind(every=590)  # one is enough
        for _ in range(3):
            await there.clock.until_asleep()
            there.clock.advance(590)
            await turns()
        assert (await there.row()).version == 4


async def test_f_cl_05_ten_thousand_that_ended_are_renewed_with_never_more_at_once_than_the_limit() -> None:
    count, now, most = 10_000, 0, 0
    acme = Acme()

    async def provider(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return await acme(request)

    async with at(provider) as there:
        row = await there.row()
        for number in range(1, count):
            # Whether an account is taken is looked up among all of them, which here would be 10,000 times 10,000.
            other = sealed_anew(row, there, number=number)
            there.repository._associations[other.id] = other
        there.clock.advance(7 * 86_400)
        most = 0

        got = await there.social.refresh_due()

        assert {one.version for one in await rows(there)} == {2}
        assert there.social.settings.backends["acme"].client.renewals_at_once == most == 10
    assert (got, len(acme.renewals)) == (Swept(renewed=count), count)


async def test_f_cl_05_callers_of_many_ended_tokens_are_held_to_the_same_limit() -> None:
    now, most = 0, 0
    acme = Acme()

    async def provider(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return await acme(request)

    async with at(provider) as there:
        row = await there.row()
        for number in range(1, 100):
            await there.repository.add(sealed_anew(row, there, number=number))
        there.clock.advance(86_400)
        most = 0
        found = await there.social.associations("ada")

        tokens = await asyncio.gather(*(association.get_access_token() for association in found))

    assert (len(set(tokens)), len(acme.renewals), most) == (100, 100, 10)


async def test_a_sweep_of_tokens_shorter_than_itself_comes_to_its_end() -> None:
    """Those that it renewed are due again before it has come to the last, and wait for the next sweep."""
    acme = Acme(first={"expires_in": 60})
    acme.answers = [answer(number, expires_in=60) for number in range(1, 1000)]
    async with swept(acme, count=PAGE + 20) as there:
        got = await there.social.refresh_due(on_progress=lambda _: there.clock.advance(4))

    assert got.total == PAGE + 20
