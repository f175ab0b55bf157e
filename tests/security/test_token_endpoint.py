"""The token endpoint: a code and a refresh token are spent once, and what comes back is stored or refused.

Rows SR-T01, SR-T03, SR-T06, SR-F02 and SR-F03, through the doors; the single answers are in ``tests/protocols``.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from asgi_social import NeedsReauth, SettingsError, Social
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from tests.app import app_of, browser, github, linked, query_of, settings
from tests.protocols.played import METADATA, OIDC
from tests.renewing import Acme, again, answer, at, backend_at
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, key_set, rsa_key, signed


class GitHub:
    """GitHub, whose token endpoint a test plays, and which counts what it is asked."""

    def __init__(self, token: Callable[[httpx.Request], httpx.Response]) -> None:
        self.token = token
        self.exchanges: list[dict[str, str]] = []
        self.others: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/login/oauth/access_token":
            self.others.append(request.url.path)
            return github(request)
        self.exchanges.append(query_of(f"?{request.content.decode()}"))
        return self.token(request)


def cut_off(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("the connection broke off")


def saying(body: object, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=text)


async def test_sr_t01_a_code_is_spent_once_however_often_its_answer_comes() -> None:
    provider = GitHub(github)
    async with Social(**settings(provider)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/")
        sent = query_of(begun.headers["location"])
        back = {"code": "a-code", "state": sent["state"]}
        at_once = await asyncio.gather(*(client.get("/complete/github/", params=back) for _ in range(5)))
        later = await client.get("/complete/github/", params=back)

    assert [one["code"] for one in provider.exchanges] == ["a-code"]
    assert provider.exchanges[0]["redirect_uri"] == sent["redirect_uri"]
    assert sorted(one.status_code for one in at_once) == [303, 400, 400, 400, 400]
    assert later.status_code == 400


async def test_sr_t01_a_code_whose_answer_was_lost_is_not_sent_again() -> None:
    provider = GitHub(cut_off)
    async with Social(**settings(provider)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/")
        back = {"code": "a-code", "state": query_of(begun.headers["location"])["state"]}
        lost = await client.get("/complete/github/", params=back)
        reloaded = await client.get("/complete/github/", params=back)

        assert (lost.status_code, reloaded.status_code) == (503, 400)
        assert await social.associations("ada") == []
    assert len(provider.exchanges) == 1


GOOD = {"access_token": "t", "token_type": "bearer"}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(saying([]), id="a list"),
        pytest.param(saying("t"), id="a text"),
        pytest.param(saying(None), id="null"),
        pytest.param(saying({**GOOD, "error": "bad_verification_code"}), id="200 with an error"),
        pytest.param(saying({**GOOD, "access_token": ""}), id="an empty access token"),
        pytest.param(saying({**GOOD, "access_token": 0}), id="0"),
        pytest.param(saying({**GOOD, "access_token": True}), id="true"),
        pytest.param(saying({**GOOD, "access_token": {}}), id="an object"),
        pytest.param(saying({"token_type": "bearer"}), id="no access token"),
        pytest.param(saying({**GOOD, "token_type": "mac"}), id="another type"),
        pytest.param(saying(GOOD, 302), id="a redirect"),
        pytest.param(saying(GOOD, 400), id="an error status"),
        pytest.param(saying(b"<html>"), id="html"),
    ],
)
async def test_sr_t03_an_answer_without_a_usable_token_stores_nothing_and_asks_for_nothing_more(
    token: Callable[[httpx.Request], httpx.Response],
) -> None:
    provider = GitHub(token)
    async with Social(**settings(provider)) as social, browser(app_of(social)) as client:
        completed = await linked(client)

        assert completed.status_code == 502
        assert await social.associations("ada") == []
    assert provider.others == []


async def test_sr_t03_a_token_without_a_type_is_a_bearer_token() -> None:
    """The row asks for one; Apple, among others, leaves it out, so that a missing one counts as Bearer."""
    async with Social(**settings(GitHub(saying({"access_token": "t"})))) as social, browser(app_of(social)) as client:
        completed = await linked(client)

        assert completed.status_code == 303
        assert len(await social.associations("ada")) == 1


@pytest.mark.parametrize(
    "table",
    [
        {"authorize": {"url": "http://acme.example/authorize"}},
        {"token": {"url": "http://acme.example/token"}},
        {"refresh": {"url": "http://acme.example/renew"}},
        {"userinfo": {"url": "http://acme.example/me"}},
        {"userinfo": {"requests": [{"id": "more", "url": "http://acme.example/more"}]}},
        {"revoke": {"url": "http://acme.example/{uid}/revoke", "style": "own"}},
        {"verify": [{"kind": "lookup", "url": "http://acme.example/{client_id}", "app": "app"}]},
        {"id_token": {"jwks": "http://acme.example/jwks", "issuer": ["https://acme.example"]}},
        {"protocol": "oidc", "oidc": {"endpoint": "http://acme.example"}},
        {"protocol": "oidc", "oidc": {"endpoint": "https://acme.example", "config": "http://acme.example/c"}},
        {"token": {"url": "http://localhost:9400/token"}},
        {"token": {"url": "https://me@acme.example/token"}},
        {"token": {"url": "acme.example/token"}},
    ],
)
def test_sr_t06_a_provider_whose_data_name_an_address_without_https_is_refused_at_the_start(
    table: dict[str, Any],
) -> None:
    with pytest.raises(SettingsError) as caught:
        Social(**settings(backends={"acme": backend_at(table)}))

    assert caught.value.setting == "backends.acme.provider"
    assert "https" in caught.value.hint


@pytest.mark.parametrize("issuer", ["http://id.example", "http://localhost:9400", "https://me@id.example"])
def test_sr_t06_an_issuer_without_https_is_refused_at_the_start(issuer: str) -> None:
    backend = {"provider": "oidc", "issuer": issuer, "client_id": "an-id", "client_secret": "a-secret"}

    with pytest.raises(SettingsError) as caught:
        Social(**settings(backends={"corp": backend}))

    assert caught.value.setting == "backends.corp.issuer"


def test_sr_t06_in_development_a_provider_may_be_on_this_machine_and_only_there() -> None:
    local, elsewhere = "http://localhost:9400/token", "http://acme.example/token"

    assert Social(
        **settings(backends={"acme": backend_at({"token": {"url": local}})}, base_url="http://localhost:8000")
    )
    with pytest.raises(SettingsError):
        Social(
            **settings(backends={"acme": backend_at({"token": {"url": elsewhere}})}, base_url="http://localhost:8000")
        )


def test_sr_t06_an_address_with_a_part_of_the_apps_own_is_good() -> None:
    table = {"vars": {"host": {"kind": "url"}, "team": {}}, "token": {"url": "{host}/{team}/token"}}
    backend = {**backend_at(table), "host": "https://on.example", "team": "a-team"}

    assert Social(**settings(backends={"acme": backend}))


# Renewals.


class Watching(MemoryRepository):
    """A store that waits for the test before it writes new tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.saving = asyncio.Event()
        self.may_save = asyncio.Event()

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        self.saving.set()
        await self.may_save.wait()
        return await super().save_tokens(row, replaces=replaces)


async def test_sr_f02_new_tokens_are_stored_before_anybody_gets_them() -> None:
    acme, store = Acme(), Watching()
    async with at(acme) as there:
        assert await store.add(await there.row())
    async with again(there, acme, database=store) as social:
        [association] = await social.associations("ada")

        renewing = asyncio.create_task(association.refresh_token())
        await store.saving.wait()
        for _ in range(20):  # turns of the loop, in which it must not be done
            await asyncio.sleep(0)
        was_handed_out_early = renewing.done()
        store.may_save.set()
        renewed = await renewing

        assert not was_handed_out_early
        assert await renewed.get_access_token() == "access-1"


async def test_sr_f02_an_answer_without_a_refresh_token_keeps_the_old_one() -> None:
    acme = Acme()
    acme.answers = [answer(1, refresh_token=None), answer(2)]
    async with at(acme) as there:
        await (await there.association.refresh_token()).refresh_token()

    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0"]


class OpenId(Acme):
    """An OpenID provider whose renewals a test plays."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/jwks":
            return httpx.Response(200, json=key_set())
        if "openid-configuration" in request.url.path:
            return httpx.Response(200, json=METADATA)
        return await super().__call__(request)


async def linked_at(acme: OpenId) -> tuple[Social, MemoryRepository]:
    backend = {"provider": OIDC, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    store = MemoryRepository()
    social = Social(**settings(acme, backends={"signed": backend}, database=store))  # type: ignore[arg-type]
    await social.open()
    async with browser(app_of(social)) as client:
        begun = await client.get("/associate/signed/")
        sent = query_of(begun.headers["location"])
        acme.first["id_token"] = signed(claims(sub="7", nonce=sent["nonce"]))
        completed = await client.get("/complete/signed/", params={"code": "c", "state": sent["state"]})
    assert completed.status_code == 303, completed.text
    return social, store


@pytest.mark.parametrize(
    "suspect",
    [
        pytest.param({"id_token": signed(claims(sub="other"))}, id="another subject"),
        pytest.param({"id_token": signed(claims(sub="7"), key=rsa_key("stranger"), kid="one")}, id="a bad signature"),
        pytest.param({"id_token": signed(claims(sub="7", aud="other"))}, id="another app"),
        pytest.param({"token_type": "mac"}, id="another type"),
    ],
)
async def test_sr_f02_a_suspect_answer_is_stored_and_not_served(suspect: dict[str, object]) -> None:
    acme = OpenId()
    acme.answers = [answer(1, **suspect)]
    social, store = await linked_at(acme)
    [association] = await social.associations("ada")
    before = await store.get(association.id)

    with pytest.raises(NeedsReauth) as caught:
        await association.refresh_token()

    assert caught.value.reason == "suspect"
    [stored] = await social.associations("ada")
    after = await store.get(association.id)
    assert before is not None
    assert after is not None
    assert (stored.status, stored.reason) == ("needs_reauth", "suspect")
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    for call in (stored.get_access_token, stored.refresh_token):
        with pytest.raises(NeedsReauth):
            await call()
    await social.close()
