"""What becomes of a provider's answer to a renewal: tokens, a refusal, nonsense, and what is suspect."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social import (
    CannotRenew,
    NeedsReauth,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
)
from asgi_social.refresh.attempt import TAKE_OVER_SECONDS
from asgi_social.refresh.limits import CREDENTIALS_SECONDS
from asgi_social.testing import FakeProvider, ManualClock
from asgi_social.transport import KEEP_AT_MOST_SECONDS
from tests.renewing import REVOKED, Acme, answer, at

# What a renewal writes into a row and leaves at its end.
AT_REST: dict[str, Any] = {
    "attempts": 0,
    "next_attempt_at": None,
    "lease_id": None,
    "lease_until": None,
    "sent_at": None,
}


async def test_a_grant_that_the_provider_ended_is_stored_as_such_and_not_asked_about_again() -> None:
    acme = Acme()
    acme.answers = [REVOKED]
    async with at(acme) as there:
        with pytest.raises(NeedsReauth) as raised:
            await there.association.refresh_token()
        stored = await there.stored()
        for call in (stored.refresh_token, stored.get_access_token, there.association.refresh_token):
            with pytest.raises(NeedsReauth):
                await call()

        assert (stored.status, stored.reason, stored.since) == ("needs_reauth", "revoked", there.clock.now())
        assert await there.told() == ["renewal_failed", "needs_reauth"]
    assert (raised.value.reason, raised.value.association_id) == ("revoked", stored.id)
    assert len(acme.renewals) == 1


async def test_linking_again_heals_an_association_and_keeps_its_id() -> None:
    acme = Acme()
    acme.answers = [REVOKED]
    async with at(acme) as there:
        with pytest.raises(NeedsReauth):
            await there.association.refresh_token()
        acme.first["access_token"] = "access-anew"
        there.clock.advance(60)
        before = there.association.id
        await there.link()

        assert (there.association.id, there.association.status, there.association.reason) == (before, "active", None)
        assert there.association.since == there.clock.now()
        assert await there.association.get_access_token() == "access-anew"


async def test_linking_again_without_a_refresh_token_does_not_bring_the_dead_one_back() -> None:
    acme = Acme()
    acme.answers = [REVOKED]
    async with at(acme) as there:
        with pytest.raises(NeedsReauth):
            await there.association.refresh_token()
        acme.first["refresh_token"] = None
        await there.link()

        with pytest.raises(CannotRenew):
            await there.association.refresh_token()
    assert len(acme.renewals) == 1


async def test_linking_again_heals_an_association_whose_refresh_token_does_not_open() -> None:
    acme = Acme()
    async with at(acme) as there:
        row = await there.row()
        broken = replace(row, refresh_token="v1.gone.gone", version=row.version + 1)
        assert await there.repository.save_tokens(broken, replaces=row.version)
        acme.first["refresh_token"] = None
        await there.link()

        assert await there.association.get_access_token() == "access-0"


async def test_a_refusal_beside_newer_tokens_is_not_the_end() -> None:
    acme = Acme()
    acme.answers = [REVOKED]
    acme.gate.clear()
    async with at(acme) as there:
        renewing = asyncio.create_task(there.association.refresh_token())
        await acme.arrived.wait()
        await there.link()
        acme.gate.set()

        await renewing

        assert (await there.stored()).status == "active"


NO_ANSWERS = [
    pytest.param(httpx.Response(500, json={"error": "invalid_grant"}), ProviderUnreachable, "known", id="500"),
    pytest.param(httpx.Response(503, html="<h1>"), ProviderUnreachable, "known", id="503"),
    pytest.param(httpx.Response(502, html="<h1>"), ProviderUnreachable, "unknown", id="502"),
    pytest.param(httpx.Response(504, html="<h1>"), ProviderUnreachable, "unknown", id="504"),
    pytest.param(httpx.Response(429, headers={"retry-after": "7"}), ProviderUnreachable, "known", id="429"),
    pytest.param(httpx.Response(200, html="<h1>Sign in</h1>"), ProviderBroken, "unknown", id="HTML"),
    pytest.param(
        httpx.Response(302, headers={"location": "https://acme.example/"}), ProviderBroken, "known", id="redirect"
    ),
    pytest.param(httpx.Response(404), ProviderBroken, "known", id="not there"),
    pytest.param(httpx.Response(200, json=[]), ProviderBroken, "unknown", id="array"),
    pytest.param(httpx.Response(200, content=b""), ProviderBroken, "unknown", id="nothing"),
    pytest.param(httpx.Response(200, json={"error": "server_error"}), ProviderError, "known", id="an error with 200"),
    pytest.param(answer(1, access_token=None), ProviderBroken, "unknown", id="no access_token"),
    pytest.param(answer(1, access_token=""), ProviderBroken, "unknown", id="an empty access_token"),
    pytest.param(answer(1, access_token=7), ProviderBroken, "unknown", id="a number as access_token"),
    pytest.param(answer(1, access_token="a b"), ProviderBroken, "unknown", id="an access_token that cannot be sent"),
    pytest.param(httpx.Response(400, json={"error": "invalid_scope"}), ProviderRefused, "known", id="another error"),
]


@pytest.mark.parametrize(("answered", "kind", "outcome"), NO_ANSWERS)
async def test_an_answer_without_tokens_changes_no_token_and_the_next_try_is_good(
    answered: httpx.Response, kind: type[ProviderError], outcome: str
) -> None:
    acme = Acme()
    acme.answers = [answered]
    async with at(acme) as there:
        before = await there.row()

        with pytest.raises(kind) as raised:
            await there.association.refresh_token()

        row = await there.row()
        assert raised.value.backend == "acme"
        assert replace(row, **AT_REST) == before
        assert (row.attempts, row.sent_at is None, row.lease_id is None) == (1, *[outcome == "known"] * 2)
        assert await there.told() == ["renewal_failed"]
        assert there.events[0].code == raised.value.code
        there.clock.advance(60)
        renewing = asyncio.create_task(there.association.refresh_token())
        if outcome == "unknown":
            await there.clock.until_asleep()  # the pause before a take-over
            there.clock.advance(TAKE_OVER_SECONDS)
        assert await (await renewing).get_access_token() == "access-2"
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0"]


@pytest.mark.parametrize("word", ["invalid_client", "unauthorized_client"])
async def test_a_refusal_of_the_app_itself_changes_no_association_and_is_told_once(word: str) -> None:
    acme = Acme()
    acme.answers = [httpx.Response(401, json={"error": word})] * 2
    async with at(acme) as there:
        before = await there.row()
        for _ in range(3):
            with pytest.raises(ProviderError):
                await there.association.refresh_token()
            there.clock.advance(CREDENTIALS_SECONDS / 2)

        assert await there.row() == before
        assert await there.told() == ["renewal_failed", "credentials_refused", "renewal_failed"]
        there.clock.advance(CREDENTIALS_SECONDS)
        assert await (await there.association.refresh_token()).get_access_token() == "access-3"


async def test_a_provider_that_asks_to_be_left_alone_says_for_how_long() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(429, headers={"retry-after": "7"})]
    async with at(acme) as there:
        with pytest.raises(ProviderUnreachable) as raised:
            await there.association.refresh_token()

    assert (raised.value.retry_after, raised.value.may_have_arrived) == (7.0, False)


async def test_the_event_of_a_refusal_holds_the_provider_s_own_word() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(401, json={"error": "invalid_client"})]
    async with at(acme) as there:
        with pytest.raises(ProviderRefused):
            await there.association.refresh_token()
        await there.told()

        assert (there.events[0].code, there.events[0].reason) == ("provider_refused", "invalid_client")


# Suspect answers

SUSPECT = [
    pytest.param({"id_token_sub": "another"}, id="another subject"),
    pytest.param({"token_type": "mac"}, id="another token_type"),
    pytest.param({"audience": "another-app"}, id="another audience"),
    pytest.param({"signed_by_other_key": True}, id="another key"),
    pytest.param({"alg_none": True}, id="no signature"),
    pytest.param({"wrong_issuer": True}, id="another issuer"),
]


@pytest.mark.parametrize("faults", SUSPECT)
async def test_a_suspect_answer_is_stored_and_not_served(faults: dict[str, Any]) -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        before = await there.row()
        for name, value in faults.items():
            setattr(fake.faults, name, value)

        with pytest.raises(NeedsReauth) as raised:
            await there.association.refresh_token()

        after = await there.row()
        stored = await there.stored()
        with pytest.raises(NeedsReauth):
            await stored.get_access_token()
        assert after.refresh_token != before.refresh_token
        assert (stored.status, stored.reason) == ("needs_reauth", "suspect")
        assert await there.told() == ["needs_reauth"]
    assert raised.value.reason == "suspect"


async def test_an_id_token_whose_keys_cannot_be_had_is_not_kept_and_the_access_token_is() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        before = await there.row()
        clock.advance(KEEP_AT_MOST_SECONDS + 1)
        fake.faults.redirect_to, fake.faults.where = "https://elsewhere.example/", ("/jwks",)

        renewed = await there.association.refresh_token()

        after = await there.row()
        assert await renewed.get_access_token() in fake.tokens["ada"]
        assert after.id_token == before.id_token


async def test_a_good_id_token_of_the_same_subject_is_stored() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        before = await there.row()

        await there.association.refresh_token()

        after = await there.row()
        assert after.id_token != before.id_token
        assert after.status == "active"
