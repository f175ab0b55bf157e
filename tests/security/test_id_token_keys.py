"""How long a provider's keys are kept, and who a subject is from one ID token to the next (SR-I10, I12 to I14)."""

import asyncio
from typing import Any

import httpx
import pytest

from asgi_social import ProviderBroken, ProviderUnreachable, Social, TokenRefused
from asgi_social.testing import ManualClock
from tests.app import app_of, browser, linked, query_of, settings
from tests.protocols.played import METADATA, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, LEFT_OUT, claims, key_set, rsa_key, signed


class Provider:
    """An OpenID provider whose keys and people a test changes, and which counts what it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = key_set()
        self.keys_status = 200
        self.asked: list[str] = []
        self.clock = ManualClock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/jwks":
            if self.keys_status == 0:
                raise httpx.ConnectError("nobody there")
            return httpx.Response(self.keys_status, json=self.keys)
        return httpx.Response(200, json=METADATA)

    def social(self) -> Social:
        backend = {"provider": OIDC, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        users = {"embedded_users": True, "sign_up": "allow"}
        return Social(**settings(self, backends={"signed": backend}, clock=self.clock, **users))

    def token(self, kid: str = "one", **changed: object) -> str:
        return signed(claims(self.clock.now(), **changed), key=rsa_key(kid))


async def test_sr_i10_many_tokens_of_unknown_keys_have_the_keys_fetched_once() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        await backend.do_auth(id_token=provider.token())
        provider.asked.clear()

        strange = [signed(claims(), key=rsa_key("stranger"), kid=f"kid-{number}") for number in range(200)]
        results = await asyncio.gather(*(backend.do_auth(id_token=one) for one in strange), return_exceptions=True)

    assert {type(result) for result in results} == {TokenRefused}
    assert provider.asked == ["/jwks"]


async def test_sr_i10_many_first_tokens_share_one_fetch() -> None:
    provider = Provider()
    async with provider.social() as social:
        await asyncio.gather(*(social.backend("signed").do_auth(id_token=provider.token()) for _ in range(20)))

    assert sorted(provider.asked) == ["/.well-known/openid-configuration", "/jwks"]


async def test_sr_i10_a_key_that_is_new_since_the_last_token_is_found() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        await backend.do_auth(id_token=provider.token())
        provider.keys = key_set(rsa_key("two"))

        user = await backend.do_auth(id_token=provider.token("two"))

    assert user is not None


async def test_sr_i10_the_keys_are_fetched_for_unknown_keys_once_a_minute_at_most() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        counted = []
        await backend.do_auth(id_token=provider.token())
        for seconds in (0, 60, 1):
            provider.clock.advance(seconds)
            with pytest.raises(TokenRefused):
                await backend.do_auth(id_token=provider.token("stranger"))
            counted.append(provider.asked.count("/jwks"))

    assert counted == [2, 2, 3]


@pytest.mark.parametrize("status", [0, 500, 404, 302])
async def test_sr_i10_keys_that_cannot_be_fetched_anew_stay_usable_for_a_day(status: int) -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        await backend.do_auth(id_token=provider.token())
        provider.keys_status = status

        with pytest.raises(TokenRefused):
            await backend.do_auth(id_token=provider.token("stranger"))
        at_once = await backend.do_auth(id_token=provider.token())
        provider.clock.advance(86399)
        after_a_day = await backend.do_auth(id_token=provider.token())
        provider.clock.advance(2)
        with pytest.raises((ProviderUnreachable, ProviderBroken)):
            await backend.do_auth(id_token=provider.token())

    assert at_once == after_a_day
    assert at_once is not None


async def test_sr_i10_keys_are_fetched_anew_after_an_hour() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        for seconds in (0, 3600, 1):
            provider.clock.advance(seconds)
            await backend.do_auth(id_token=provider.token())

    assert provider.asked.count("/jwks") == 2


async def test_sr_i10_what_cannot_be_read_is_not_kept() -> None:
    provider = Provider()
    provider.keys = {"keys": "none of them"}
    async with provider.social() as social:
        backend = social.backend("signed")
        with pytest.raises(ProviderBroken):
            await backend.do_auth(id_token=provider.token())
        provider.keys = key_set()

        assert await backend.do_auth(id_token=provider.token()) is not None


async def test_sr_i12_two_subjects_with_one_address_are_two_people() -> None:
    provider = Provider()
    same: dict[str, Any] = {"email": "ada@example.org", "email_verified": True, "preferred_username": "ada"}
    async with provider.social() as social:
        backend = social.backend("signed")

        one = await backend.do_auth(id_token=provider.token(sub="one", **same))
        two = await backend.do_auth(id_token=provider.token(sub="two", **same))

    assert one.id != two.id


async def test_sr_i12_a_subject_with_a_new_address_and_name_stays_the_same_person() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")

        before = await backend.do_auth(id_token=provider.token(email="a@example.org", preferred_username="a"))
        after = await backend.do_auth(id_token=provider.token(email="b@example.org", preferred_username="b"))

    assert before.id == after.id


async def test_sr_i13_subjects_are_told_apart_by_their_case() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")

        upper = await backend.do_auth(id_token=provider.token(sub="Abc"))
        lower = await backend.do_auth(id_token=provider.token(sub="abc"))

    assert upper.id != lower.id


@pytest.mark.parametrize("said", [True, "true", 1, LEFT_OUT])
async def test_sr_i14_an_address_of_somebody_links_nothing(said: object) -> None:
    """The account of another person with the same address, vouched for or not, is nobody's until they link it."""

    def handler(request: httpx.Request) -> httpx.Response:
        me = {
            "id": 7,
            "login": "eve",
            "email": "octocat@github.example",
            "email_verified": said is not LEFT_OUT and said,
        }
        answers: dict[str, object] = {
            "/login/oauth/access_token": {"access_token": "t", "token_type": "bearer"},
            "/user": me,
            "/user/emails": [{"email": "octocat@github.example", "primary": True, "verified": True}],
            "/applications/an-id/token": {"app": {"client_id": "an-id"}, "user": {"id": 7}},
        }
        return httpx.Response(200, json=answers[request.url.path])

    async with Social(**settings(embedded_users=True)) as social, browser(app_of(social)) as client:
        await linked(client)
        [adas] = await social.associations("ada")
        repository = social.settings.database

    other = settings(handler, embedded_users=True, database=repository)
    async with Social(**other) as social, browser(app_of(social), user="eve") as client:
        nobody = await social.backend("github").do_auth("t")
        begun = await client.get("/associate/github/")
        state = query_of(begun.headers["location"])["state"]
        completed = await client.get("/complete/github/", params={"code": "c", "state": state})
        [eves] = await social.associations("eve")

    assert nobody is None
    assert completed.status_code == 303
    assert (adas.uid, eves.uid) == ("583231", "7")
