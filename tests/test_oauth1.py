"""OAuth 1.0a through an app: what the browser and the store hold, and how an association asks."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from asgi_social import (
    Association,
    ProviderRefused,
    SettingsError,
    Social,
    SocialMiddleware,
    StorageError,
    TokenRefused,
)
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock, SignedIn, fakes_of, transport_to, user_of
from tests.app import KEY
from tests.testing.trips import SECRET, Trip, trip

HOST = "https://own.example"
OWN: dict[str, Any] = {
    "name": "own",
    "title": "Own",
    "protocol": "oauth1",
    "refresh": {"never_expires": True},
    "oauth1": {"request_url": f"{HOST}/request", "request_method": "POST", "params": {"a": "b c"}},
    "authorize": {"url": f"{HOST}/authorize"},
    "token": {"url": f"{HOST}/token"},
    "userinfo": {"url": f"{HOST}/me", "params": {"format": "json"}},
    "verify": [],
}
BACKEND = {"provider": OWN, "client_id": "an-id", "client_secret": SECRET}


async def begun(one: Trip) -> httpx.Response:
    answer = await one.browser.get("/associate/own/")
    assert answer.status_code == 303, answer.text
    return answer


async def test_sr_c16_the_token_secret_never_reaches_the_browser_and_is_sealed_in_the_store() -> None:
    async with trip("own", BACKEND) as one:
        begun_with = await begun(one)
        [(_, kept)] = [noted for noted in stored(one).values() if noted[1]]
        ended = await one.browser.get(await one.fake.consent(begun_with.headers["location"]))

        shown = [f"{answer.headers} {answer.text}" for answer in (begun_with, ended)]
        assert all("fake-secret" not in one for one in [*shown, str(kept)])
        assert str(kept).startswith("v1.")
        # Taken, and with it gone.
        assert [noted for noted in stored(one).values() if noted[1]] == []
        [association] = await one.social.associations("7")
        assert "fake-secret" in await association.get_access_token()


def stored(one: Trip) -> dict[str, tuple[float, str | None]]:
    """Give what the store keeps of flows."""
    repository = one.social.engine.repository
    assert isinstance(repository, MemoryRepository)
    return repository._flows


async def test_a_flow_of_which_the_store_has_nothing_any_more_is_refused() -> None:
    async with trip("own", BACKEND) as one:
        url = await one.fake.consent((await begun(one)).headers["location"])
        stored(one).clear()

        answer = await one.browser.get(url)

        assert (answer.status_code, answer.json()["reason"]) == (400, "expired")
        assert one.fake.count("/token") == 0


async def test_what_another_key_has_sealed_is_not_opened() -> None:
    async with trip("own", BACKEND) as one:
        url = await one.fake.consent((await begun(one)).headers["location"])
        for key, (expires_at, sealed) in list(stored(one).items()):
            stored(one)[key] = (expires_at, f"{sealed}x" if sealed else sealed)

        answer = await one.browser.get(url)

        assert (answer.status_code, answer.json()["reason"]) == (400, "expired")


async def test_each_of_several_tabs_has_a_token_of_its_own() -> None:
    async with trip("own", BACKEND) as one:
        urls = [
            await one.fake.consent((await begun(one)).headers["location"], person=person) for person in ("ada", "layla")
        ]

        answers = [await one.browser.get(url) for url in reversed(urls)]

        assert [answer.status_code for answer in answers] == [303, 303]
        assert len(await one.social.associations("7")) == 2


class Failing(MemoryRepository):
    """Keeps nothing."""

    async def keep(self, key: str, sealed: str, *, expires_at: float, now: float) -> bool:
        raise StorageError("the database does not answer", operation="keep")


async def test_no_flow_begins_where_the_secret_cannot_be_kept() -> None:
    clock = ManualClock()
    fakes = fakes_of({"own": BACKEND}, clock=clock)
    async with httpx.AsyncClient(transport=transport_to(fakes.values())) as http_client:
        social = Social(
            secret_key=KEY,
            backends={"own": BACKEND},
            base_url="https://app.example",
            database=Failing(),
            http_client=http_client,
            current_user=user_of,
            clock=clock,
        )
        app = SocialMiddleware(_nothing, social)
        async with social, SignedIn(app, social=social, fake_providers=fakes, user_id="7") as browser:
            answer = await browser.get("/associate/own/")

    assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)


async def _nothing(*_: object) -> None:
    raise AssertionError("the app is not asked")


async def test_a_client_token_is_refused_as_nothing_proves_it() -> None:
    async with trip("own", BACKEND) as one:
        token = one.fake.issue_tokens("ada")["access_token"]

        assert await one.refusal(token) == "unbound"


async def test_who_takes_the_risk_gets_the_account_of_a_client_token() -> None:
    async with trip("own", {**BACKEND, "allow_unbound_tokens": True}) as one:
        token = one.fake.issue_tokens("ada")["access_token"]
        association = await one.backend.associate(token, user_id="7")

        assert await one.backend.do_auth(token) == "7"
        assert await association.get_access_token() == token
        assert association._row.token_type == "oauth1"
        assert await one.refusal("a-bearer-token") == "malformed"


# The client of an association.


async def generated(body: bytes) -> AsyncIterator[bytes]:
    yield body


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param({"method": "GET", "params": {"format": "json", "q": "ä b&c"}}, id="a query"),
        pytest.param({"method": "GET", "params": [("format", "json"), ("a", "1")]}, id="a list"),
        pytest.param({"method": "GET", "params": {"format": "json"}, "content": b"{}"}, id="another body"),
    ],
)
async def test_an_association_signs_what_it_asks(request_of: dict[str, Any]) -> None:
    async with trip("own", BACKEND) as one:
        association = await one.link()
        async with association.client() as client:
            answer = await client.request(url=f"{HOST}/me", **request_of)

    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["data", "generator"])
async def test_a_form_is_signed_whatever_way_it_is_given(kind: str) -> None:
    post = {**OWN, "userinfo": {"url": f"{HOST}/me", "method": "POST", "body": {"form": {"format": "json"}}}}
    body: dict[str, Any] = {"data": {"format": "json", "q": "ä b&c"}}
    if kind == "generator":
        body = {"content": generated(b"format=json&q=%C3%A4+b%26c"), "headers": FORM}
    async with trip("own", {**BACKEND, "provider": post}) as one:
        association = await one.link()
        async with association.client() as client:
            answer = await client.post(f"{HOST}/me", **body)

    assert answer.status_code == 200


async def test_a_401_is_the_callers_and_nothing_is_sent_again() -> None:
    async with trip("own", BACKEND) as one:
        association = await one.link()
        one.fake.revoke_all("ada")
        before = len(one.fake.requests)
        async with association.client() as client:
            answer = await client.get(f"{HOST}/me", params={"format": "json"})

        assert (answer.status_code, len(one.fake.requests)) == (401, before + 1)


async def test_a_token_signs_for_the_hosts_of_the_provider_alone() -> None:
    async with trip("own", BACKEND) as one:
        association = await one.link()
        async with association.client() as client:
            with pytest.raises(SettingsError):
                await client.get("https://evil.example/me")


async def test_what_is_stored_otherwise_signs_nothing() -> None:
    async with trip("own", BACKEND) as one:
        association = await one.link()
        before = len(one.fake.requests)

        with pytest.raises(TokenRefused) as caught:
            await with_token(one, association, "a-bearer-token").get(f"{HOST}/me")

        assert (caught.value.reason, len(one.fake.requests)) == ("malformed", before)


def with_token(one: Trip, association: Association[Any], token: str) -> httpx.AsyncClient:
    """Give the client of an association that has another token."""
    context = f"social_association/{association.id}/access_token"
    sealed = one.social.engine.keys.seal(token, purpose="storage", context=context)
    return dataclasses.replace(association, _row=dataclasses.replace(association._row, access_token=sealed)).client()


async def test_the_clock_of_each_request_is_that_of_its_own_time() -> None:
    async with trip("own", BACKEND) as one:
        association = await one.link()
        async with association.client() as client:
            one.clock.advance(86400)
            answer = await client.get(f"{HOST}/me", params={"format": "json"})

    assert answer.status_code == 200


# Settings.


@pytest.mark.parametrize("secret", [SECRET, "-----BEGIN PRIVATE KEY-----"])
def test_rsa_sha1_wants_a_private_key_from_the_start(secret: str) -> None:
    provider = {**OWN, "oauth1": {"request_url": f"{HOST}/request", "signature": "RSA-SHA1"}}

    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, backends={"own": {**BACKEND, "provider": provider, "client_secret": secret}})

    assert caught.value.setting == "backends.own.client_secret"


def test_an_app_without_oauthlib_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, backends={"own": BACKEND}, base_url="https://app.example")

    assert caught.value.setting == "backends.own.provider"
    assert 'pip install "asgi-social[oauth1]"' in caught.value.hint


@pytest.mark.parametrize("name", ["oauth_token", "oauth_callback"])
def test_the_app_sets_no_parameter_of_the_protocol(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, backends={"own": {**BACKEND, "params": {name: "evil"}}}, base_url="https://app.example")

    assert caught.value.setting == f"backends.own.params.{name}"


async def test_an_error_tells_neither_token_nor_state() -> None:
    def refusing(request: httpx.Request) -> httpx.Response:
        sent = unquote(request.headers["authorization"])
        return httpx.Response(401, content=f"oauth_problem=parameter_rejected&oauth_problem_advice=callback {sent}")

    redirect_uri = "https://app.example/complete/own/"
    async with httpx.AsyncClient(transport=httpx.MockTransport(refusing)) as http_client:
        social = Social(
            secret_key=KEY,
            backends={"own": BACKEND},
            base_url="https://app.example",
            database=MemoryRepository(),
            http_client=http_client,
        )
        async with social:
            with pytest.raises(ProviderRefused) as caught:
                await social.backend("own").begin(user_id="7", redirect_uri=redirect_uri, next_path="/")

    assert "state=" not in f"{caught.value} {caught.value.hint}"
    assert "register exactly https://app.example/complete/own/ as" in caught.value.hint
