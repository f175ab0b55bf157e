"""/disconnect: who may unlink what, and what the provider is told. Rows SR-X01, X02, X04 and X05."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from asgi_social import Social
from asgi_social.errors import AssociationGone
from asgi_social.events import Event
from asgi_social.flow import FLOW_SECONDS
from asgi_social.pages.visitor import form_token
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, Faults, ManualClock
from tests.app import app_of, browser, linked, settings
from tests.security.doors import (
    ISSUER,
    JSON,
    SECRETS,
    Form,
    Network,
    corp,
    rows_of,
    three_backends,
)

# --- SR-X01: who may unlink ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("one", [False, True], ids=["all", "one"])
async def test_sr_x01_a_get_asks_and_changes_nothing(method: str, one: bool) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)
        [row] = await rows_of(social)

        answer = await client.request(method, f"/disconnect/github/{row.id}/" if one else "/disconnect/github/")

        assert answer.status_code == 200
        assert await rows_of(social) == [row]
        if method == "GET":
            assert Form(answer.text).method == "post"
            assert ("this GitHub account" if one else "every GitHub account") in answer.text


def stale(social: Social) -> Mapping[str, str]:
    then = social.engine.clock.now() - FLOW_SECONDS - 1
    return {"form_token": form_token(social.engine.keys, user_id="ada", action="disconnect/github/", now=then)}


def of_another_action(social: Social) -> Mapping[str, str]:
    now = social.engine.clock.now()
    return {"form_token": form_token(social.engine.keys, user_id="ada", action="associate/github", now=now)}


def of_another_user(social: Social) -> Mapping[str, str]:
    now = social.engine.clock.now()
    return {"form_token": form_token(social.engine.keys, user_id="bob", action="disconnect/github/", now=now)}


def no_token(social: Social) -> Mapping[str, str]:
    return {}


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        pytest.param({"sec-fetch-site": "cross-site"}, no_token, id="cross-site"),
        pytest.param({"sec-fetch-site": "same-site"}, no_token, id="sibling"),
        pytest.param({"origin": "https://evil.example"}, no_token, id="other-origin"),
        pytest.param({}, no_token, id="nothing"),
        pytest.param({}, stale, id="stale-token"),
        pytest.param({}, of_another_action, id="token-of-another-action"),
        pytest.param({}, of_another_user, id="token-of-another-user"),
    ],
)
async def test_sr_x01_a_post_from_elsewhere_only_asks(
    headers: Mapping[str, str], form: Callable[[Social], Mapping[str, str]]
) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)
        for name in ("sec-fetch-site", "sec-fetch-mode"):
            del client.headers[name]

        answer = await client.post("/disconnect/github/", data=dict(form(social)), headers=dict(headers))

        assert answer.status_code == 403
        assert Form(answer.text).fields["form_token"]
        assert len(await rows_of(social)) == 1


async def test_the_form_of_the_asking_page_unlinks_without_fetch_metadata() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)
        [row] = await rows_of(social)
        for name in ("sec-fetch-site", "sec-fetch-mode"):
            del client.headers[name]
        path = f"/disconnect/github/{row.id}/"
        form = Form((await client.get(f"{path}?next=/settings")).text)
        for_another = await client.post("/disconnect/github/", data=form.fields)

        gone = await client.post(path, data=form.fields)

        assert for_another.status_code == 403  # the token of one is no token for all
        assert (gone.status_code, gone.headers["location"]) == (303, "/settings")
        assert await rows_of(social) == []


async def test_nobody_signed_in_unlinks_nothing() -> None:
    async with (
        Social(**settings()) as social,
        browser(app_of(social)) as ada,
        browser(app_of(social), user=None) as nobody,
    ):
        await linked(ada)

        answer = await nobody.post("/disconnect/github/", headers=JSON)

        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert len(await rows_of(social)) == 1


# --- one, all, and SR-X02 --------------------------------------------------------------------------------------------


async def test_one_association_or_all_of_a_backend_are_unlinked_and_others_stay() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    more = corp(fake)
    more["backends"] |= {"second": fake.backend_settings()}
    async with Social(**settings(clock=clock, **more)) as social, browser(app_of(social)) as client:
        for backend, person in (("corp", "ada"), ("corp", "layla"), ("corp", "grace"), ("second", "ada")):
            location = (await client.get(f"/associate/{backend}/")).headers["location"]
            await client.get(await fake.consent(location, person=person))
            clock.advance(1)
        first = (await social.associations("ada"))[0]

        one = await client.post(f"/disconnect/corp/{first.id}/")
        after_one = [(one.backend, one.username) for one in await social.associations("ada")]
        every = await client.post("/disconnect/corp/", data={"next": "/settings"})
        after_all = [(one.backend, one.username) for one in await social.associations("ada")]
        none_left = await client.post("/disconnect/corp/")

    assert (one.status_code, one.headers["location"]) == (303, "/associate/")
    assert after_one == [("corp", "layla"), ("corp", "grace"), ("second", "ada")]
    assert (every.status_code, every.headers["location"]) == (303, "/settings")
    assert after_all == [("second", "ada")]
    assert none_left.status_code == 303


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_sr_x02_the_answer_is_the_same_whatever_the_id(store: str, accept: str, tmp_path: Path) -> None:
    database = MemoryRepository() if store == "memory" else f"sqlite+aiosqlite:///{tmp_path}/social.db"
    async with (
        Social(**settings(Network(), backends=three_backends(), database=database)) as social,
        browser(app_of(social)) as ada,
        browser(app_of(social), user="bob") as bob,
    ):
        await linked(ada)
        await linked(ada, "other")
        before = await rows_of(social)
        ids = {row.backend: row.id for row in before}
        bob.headers["accept"] = ada.headers["accept"] = accept
        masked = set()

        async def refuse(client: httpx.AsyncClient, association_id: str) -> None:
            answer = await client.post(f"/disconnect/github/{association_id}/")
            headers = tuple(sorted(answer.headers.items()))
            text = re.sub(r'"id":"[^"]{8}"|· [A-Za-z0-9_-]{8}<', "masked", answer.text)
            masked.add((answer.status_code, headers, text))

        await refuse(bob, ids["github"])  # of another user
        await refuse(ada, ids["other"])  # of another backend
        for odd in (
            "1%20or%201=1",
            str(2**63),
            "-1",
            "+1",
            "%201",
            "x",
            "%00",
            "%27",
            "a" * 500,
            ids["github"].swapcase(),
        ):
            await refuse(ada, odd)
            await refuse(bob, odd)

        assert len(masked) == 1
        [(status, _, text)] = masked
        assert status == 404
        assert ids["github"] not in text
        assert await rows_of(social) == before


async def test_sr_x02_the_accessor_tells_no_more() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as ada:
        await linked(ada)
        [row] = await rows_of(social)

        errors = []
        for user, backend, association_id in (("bob", "github", row.id), ("ada", "github", "x"), ("bob", None, row.id)):
            with pytest.raises(AssociationGone) as caught:
                await social.disconnect(user, backend, association_id)
            errors.append((str(caught.value), caught.value.association_id))

        assert len(set(errors)) == 1
        assert await rows_of(social) == [row]


# --- SR-X04: the provider ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(httpx.Response(500), id="500"),
        pytest.param(httpx.Response(503, headers={"retry-after": "3600"}), id="503"),
        pytest.param(httpx.Response(400, json={"error": "unsupported_token_type"}), id="400"),
        pytest.param(httpx.Response(404), id="404"),
        pytest.param(httpx.Response(200, json=[]), id="200-and-not-204"),
        pytest.param(httpx.ConnectError("no way"), id="unreachable"),
        pytest.param(httpx.ReadTimeout("silence"), id="cut"),
    ],
)
async def test_sr_x04_a_revocation_that_fails_is_told_without_the_token(
    answer: httpx.Response | httpx.TransportError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    told: list[Event] = []

    def at_github(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            if isinstance(answer, httpx.Response):
                return answer
            raise answer
        return network(request)

    network = Network()
    async with Social(**settings(at_github, on_event=told.append)) as social, browser(app_of(social)) as client:
        await linked(client)

        gone = await client.post("/disconnect/github/")

        assert gone.status_code == 303
        assert await rows_of(social) == []
    # Closing waits for what runs behind.
    assert [event.name for event in told] == ["associated", "disconnected", "revocation_failed"]
    assert not [secret for secret in SECRETS if secret in f"{told} {caplog.text}"]


async def test_sr_x04_a_provider_that_hangs_holds_nobody_up() -> None:
    network, release = Network(), asyncio.Event()

    async def hanging(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            await release.wait()
        return network(request)

    own = httpx.AsyncClient(transport=httpx.MockTransport(hanging))
    async with Social(**settings(http_client=own)) as social, browser(app_of(social)) as client:
        await linked(client)

        gone = await client.post("/disconnect/github/")

        assert gone.status_code == 303
        assert await rows_of(social) == []
        assert "DELETE" not in {one.method for one in network.asked}
        release.set()  # closing waits for what runs behind
    assert [one.method for one in network.asked].count("DELETE") == 1


async def test_sr_x04_the_row_goes_before_the_provider_is_told() -> None:
    left: list[int] = []
    network = Network()

    async def watching(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            left.append(len(await rows_of(social)))
        return network(request)

    own = httpx.AsyncClient(transport=httpx.MockTransport(watching))
    async with Social(**settings(http_client=own)) as social, browser(app_of(social)) as client:
        await linked(client)
        await client.post("/disconnect/github/")

    assert left == [0]


async def test_sr_x05_the_refresh_token_is_revoked_where_there_is_one() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        await client.get(await fake.consent((await client.get("/associate/corp/")).headers["location"]))
        refresh_tokens = [one for one in fake.tokens["ada"] if "refresh" in one]
        await client.post("/disconnect/corp/")

    [revocation] = [one for one in fake.requests if one.path == "/revoke"]
    assert revocation.form["token"] in refresh_tokens
    assert fake.tokens["ada"] == []


async def test_a_revocation_that_the_fake_provider_refuses_leaves_the_row_gone() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        await client.get(await fake.consent((await client.get("/associate/corp/")).headers["location"]))
        fake.faults = Faults(revocation_status=503)

        gone = await client.post("/disconnect/corp/")

        assert gone.status_code == 303
        assert await rows_of(social) == []
    assert fake.count("/revoke") == 1
