"""/complete: whose answer is taken, once. Rows SR-C01 to SR-C08."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from asgi_social import Social
from asgi_social.errors import Refused
from asgi_social.flow import FLOW_SECONDS
from asgi_social.pages.visitor import fields_of
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, Faults, ManualClock
from tests.app import app_of, browser, query_of, settings
from tests.security.doors import (
    ISSUER,
    JSON,
    Network,
    begun_state,
    completed,
    corp,
    three_backends,
    told,
)

# --- SR-C01 to SR-C04: the state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_sr_c01_of_twenty_callbacks_at_once_one_spends_the_code(store: str, tmp_path: Path) -> None:
    network, go_on = Network(), asyncio.Event()

    async def held(request: httpx.Request) -> httpx.Response:
        answer = network(request)
        if len(network.token_requests()) == 1:
            await go_on.wait()
        else:
            go_on.set()  # a second one would be the fault; nobody waits for ever then
        return answer

    own = httpx.AsyncClient(transport=httpx.MockTransport(held))
    database = MemoryRepository() if store == "memory" else f"sqlite+aiosqlite:///{tmp_path}/social.db"
    async with Social(**settings(http_client=own, database=database)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        # Each holds the cookie, as a thief of the whole request would, though the first answer takes it away.
        [(name, value)] = client.cookies.items()
        client.cookies.clear()
        client.headers["cookie"] = f"{name}={value}"
        pending = {asyncio.create_task(completed(client, state)) for _ in range(20)}
        answers: list[httpx.Response] = []
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            answers += [task.result() for task in done]
            if len(pending) == 1:
                go_on.set()

        assert len(await social.associations("ada")) == 1
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 19
    assert {told(answer) for answer in answers if answer.status_code == 400} == {(400, "flow_refused", "spent")}
    assert len(network.token_requests()) == 1


@pytest.mark.parametrize(
    "first",
    [
        pytest.param({"code": "a-code"}, id="success"),
        pytest.param({"error": "access_denied"}, id="denial"),
        pytest.param({"error": "server_error"}, id="error"),
        pytest.param({}, id="nothing"),
        pytest.param({"code": "a-code", "error": "access_denied"}, id="both"),
    ],
)
async def test_sr_c01_a_state_is_spent_whatever_came_with_it(first: Mapping[str, str]) -> None:
    network = Network()
    async with Social(**settings(network)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        kept = dict(client.cookies)
        await client.get("/complete/github/", params={**first, "state": state})
        before = len(network.asked)
        for name, value in kept.items():  # the answer took the cookie away; the thief of a URL may have kept it
            client.cookies.set(name, value)

        again = await completed(client, state)

    assert told(again) == (400, "flow_refused", "spent")
    assert len(network.asked) == before


async def test_sr_c01_a_code_that_the_provider_refused_cannot_be_tried_again() -> None:
    network = Network(token=lambda request: httpx.Response(400, json={"error": "invalid_grant"}))
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        state = await begun_state(client, "other")
        kept = dict(client.cookies)

        first = await completed(client, state, "other")
        for name, value in kept.items():
            client.cookies.set(name, value)
        again = await completed(client, state, "other")

        assert told(first) == (502, "provider_refused", None)
        assert told(again) == (400, "flow_refused", "spent")
        assert len(network.token_requests()) == 1
        assert await social.associations("ada") == []


async def test_sr_c02_state_of_another_browser() -> None:
    network = Network()
    async with (
        Social(**settings(network)) as social,
        browser(app_of(social), user="mallory") as attacker,
        browser(app_of(social)) as victim,
        browser(app_of(social)) as second_browser_of_the_same_user,
    ):
        state = await begun_state(attacker)
        await begun_state(victim)  # cookies of its own do not help

        in_the_victims = await completed(victim, state)
        own_state = await begun_state(victim)
        elsewhere = await completed(second_browser_of_the_same_user, own_state)

        assert told(in_the_victims) == told(elsewhere) == (400, "flow_refused", "missing")
        assert network.asked == []
        assert await social.associations("ada") == await social.associations("mallory") == []


async def test_sr_c02_the_cookie_of_one_flow_does_not_vouch_for_the_state_of_another() -> None:
    network = Network()
    async with (
        Social(**settings(network)) as social,
        browser(app_of(social), user="ada") as other,
        browser(app_of(social), user="ada") as client,
    ):
        state = await begun_state(other)
        name = next(iter(other.cookies))
        await begun_state(client)
        client.cookies.set(name, next(iter(client.cookies.values())))

        answer = await completed(client, state)

    assert told(answer) == (400, "flow_refused", "state")
    assert network.asked == []


@pytest.mark.parametrize(("seconds", "status"), [(FLOW_SECONDS, 303), (FLOW_SECONDS + 1, 400)])
async def test_sr_c03_a_state_is_good_for_ten_minutes(seconds: float, status: int) -> None:
    clock, network = ManualClock(), Network()
    async with Social(**settings(network, clock=clock)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        clock.advance(seconds)

        answer = await completed(client, state)

    assert answer.status_code == status
    assert len(network.token_requests()) == (status == 303)


async def test_sr_c03_the_page_after_ten_minutes_leads_to_where_one_starts_again() -> None:
    clock = ManualClock()
    async with Social(**settings(clock=clock)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        clock.advance(FLOW_SECONDS + 1)

        page = await client.get(f"/complete/github/?code=a-code&state={state}")

    assert page.status_code == 400
    assert "start again" in page.text
    assert 'href="/associate/"' in page.text


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("code=a", id="missing"),
        pytest.param("code=a&state=", id="empty"),
        pytest.param("code=a&state={state}&state={state}", id="repeated"),
        pytest.param("code=a&state={state}&state=b", id="repeated-with-another"),
        pytest.param("code=a&state=b&state={state}", id="another-first"),
        pytest.param("code=a&code=b&state={state}", id="code-repeated"),
        pytest.param("code=a&iss=b&iss=c&state={state}", id="iss-repeated"),
        pytest.param("error=a&error=b&state={state}", id="error-repeated"),
        pytest.param("code=a&state={state}" + "x" * 512, id="over-long"),
        pytest.param("code=a&state={state}%C3%A9", id="non-ascii"),
        pytest.param("code=a&state=%ED%A0%80", id="lone-surrogate"),
        pytest.param("code=a&state={state}%00", id="nul"),
        pytest.param("code=a&state={swapped}", id="other-case"),
        pytest.param("code=a&state=+{state}", id="space-before"),
        pytest.param("code=a&state={state}&" + "&".join(f"p{number}=1" for number in range(100)), id="too-many"),
        pytest.param("code=a;state={state}", id="semicolon"),
        pytest.param("code=%ED%A0%80&state={state}", id="code-that-is-no-utf-8"),
        pytest.param("code=a&state={state}%FF", id="state-that-is-no-utf-8"),
    ],
)
async def test_sr_c04_only_the_exact_state_once_is_taken(query: str) -> None:
    network = Network()
    async with Social(**settings(network)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        answer = await client.get(
            f"/complete/github/?{query.replace('{state}', state).replace('{swapped}', state.swapcase())}", headers=JSON
        )

        assert answer.status_code == 400
        assert network.asked == []
        assert await social.associations("ada") == []


async def test_sr_c04_a_query_that_is_no_ascii_is_refused() -> None:
    """Servers hand such a query on as it came; httpx cannot send one."""
    scope = {"type": "http", "method": "GET", "query_string": b"state=\xc3\xa9", "headers": []}

    with pytest.raises(Refused):
        await fields_of(Request(scope))


# --- SR-C05: who is signed in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["ada", "bob", None])
@pytest.mark.parametrize("end", ["ada", "bob", None])
async def test_sr_c05_only_who_began_a_flow_completes_it(start: str | None, end: str | None) -> None:
    """Nobody signed in cannot begin at all: there is no flow that signs people in, so that none can become a link."""
    network = Network()
    async with Social(**settings(network)) as social, browser(app_of(social), user=start) as client:
        begun = await client.get("/associate/github/", headers=JSON)
        if start is None:
            assert begun.status_code == 401
            return
        state = query_of(begun.headers["location"])["state"]
        del client.headers["x-user"]
        if end is not None:
            client.headers["x-user"] = end

        answer = await completed(client, state)

        expected = {None: (401, "not_signed_in", None), start: (303, None, None)}
        other = (400, "flow_refused", "other_user")
        if answer.status_code == 303:
            assert expected[end] == (303, None, None)
        else:
            assert told(answer) == expected.get(end, other)
        stored = {user: len(await social.associations(user)) for user in ("ada", "bob")}
        assert stored == {user: int(user == start == end) for user in ("ada", "bob")}
        assert len(network.token_requests()) == (start == end)


# --- SR-C06: the issuer ----------------------------------------------------------------------------------------------


@dataclass
class Issuer:
    """A provider with metadata by hand, to say or not to say that its answers name the issuer."""

    promises: bool
    network: Network

    def settings(self) -> dict[str, Any]:
        document = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/me",
            "jwks_uri": f"{ISSUER}/jwks",
            **({"authorization_response_iss_parameter_supported": True} if self.promises else {}),
        }
        self.network.answers["/.well-known/openid-configuration"] = lambda _: httpx.Response(200, json=document)
        backends = {"corp": {"provider": "oidc", "issuer": ISSUER, "client_id": "a", "client_secret": "b"}}
        return settings(self.network, backends=backends)


@pytest.mark.parametrize("outcome", ["code", "error"])
@pytest.mark.parametrize(
    ("query", "promises", "passes"),
    [
        pytest.param(f"&iss={ISSUER}", True, True, id="equal"),
        pytest.param(f"&iss={ISSUER}", False, True, id="equal-unpromised"),
        pytest.param("&iss=https://evil.example", True, False, id="different"),
        pytest.param("&iss=https://evil.example", False, False, id="different-unpromised"),
        pytest.param(f"&iss={ISSUER}/", True, False, id="last-slash"),
        pytest.param(f"&iss={ISSUER.upper()}", True, False, id="other-case"),
        pytest.param("&iss=https://id.example:443", True, False, id="default-port"),
        pytest.param("&iss=", True, False, id="empty"),
        pytest.param("&iss=", False, False, id="empty-unpromised"),
        pytest.param(f"&iss={ISSUER}&iss={ISSUER}", True, False, id="twice"),
        pytest.param("", True, False, id="absent-though-promised"),
        pytest.param("", False, True, id="absent-unpromised"),
    ],
)
async def test_sr_c06_the_issuer_is_compared_before_anything_is_sent(
    query: str, promises: bool, passes: bool, outcome: str
) -> None:
    network = Network()
    async with (
        Social(**Issuer(promises=promises, network=network).settings()) as social,
        browser(app_of(social)) as client,
    ):
        state = await begun_state(client, "corp")
        said = "code=a-code" if outcome == "code" else "error=access_denied"

        answer = await client.get(f"/complete/corp/?{said}&state={state}{query}", headers=JSON)

    if not passes:
        assert answer.status_code == 400
        assert answer.json().get("reason") == (None if query.count("iss=") > 1 else "issuer")
    # That the code is spent, or the person's no is heard, shows that the answer came past this check.
    assert len(network.token_requests()) == (passes and outcome == "code")
    assert (answer.status_code == 403) == (passes and outcome == "error")


async def test_sr_c06_an_issuer_named_by_a_provider_that_has_none_is_ignored() -> None:
    """The row would have each provider's data say so; the path of its own (SR-B08) keeps answers apart all the same."""
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        answer = await completed(client, state, iss="https://github.com/login/oauth")

    assert answer.status_code == 303


async def test_sr_c06_mix_up_an_answer_of_another_issuer_on_the_right_path_is_refused() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        location = (await client.get("/associate/corp/")).headers["location"]
        fake.faults = Faults(callback_issuer="https://evil.example")

        answer = await client.get(await fake.consent(location), headers=JSON)

        assert told(answer) == (400, "flow_refused", "issuer")
        assert fake.count("/token") == 0
        assert await social.associations("ada") == []


# --- SR-C07 and SR-C08: what an answer holds -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param({"code": "a", "error": "access_denied"}, (400, "flow_refused", "state"), id="both"),
        pytest.param({}, (400, "flow_refused", "missing"), id="neither"),
        pytest.param({"code": ""}, (400, "flow_refused", "missing"), id="empty-code"),
        pytest.param({"code": "a" * 20_000}, (400, "flow_refused", "missing"), id="endless-code"),
        pytest.param({"error": "access_denied"}, (403, "consent_denied", None), id="denial"),
        pytest.param({"error": "login_required"}, (403, "consent_denied", None), id="sign-in-required"),
        pytest.param({"error": "consent_required"}, (403, "consent_denied", None), id="consent-required"),
        pytest.param({"error": "server_error"}, (502, "provider_refused", None), id="error"),
        # SR-C08: tokens come from the token endpoint alone.
        pytest.param({"access_token": "gho_thrown-in"}, (400, "flow_refused", "missing"), id="access-token"),
        pytest.param({"id_token": "e.y.J", "expires_in": "60"}, (400, "flow_refused", "missing"), id="id-token"),
    ],
)
async def test_sr_c07_sr_c08_an_answer_without_one_code_starts_no_token_request(
    params: Mapping[str, str], expected: tuple[int, str, str | None]
) -> None:
    network = Network()
    async with Social(**settings(network)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        answer = await client.get("/complete/github/", params={**params, "state": state}, headers=JSON)

        assert told(answer) == expected
        assert network.asked == []
        assert await social.associations("ada") == []


async def test_sr_c08_tokens_beside_a_code_are_ignored() -> None:
    network = Network()
    async with Social(**settings(network)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        smuggled = {"access_token": "gho_smuggled", "id_token": "e.y.J", "expires_in": "60", "token_type": "mac"}

        answer = await completed(client, state, **smuggled)

        assert answer.status_code == 303
        [association] = await social.associations("ada")
        assert await association.get_access_token() == "gho_secret"
        assert association.expires_at is None
    assert not [one for one in network.asked if "smuggled" in f"{one.url} {one.headers} {one.content!r}"]
