"""The session on the wrong side of the middleware, or nowhere: an answer that names the mend, and no crash."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_social import SocialMiddleware
from tests.app import BASE, CLICK, KEY, settings
from tests.examples.visits import SCRIPT
from tests.examples.visits import browser as browser_at

LOCAL = "http://localhost:8000"
SESSION = Middleware(SessionMiddleware, secret_key=KEY)


async def linked(request: Request) -> JSONResponse:
    return JSONResponse([one.username for one in await request.state.social.associations()])


def starlette(*middleware: Middleware) -> Starlette:
    return Starlette(routes=[Route("/linked", linked)], middleware=middleware)


def fastapi(*, session: bool, **more: Any) -> FastAPI:
    app = FastAPI()
    if session:
        app.add_middleware(SessionMiddleware, secret_key=KEY)  # added first, so that it lies inside
    app.add_middleware(SocialMiddleware, **more)
    app.add_api_route("/linked", linked, response_model=None)
    return app


WRONG: Mapping[str, Callable[..., Any]] = {
    "Starlette, inside": lambda **more: starlette(Middleware(SocialMiddleware, **more), SESSION),
    "Starlette, nowhere": lambda **more: starlette(Middleware(SocialMiddleware, **more)),
    "FastAPI, inside": lambda **more: fastapi(session=True, **more),
    "FastAPI, nowhere": lambda **more: fastapi(session=False, **more),
    "around the whole app": lambda **more: SocialMiddleware(starlette(SESSION), **more),
}
NOWHERE = [name for name in WRONG if "nowhere" in name]


def names_the_mend(hint: str) -> bool:
    return all(
        words in hint for words in ("SessionMiddleware", "before SocialMiddleware", "add_middleware", "current_user")
    )


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("path", ["associate/", "associate/github/"])
async def test_our_paths_name_the_mend_on_a_developers_machine(wrong: str, path: str) -> None:
    async with browser_at(WRONG[wrong](**settings(base_url=None)), base=LOCAL) as http:
        as_program = await http.get(path)
        as_person = await http.get(path, headers=CLICK)

    assert (as_program.status_code, as_program.json()["code"]) == (500, "settings")
    assert names_the_mend(as_program.json()["hint"])
    assert (as_person.status_code, names_the_mend(as_person.text)) == (500, True)


@pytest.mark.parametrize("wrong", NOWHERE)
@pytest.mark.parametrize("headers", [SCRIPT, CLICK], ids=["JSON", "page"])
async def test_a_view_without_a_session_is_answered_as_well(wrong: str, headers: dict[str, str]) -> None:
    async with browser_at(WRONG[wrong](**settings(base_url=None)), base=LOCAL) as http:
        answer = await http.get("linked", headers=headers)

    assert (answer.status_code, names_the_mend(answer.text)) == (500, True)


@pytest.mark.parametrize("wrong", WRONG)
async def test_the_log_names_the_mend_where_the_answer_may_not(wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="asgi_social")
    async with browser_at(WRONG[wrong](**settings()), base=BASE) as http:
        answer = await http.get("associate/github/")

    assert (answer.status_code, "SessionMiddleware" in answer.text) == (500, False)
    [line] = [one.getMessage() for one in caplog.records if answer.json()["id"] in one.getMessage()]
    assert names_the_mend(line)


async def test_a_function_of_the_apps_own_needs_no_session() -> None:
    app = WRONG["Starlette, nowhere"](**settings(current_user=lambda connection: "7"))
    async with browser_at(app) as http:
        answer = await http.get("linked")

    assert (answer.status_code, answer.json()) == (200, [])
