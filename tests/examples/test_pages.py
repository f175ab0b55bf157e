"""What the pages on the frameworks say besides the examples: their blocks do what the text claims."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import litestar
import pytest
import quart

from asgi_social import NeedsReauth, SocialMiddleware
from tests.app import BASE, CLICK, KEY
from tests.examples.visits import SCRIPT
from tests.test_lifespan import Server

HOW_TO = Path(__file__).parents[2] / "docs/how-to"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that runs the blocks of a page in their order, and gives what they define."""
    monkeypatch.chdir(tmp_path)  # where the databases come to lie
    monkeypatch.setenv("SECRET_KEY", KEY)
    monkeypatch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_ID", "an-id")
    monkeypatch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_SECRET", "a-secret")

    def blocks(page: str) -> dict[str, Any]:
        names: dict[str, Any] = {"__name__": "page_of_the_docs"}
        text = (HOW_TO / f"{page}.md").read_text(encoding="utf-8")
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            exec(block, names)  # noqa: S102  # the page's own
        return names

    return blocks


@asynccontextmanager
async def browser_at(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    server = Server(app)
    started = await server.starts()
    assert started["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=SCRIPT) as http:
        yield http
    await server.stops()


async def test_a_header_of_a_gateway_says_who_a_starlette_user_is(run: Any) -> None:
    page = run("starlette")

    async with browser_at(page["app"]) as http:
        known = await http.get("/associate/", headers={"x-authenticated-user": "7"})
        unknown = await http.get("/associate/")

    assert (known.status_code, unknown.status_code) == (200, 401)


async def test_a_handler_of_starlettes_answers_an_error_before_we_do(run: Any) -> None:
    page = run("starlette")

    async def ended(request: Any) -> None:
        raise NeedsReauth("the grant has ended", hint="…", association_id="1", since=0.0, reason="revoked", backend="x")

    page["app"].add_route("/ended", ended)
    async with browser_at(page["app"]) as http:
        answer = await http.get("/ended")

    assert (answer.status_code, answer.headers["location"]) == (303, "/associate/x/")


async def test_the_views_of_the_page_on_fastapi_say_what_is_missing(run: Any) -> None:
    page = run("fastapi")

    async with browser_at(page["app"]) as http:
        none_linked = await http.get("/repositories")
        no_token = await http.post("/phone")

    assert (none_linked.status_code, no_token.status_code) == (404, 401)
    assert none_linked.json()["hint"] == "link one at /associate/github/"


async def test_a_fastapi_app_describes_its_answers(run: Any) -> None:
    page = run("fastapi")
    page["described"].post("/phone")(page["phone"])

    responses = page["described"].openapi()["paths"]["/phone"]["post"]["responses"]

    assert [name for name, one in responses.items() if "application/problem+json" in one["content"]] == [
        "401",
        "403",
        "404",
    ]


async def test_a_token_of_the_apps_own_says_who_a_fastapi_user_is(run: Any) -> None:
    current_user = run("fastapi")["current_user"]

    def asking(authorization: str) -> httpx.Request:  # which has headers, and that is all that is read
        return httpx.Request("GET", BASE, headers={"authorization": authorization})

    assert await current_user(asking("Bearer a token of your own")) == "7"
    assert await current_user(asking("Bearer another")) is None
    assert await current_user(asking("")) is None


async def test_a_quart_with_the_middleware_inside_stays_a_quart(run: Any) -> None:
    page = run("quart")
    app: quart.Quart = page["app"]

    @app.post("/sign-in")
    async def sign_in() -> str:
        quart.session["user_id"] = "7"
        return "signed in"

    @app.get("/linked")
    async def linked() -> list[str]:
        return [one.id for one in await quart.request.scope["state"]["social"].associations()]

    async with browser_at(app) as http:
        as_nobody = await http.get("/linked")
        await http.post("/sign-in")
        view, ours = await http.get("/linked"), await http.get("/associate/", headers=CLICK)

    assert (as_nobody.status_code, as_nobody.json()["code"]) == (401, "not_signed_in")
    assert (view.json(), ours.status_code) == ([], 200)


async def test_a_session_of_litestars_on_the_server_says_who_it_is(run: Any) -> None:
    page = run("litestar")

    @litestar.post("/sign-in")
    async def sign_in(request: litestar.Request[Any, Any, Any]) -> None:
        request.session["user_id"] = "7"

    inside: Any = litestar.Litestar(
        [sign_in],
        middleware=[page["server_side"].middleware],
        stores={page["server_side"].store: page["store"]},
        logging_config=None,
    )
    app = SocialMiddleware(inside, secret_key=KEY, current_user=page["current_user_by_id"])
    async with browser_at(app) as http:
        as_nobody = await http.get("/associate/")
        await http.post("/sign-in")
        signed_in = await http.get("/associate/")
        http.cookies.set(page["server_side"].key, "another", domain="app.example")
        with_another_id = await http.get("/associate/")

    assert [one.status_code for one in (as_nobody, signed_in, with_another_id)] == [401, 200, 401]


async def test_the_litestar_of_the_page_knows_nobody_without_a_cookie(run: Any) -> None:
    async with browser_at(run("litestar")["app"]) as http:
        answer = await http.get("/associate/")

    assert answer.status_code == 401


async def test_a_cookie_of_ones_own_says_who_it_is_without_a_framework(run: Any) -> None:
    page = run("plain")

    async with browser_at(page["app"]) as http:
        as_nobody = await http.get("/")
        known = await http.get("/", headers={"cookie": "session=a long random text"})

    assert (as_nobody.status_code, known.text) == (401, "0 linked")


async def test_an_engine_that_the_outer_app_opens_serves_a_mounted_one(
    run: Any,
) -> None:
    page = run("proxies")

    async with browser_at(page["app"]) as http:
        was_open = page["social"].is_open
        answer = await http.get("/api/associate/")

    assert (was_open, answer.status_code, page["social"].is_open) == (True, 401, False)
