"""What an outage, a limit, a refusal and a lost secret cost: waiting, and no token.

Rows SR-F04, SR-F06, and F-ID-02, 03, 04, 06 and 08.
"""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social import NeedsReauth, ProviderError, ProviderRefused, ProviderUnreachable
from asgi_social.refresh.attempt import LEASE
from asgi_social.refresh.limits import CREDENTIALS_SECONDS, PATIENCE
from asgi_social.refresh.schedule import MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS
from asgi_social.storage.repository import StoredAssociation
from tests.renewing import REVOKED, Acme, Linked, again, answer, at, backend_at
from tests.security.renewal_doubles import in_time, sealed_anew

KEPT = ("access_token", "refresh_token", "id_token", "version", "status", "reason", "since", "expires_at", "scope")


def pair(row: StoredAssociation) -> dict[str, Any]:
    """Give what no failure may change."""
    return {name: getattr(row, name) for name in KEPT}


def refusal(word: str, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": word})


async def others(there: Linked, count: int) -> None:
    """Link further accounts of the same person."""
    row = await there.row()
    for number in range(1, count + 1):
        assert await there.repository.add(sealed_anew(row, there, number=number))


# SR-F04: what marks an association, and what never does

NEVER = [
    pytest.param(httpx.Response(500, json={"error": "invalid_grant"}), id="500 that says invalid_grant"),
    pytest.param(httpx.Response(503), id="503"),
    pytest.param(httpx.Response(502), id="502"),
    pytest.param(httpx.Response(429), id="429"),
    pytest.param(refusal("invalid_client", 401), id="invalid_client"),
    pytest.param(refusal("unauthorized_client"), id="unauthorized_client"),
    pytest.param(refusal("temporarily_unavailable"), id="another word"),
    pytest.param(refusal("INVALID_GRANT"), id="nearly the word"),
    pytest.param(httpx.Response(400, html="<h1>invalid_grant"), id="HTML"),
    pytest.param(httpx.Response(200, content=b"{"), id="no JSON"),
    pytest.param(httpx.Response(404, json={}), id="404"),
]


@pytest.mark.parametrize("answered", NEVER)
async def test_sr_f04_nothing_but_the_provider_s_word_marks_an_association_however_often_it_comes(
    answered: httpx.Response,
) -> None:
    acme = Acme()
    acme.answers = [answered] * 50
    async with at(acme) as there:
        before = await there.row()
        for _ in range(10):
            with pytest.raises(ProviderError):
                await in_time(there.association.refresh_token(), there.clock)
            there.clock.advance(MAX_BACKOFF_SECONDS)

        assert pair(await there.row()) == pair(before)
    assert len(acme.renewals) == 10


async def test_sr_f04_a_network_that_is_down_marks_no_association() -> None:
    async def provider(request: httpx.Request) -> httpx.Response:
        if b"refresh_token" in request.content:
            raise httpx.ConnectError("no")
        return await acme(request)

    acme = Acme()
    async with at(provider) as there:
        before = await there.row()
        for _ in range(5):
            with pytest.raises(ProviderUnreachable):
                await there.association.refresh_token()
            there.clock.advance(MAX_BACKOFF_SECONDS)

        assert pair(await there.row()) == pair(before)
        assert (await there.row()).sent_at is None


# F-ID-02: 5xx


async def test_f_id_02_who_has_a_token_that_lives_gets_it_and_who_has_not_gets_a_typed_error() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503)] * 2
    async with at(acme) as there:
        before = await there.row()
        there.clock.advance(3400)
        token = await there.association.get_access_token()
        await there.at_rest()
        there.clock.advance(3600)
        with pytest.raises(ProviderUnreachable):
            await there.association.get_access_token()

        assert pair(await there.row()) == pair(before)
        there.clock.advance(60)
        assert await there.association.get_access_token() == "access-3"
    assert token == "access-0"


async def test_f_id_02_attempts_come_ever_more_seldom_down_to_one_an_hour_and_a_success_begins_anew() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(500)] * 14
    waits = list[float]()
    async with at(acme) as there:
        while len(acme.renewals) < 14:
            before = len(acme.renewals)
            with pytest.raises(ProviderUnreachable):
                await there.association.refresh_token()
            if len(acme.renewals) > before:
                waits.append(((await there.row()).next_attempt_at or 0) - there.clock.now())
            there.clock.advance(1 if len(waits) < 6 else MAX_BACKOFF_SECONDS)
        there.clock.advance(MAX_BACKOFF_SECONDS)
        renewed = await there.association.refresh_token()
        assert await renewed.get_access_token() == "access-15"
        row = await there.row()

    longest = [min(MAX_BACKOFF_SECONDS, MIN_BACKOFF_SECONDS * 2**number) for number in range(14)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert (row.attempts, row.next_attempt_at) == (0, None)


async def test_f_id_02_two_associations_that_failed_together_are_not_tried_again_together() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(500)] * 2
    async with at(acme) as there:
        await others(there, 1)
        for association in await there.social.associations("ada"):
            with pytest.raises(ProviderUnreachable):
                await association.refresh_token()
        moments = {row.next_attempt_at for row in await there.repository.page(after="", limit=10)}

    assert len(moments) == 2


# F-ID-03 and F-ID-04, SR-F06: 429


async def test_f_id_03_after_a_429_one_request_follows_once_its_time_is_over_and_other_providers_go_on() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(429, headers={"retry-after": "2"})]
    async with at(acme) as there:
        await others(there, 1)
        other = replace(sealed_anew(await there.row(), there, number=2), backend="other")
        await there.repository.add(other)
        backends = {"acme": backend_at(), "other": backend_at({"name": "other", "title": "Other"})}
        async with again(there, acme, backends=backends) as social:
            first, second, third = await social.associations("ada")
            with pytest.raises(ProviderUnreachable) as raised:
                await first.refresh_token()
            for association in (first, second):  # the limit is the provider's, so it is everybody's there
                with pytest.raises(ProviderUnreachable):
                    await association.refresh_token()
            await third.refresh_token()
            sent_meanwhile = len(acme.renewals)
            there.clock.advance(1.99)
            with pytest.raises(ProviderUnreachable):
                await first.refresh_token()
            there.clock.advance(0.02)
            renewed = await first.refresh_token()

            assert await renewed.get_access_token() == "access-3"
    assert (raised.value.retry_after, sent_meanwhile, len(acme.renewals)) == (2.0, 2, 3)


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        pytest.param(["2"], 2, 2, id="two seconds"),
        pytest.param(["99999999"], 3600, 3600, id="three years"),
        pytest.param(["-1"], 1, 2, id="less than nothing"),
        pytest.param(["soon"], 1, 2, id="words"),
        pytest.param(["Mon, 01 Jan 2001 00:00:00 GMT"], 1, 2, id="a past date"),
        pytest.param(["Fri, 31 Dec 9999 23:59:59 GMT"], 3600, 3600, id="a date far away"),
        pytest.param(["5", "7"], 1, 7, id="twice"),
        pytest.param([], 1, 2, id="not said"),
    ],
)
async def test_f_id_04_a_retry_after_is_held_between_our_own_pause_and_an_hour(
    asked: list[str], least: float, most: float
) -> None:
    acme = Acme()
    acme.answers = [httpx.Response(429, headers=[("retry-after", text) for text in asked])]
    async with at(acme) as there:
        before = await there.row()
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        row = await there.row()
        wait = (row.next_attempt_at or 0) - there.clock.now()
        there.clock.advance(most)

        renewed = await there.association.refresh_token()

        assert await renewed.get_access_token() == "access-2"
    assert least <= wait <= most
    assert pair(row) == pair(before)
    assert len(acme.renewals) == 2


async def test_sr_f06_after_an_outage_one_goes_first_and_the_others_follow_once_it_was_answered() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503)] * PATIENCE
    async with at(acme) as there:
        await others(there, 19)
        found = await there.social.associations("ada")
        for association in found[:PATIENCE]:
            with pytest.raises(ProviderUnreachable):
                await association.refresh_token()
        for association in found[PATIENCE:]:
            with pytest.raises(ProviderUnreachable):
                await association.refresh_token()
        while_down = len(acme.renewals)
        there.clock.advance(60)
        acme.arrived.clear()
        acme.gate.clear()
        first = asyncio.create_task(found[0].refresh_token())
        await acme.arrived.wait()
        with pytest.raises(ProviderUnreachable):
            await found[1].refresh_token()
        acme.gate.set()
        await first

        await asyncio.gather(*(association.refresh_token() for association in found[1:]))
    assert while_down == PATIENCE
    assert len(acme.renewals) == PATIENCE + 20


# F-ID-06: the person took the grant back


async def test_f_id_06_a_revoked_grant_is_marked_and_not_asked_about_again_and_others_are_untouched() -> None:
    acme = Acme()
    acme.answers = [REVOKED]
    async with at(acme) as there:
        before = await there.row()
        await others(there, 2)
        first, *rest = await there.social.associations("ada")
        for _ in range(3):
            with pytest.raises(NeedsReauth) as raised:
                await first.refresh_token()
            there.clock.advance(MAX_BACKOFF_SECONDS)
        await there.social.refresh_due()
        row = await there.row()
        asked = [sent["refresh_token"] for sent in acme.parameters]

        assert [one.status for one in await there.social.associations("ada")] == ["needs_reauth", "active", "active"]
    assert (raised.value.reason, raised.value.association_id) == ("revoked", row.id)
    assert (row.created_at, row.uid, row.refresh_token) == (before.created_at, before.uid, before.refresh_token)
    assert len(asked) == 1 + len(rest)


# F-ID-08: the app's own secret


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client"])
async def test_f_id_08_a_secret_that_is_not_taken_is_told_once_and_asked_about_once_in_ten_minutes(word: str) -> None:
    acme = Acme()
    acme.answers = [refusal(word, 401)] * 2
    async with at(acme) as there:
        await others(there, 9)
        before = [pair(row) for row in await there.repository.page(after="", limit=20)]
        found = await there.social.associations("ada")
        with pytest.raises(ProviderRefused):
            await found[0].refresh_token()
        for association in found:
            with pytest.raises(ProviderUnreachable):
                await association.refresh_token()
        there.clock.advance(CREDENTIALS_SECONDS)
        for association in found:
            with pytest.raises(ProviderError):
                await association.refresh_token()

        assert [pair(row) for row in await there.repository.page(after="", limit=20)] == before
        assert (await there.told()).count("credentials_refused") == 1
    assert len(acme.renewals) == 2


async def test_f_id_08_renewals_go_on_at_once_with_another_configuration() -> None:
    acme = Acme()
    acme.answers = [refusal("invalid_client", 401)]
    async with at(acme) as there:
        with pytest.raises(ProviderRefused):
            await there.association.refresh_token()
        mended = {"acme": {**backend_at(), "client_secret": "a-new-secret"}}
        async with again(there, acme, backends=mended) as social:
            [association] = await social.associations("ada")
            renewed = await association.refresh_token()

            assert await renewed.get_access_token() == "access-2"
    assert [sent["client_secret"] for sent in acme.parameters] == ["a-secret", "a-new-secret"]


async def test_sr_f06_a_lost_answer_is_never_followed_before_the_lease_has_ended() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(504, headers={"retry-after": "1"}), answer(2)]
    async with at(acme) as there:
        with pytest.raises(ProviderUnreachable):
            await there.association.refresh_token()
        row = await there.row()

    assert (row.next_attempt_at or 0) - there.clock.now() >= LEASE.fresh
