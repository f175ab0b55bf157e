"""When tokens are renewed, by whom, and what a failure means."""

import asyncio
import logging

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asgi_social import (
    AssociationGone,
    ProviderUnreachable,
)
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import app_of, browser
from tests.renewing import REVOKED, Acme, answer, at

# One renewal


async def test_a_renewal_spends_the_stored_refresh_token_and_stores_the_new_pair() -> None:
    acme = Acme()
    async with at(acme) as there:
        renewed = await there.association.refresh_token()

        token = await (await there.stored()).get_access_token()

    assert acme.parameters == [
        {
            "grant_type": "refresh_token",
            "refresh_token": "refresh-0",
            "client_id": "an-id",
            "client_secret": "a-secret",
        }
    ]
    assert acme.renewals[0].method == "POST"
    assert (token, renewed.id) == ("access-1", there.association.id)


async def test_the_next_renewal_spends_the_refresh_token_of_the_one_before() -> None:
    acme = Acme()
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        await renewed.refresh_token()

    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-1"]


async def test_a_renewal_inside_a_request_is_the_same() -> None:
    acme = Acme()
    async with at(acme) as there:

        async def renew(request: Request) -> Response:
            [association] = await request.state.social.associations("acme")
            renewed = await association.refresh_token()
            return PlainTextResponse(await renewed.get_access_token())

        app = app_of(there.social, routes=[Route("/renew", renew)])
        async with browser(app) as client:
            shown = await client.get("/renew")

    assert shown.text == "access-1"
    assert len(acme.renewals) == 1


async def test_a_renewal_tells_the_app_and_shows_no_token() -> None:
    async with at(Acme()) as there:
        await there.association.refresh_token()

        assert await there.told() == ["renewed"]
        assert (there.events[0].association_id, there.events[0].user_id) == (there.association.id, "ada")
        assert "access-" not in repr(there.events)
        assert "refresh-" not in repr(there.events)


async def test_what_an_answer_leaves_out_stays_as_it_was() -> None:
    acme = Acme(first={"scope": "read write"})
    acme.answers = [answer(1, refresh_token=None)]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        await renewed.refresh_token()

    assert renewed.scope == ("read", "write")
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0"]


async def test_what_an_answer_says_of_scope_and_lifetime_takes_the_place_of_what_was_known() -> None:
    acme = Acme(first={"scope": "read write"})
    acme.answers = [answer(1, scope="read", expires_in=60)]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()

        assert (renewed.scope, renewed.expires_at) == (("read",), there.clock.now() + 60)


@pytest.mark.parametrize(
    "lifetime",
    [
        pytest.param("soon", id="words"),
        pytest.param(0, id="zero"),
        pytest.param(-5, id="negative"),
        pytest.param(True, id="boolean"),
        pytest.param(1.5, id="fraction"),
        pytest.param([3600], id="list"),
        pytest.param(10**12, id="beyond all times"),
        pytest.param("9" * 5000, id="five thousand digits"),
    ],
)
async def test_an_odd_lifetime_means_an_unknown_one_and_costs_no_token(lifetime: object) -> None:
    acme = Acme()
    acme.answers = [answer(1, expires_in=lifetime)]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()

        assert renewed.expires_at is None
        assert await renewed.get_access_token() == "access-1"


async def test_a_lifetime_in_digits_as_text_counts() -> None:
    acme = Acme()
    acme.answers = [answer(1, expires_in="3599")]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()

        assert renewed.expires_at == there.clock.now() + 3599


async def test_a_provider_s_default_lifetime_stands_where_its_answer_names_none() -> None:
    acme = Acme()
    acme.answers = [answer(1, expires_in=None)]
    async with at(acme, table={"refresh": {"expires_default": 900}}) as there:
        renewed = await there.association.refresh_token()

        assert renewed.expires_at == there.clock.now() + 900


# The ways of single providers


async def test_facebook_s_access_token_is_exchanged_for_a_longer_one() -> None:
    acme = Acme(first={"refresh_token": None})
    acme.answers = [answer(1, refresh_token=None, expires_in=None)]
    async with at(acme, name="facebook") as there:
        renewed = await there.association.refresh_token()
        await renewed.refresh_token()

        assert renewed.expires_at == there.clock.now() + 60 * 86_400
    assert (acme.renewals[0].method, acme.renewals[0].content) == ("GET", b"")
    assert acme.parameters[0] == {
        "grant_type": "fb_exchange_token",
        "fb_exchange_token": "access-0",
        "client_id": "an-id",
        "client_secret": "a-secret",
    }
    assert acme.parameters[1]["fb_exchange_token"] == "access-1"


async def test_stripe_s_secret_goes_as_bearer_and_nowhere_else() -> None:
    acme = Acme(first={"stripe_user_id": "acct_1", "expires_in": None})
    async with at(acme, name="stripe") as there:
        await there.association.refresh_token()

    assert acme.renewals[0].headers["authorization"] == "Bearer a-secret"
    assert acme.parameters == [{"grant_type": "refresh_token", "refresh_token": "refresh-0"}]


async def test_google_s_refresh_token_does_not_rotate_and_is_kept() -> None:
    acme = Acme(first={"scope": "openid email"})
    acme.answers = [answer(number, refresh_token=None, scope="openid email") for number in (1, 2)]
    async with at(acme, name="google-oauth2") as there:
        for _ in range(2):
            await (await there.stored()).refresh_token()

        assert await (await there.stored()).get_access_token() == "access-2"
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0"]
    assert acme.renewals[0].url == "https://oauth2.googleapis.com/token"


# Many callers


async def test_fifty_callers_at_once_make_one_request_and_all_get_its_token() -> None:
    acme = Acme()
    async with at(acme) as there:
        there.clock.advance(3600)

        tokens = await asyncio.gather(*(there.association.get_access_token() for _ in range(50)))

    assert tokens == ["access-1"] * 50
    assert len(acme.renewals) == 1


async def test_fifty_callers_at_a_strict_rotating_provider_lose_no_token() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        clock.advance(3600)

        tokens = await asyncio.gather(*(there.association.refresh_token() for _ in range(50)))

    assert {one.expires_at for one in tokens} == {clock.now() + 3600}
    assert fake.families_lost == 0


async def test_what_a_failed_renewal_raises_goes_to_all_who_wait() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503)]
    async with at(acme) as there:
        results = await asyncio.gather(*(there.association.refresh_token() for _ in range(5)), return_exceptions=True)

    assert [type(one) for one in results] == [ProviderUnreachable] * 5
    assert len(acme.renewals) == 1


@pytest.mark.parametrize("way", ["cancel", "wait_for"])
async def test_a_cancelled_caller_cancels_neither_the_renewal_nor_the_others(way: str) -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        alone = asyncio.create_task(
            there.association.refresh_token()
            if way == "cancel"
            else asyncio.wait_for(there.association.refresh_token(), timeout=3600)
        )
        other = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()

        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone
        acme.gate.set()
        renewed = await other

        assert await renewed.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


@pytest.mark.parametrize("way", ["cancel", "wait_for"])
async def test_a_renewal_whose_every_caller_has_gone_still_stores_its_tokens(way: str) -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        if way == "cancel":
            caller = asyncio.create_task(there.association.refresh_token())
            await acme.arrived.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
        else:
            with pytest.raises(TimeoutError):
                # It is begun before any time goes by.
                await asyncio.wait_for(there.association.refresh_token(), timeout=0.001)
        acme.gate.set()
        await there.at_rest()

        assert await (await there.stored()).get_access_token() == "access-1"
    assert len(acme.renewals) == 1


async def test_a_failed_renewal_whose_every_caller_has_gone_says_nothing_on_stderr(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acme = Acme()
    acme.gate.clear()
    acme.answers = [httpx.Response(503)]
    async with at(acme) as there:
        caller = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        acme.gate.set()
        await there.at_rest()

        assert await there.told() == ["renewal_failed"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_caller_with_an_older_version_gets_the_stored_tokens_without_a_request() -> None:
    acme = Acme()
    async with at(acme) as there:
        await there.association.refresh_token()

        again = await there.association.refresh_token()

        assert await again.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


async def test_a_caller_with_an_older_version_whose_newer_tokens_have_ended_too_gets_living_ones() -> None:
    acme = Acme()
    async with at(acme) as there:
        await there.association.refresh_token()
        there.clock.advance(3600)

        assert await there.association.get_access_token() == "access-2"
    assert len(acme.renewals) == 2


async def test_a_caller_with_the_stored_version_gets_newer_tokens_beside_one_with_an_older_version() -> None:
    acme = Acme()
    async with at(acme) as there:
        old, current = there.association, await there.association.refresh_token()

        got = await asyncio.gather(old.refresh_token(), current.refresh_token())

        assert [await one.get_access_token() for one in got] == ["access-1", "access-2"]
    assert len(acme.renewals) == 2


async def test_tokens_that_were_linked_anew_while_a_renewal_ran_win_over_it() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        acme.first["access_token"] = "access-anew"
        await there.link()
        acme.gate.set()

        got = await renewing

        assert await got.get_access_token() == "access-anew"
        assert await (await there.stored()).get_access_token() == "access-anew"


@pytest.mark.parametrize("answered", [pytest.param(answer(1), id="renewed"), pytest.param(REVOKED, id="invalid_grant")])
async def test_an_association_that_is_unlinked_while_its_renewal_runs_is_gone(answered: httpx.Response) -> None:
    acme = Acme()
    acme.answers = [answered]
    acme.gate.clear()
    async with at(acme) as there:
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        await there.social.disconnect("ada")
        acme.gate.set()

        with pytest.raises(AssociationGone):
            await renewing
        assert await there.social.associations("ada") == []
