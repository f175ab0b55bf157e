"""/complete: how a flow can end, well or badly. Rows SR-C12 and SR-C15."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import pytest

from asgi_social import Social
from asgi_social.errors import StorageError
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock
from tests.app import app_of, browser, linked, query_of, settings
from tests.security.doors import (
    SECRETS,
    Network,
    begun_state,
    completed,
    cookie_app,
    session_user,
    three_backends,
    told,
)
from tests.security.jar import Browser

# --- SR-C12 and SR-C15 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", three_backends())
async def test_sr_c12_after_success_the_browser_is_sent_on_with_303_and_nothing_of_the_answer(backend: str) -> None:
    clock = ManualClock()
    more = {"backends": three_backends(), "current_user": session_user, "clock": clock}
    async with Social(**settings(Network(), **more)) as social:
        window = Browser(cookie_app(social), clock=clock)
        window.sign_in("ada")
        begun = await window.get(f"/associate/{backend}/?next=/settings%3Ftab%3Dsocial")
        answer = {"code": "a-code", "state": query_of(begun.headers["location"])["state"], "hint": "a-text"}
        if backend == "posting":
            posted = await window.post("/complete/posting/", answer, by="https://posting.example")
            ended = await window.followed(posted, by="https://posting.example")
        else:
            ended = await window.get(f"/complete/{backend}/?{urlencode(answer)}", by=f"https://{backend}.example")

    assert (ended.status_code, ended.headers["location"]) == (303, "/settings?tab=social")
    assert not ended.content


async def test_sr_c15_a_code_is_not_spent_by_another_registration() -> None:
    clock, network = ManualClock(), Network()
    changed = {"github": {"client_id": "another-id", "client_secret": "a-secret"}}
    async with (
        Social(**settings(network, clock=clock)) as before,
        Social(**settings(network, clock=clock, backends=changed)) as after,
        Social(**settings(network, clock=clock, backends={"other": three_backends()["other"]})) as without,
    ):
        async with browser(app_of(before)) as client:
            state, cookies = await begun_state(client), client.cookies
        statuses = []
        for social in (after, without):
            async with browser(app_of(social)) as client:
                client.cookies = httpx.Cookies(cookies)
                statuses.append((await completed(client, state)).status_code)

    assert statuses == [400, 404]
    assert network.asked == []


# --- how a flow can end ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class End:
    """A way a flow can end badly.

    Attributes:
        params: What comes beside the state.
        user: Who is signed in at the end.
        seconds: How long it took.
        taken: Whether the account is linked to somebody else already.
        answers: What the provider answers, by path.
        status: With what it is answered.
        code: The error's word.
        reason: The closer cause.
    """

    params: Mapping[str, str] | None = None
    user: str = "ada"
    seconds: float = 0
    taken: bool = False
    answers: Mapping[str, httpx.Response] | None = None
    status: int
    code: str
    reason: str | None = None


def at_token(status: int, **body: object) -> dict[str, httpx.Response]:
    return {"token": httpx.Response(status, json=body)}


ENDS = {
    "denied": End(params={"error": "access_denied"}, status=403, code="consent_denied"),
    "refused": End(params={"error": "invalid_scope"}, status=502, code="provider_refused"),
    "expired": End(seconds=601, status=400, code="flow_refused", reason="expired"),
    "other-user": End(user="bob", status=400, code="flow_refused", reason="other_user"),
    "no-code": End(params={}, status=400, code="flow_refused", reason="missing"),
    "taken": End(taken=True, status=409, code="account_taken"),
    "code-refused": End(answers=at_token(400, error="invalid_grant"), status=502, code="provider_refused"),
    "token-broken": End(answers=at_token(200, nothing=1), status=502, code="provider_broken"),
    "token-500": End(answers=at_token(500), status=503, code="provider_unreachable"),
    "account-broken": End(answers={"me": httpx.Response(200, json=[])}, status=502, code="provider_broken"),
    "account-nameless": End(answers={"me": httpx.Response(200, json={"id": ""})}, status=502, code="provider_broken"),
    "account-500": End(answers={"me": httpx.Response(503)}, status=503, code="provider_unreachable"),
}


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("end", [pytest.param(end, id=name) for name, end in ENDS.items()])
async def test_each_bad_end_has_its_own_answer_and_stores_nothing(end: End, accept: str) -> None:
    clock = ManualClock()
    answers = {path: (lambda _, answer=answer: answer) for path, answer in (end.answers or {}).items()}
    network = Network(**answers)
    async with (
        Social(**settings(network, backends=three_backends(), clock=clock)) as social,
        browser(app_of(social)) as client,
        browser(app_of(social), user="carol") as carol,
    ):
        if end.taken:
            await linked(carol, "other")
        state = await begun_state(client, "other")
        clock.advance(end.seconds)
        client.headers["x-user"] = end.user
        params = {"code": "a-code"} if end.params is None else end.params

        answer = await client.get("/complete/other/", params={**params, "state": state}, headers={"accept": accept})

        assert answer.status_code == end.status
        assert answer.headers["content-type"].partition(";")[0] == (
            "text/html" if accept == "text/html" else "application/problem+json"
        )
        if accept == "text/html":
            assert end.code in answer.text
            assert 'role="alert"' in answer.text
        else:
            assert told(answer) == (end.status, end.code, end.reason)
            assert answer.json()["hint"]
            assert answer.json()["backend"] == "other"
        assert not [secret for secret in (*SECRETS, state, "a-code", "carol") if secret in answer.text]
        assert await social.associations("ada") == await social.associations("bob") == []
        # However it ended, this flow's cookie is gone.
        assert not client.cookies


async def test_a_provider_that_asks_to_wait_is_handed_on_with_its_time() -> None:
    network = Network(token=lambda _: httpx.Response(429, headers={"retry-after": "120"}))
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        answer = await completed(client, await begun_state(client, "other"), "other")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "120")


class Weak(MemoryRepository):
    """A store that does not answer the first time that a state is to be spent."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def spend(self, key: str, *, expires_at: float, now: float) -> bool:
        """Fail once."""
        self.tries += 1
        if self.tries == 1:
            raise StorageError("the database does not answer", operation="spend")
        return await super().spend(key, expires_at=expires_at, now=now)


async def test_a_store_that_does_not_answer_costs_neither_the_code_nor_the_flow() -> None:
    network = Network()
    async with Social(**settings(network, database=Weak())) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        first = await completed(client, state)
        sent_before = len(network.asked)
        reloaded = await completed(client, state)

        assert told(first) == (503, "storage", None)
        assert sent_before == 0
        assert reloaded.status_code == 303
        assert len(await social.associations("ada")) == 1


async def test_a_browser_that_goes_away_in_the_middle_still_has_its_account_linked() -> None:
    asked, go_on, is_linked = asyncio.Event(), asyncio.Event(), asyncio.Event()
    network = Network()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login/oauth/access_token":
            asked.set()
            await go_on.wait()
        return network(request)

    own = httpx.AsyncClient(transport=httpx.MockTransport(slow))
    async with (
        Social(**settings(http_client=own, on_event=lambda event: is_linked.set())) as social,
        browser(app_of(social)) as client,
    ):
        state = await begun_state(client)
        visit = asyncio.create_task(completed(client, state))
        await asked.wait()
        visit.cancel()
        await asyncio.wait([visit])
        go_on.set()
        await is_linked.wait()

        assert len(await social.associations("ada")) == 1
    assert visit.cancelled()
    assert len(network.token_requests()) == 1
