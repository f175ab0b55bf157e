"""Pages that tell what went wrong have a way on, and say as JSON the same to a program."""

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asgi_social import ConsentDenied, Social, error_response
from tests.app import app_of, browser, settings
from tests.security.doors import JSON, begun_state, other


async def test_who_said_no_may_try_again_from_the_page() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        page = await client.get("/complete/github/", params={"error": "access_denied", "state": state})

    assert page.status_code == 403
    assert 'action="/associate/github/"><button class="main">Link GitHub again</button>' in page.text
    assert '<a href="/associate/">Go on to your linked accounts</a>' in page.text
    # Else the browser would say "Origin: null" with the form, and be asked once more.
    assert page.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("backend", ["phone", "unknown", None])
async def test_nothing_is_offered_that_no_redirect_leads_to(backend: str | None) -> None:
    phone = other("phone")
    phone["provider"]["flows"] = ["token"]
    error = ConsentDenied("the person said no", hint="start again", backend=backend)

    async def raising(request: Request) -> Response:
        raise error

    async with (
        Social(**settings(backends={"phone": phone})) as social,
        browser(app_of(social, routes=[Route("/raise", raising)])) as client,
    ):
        page = await client.get("/raise")

    assert page.status_code == 403
    assert "<form" not in page.text


@pytest.mark.parametrize(("sign_in_url", "offered"), [("/sign-in", 1), (None, 0)])
async def test_a_session_that_was_lost_at_the_provider_is_mended_by_signing_in(
    sign_in_url: str | None, offered: int
) -> None:
    async with Social(**settings(sign_in_url=sign_in_url)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        del client.headers["x-user"]

        page = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    assert page.status_code == 401
    assert page.text.count('<a class="main" href="/sign-in?next=/associate/">Sign in</a>') == offered


def test_a_framework_with_requests_of_its_own_kind_hands_over_the_scope() -> None:
    scope = {"type": "http", "path": "/view", "root_path": "/api", "headers": [(b"accept", b"text/html")]}
    error = ConsentDenied("the person said no", hint="start again")

    answer = error_response(error, scope)

    assert answer.status_code == 403
    assert b'href="/api/associate/"' in bytes(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/associate/", "GET, HEAD"), ("PUT", "/disconnect/github/", "GET, HEAD, POST")],
)
async def test_another_method_is_answered_with_what_the_address_takes(method: str, path: str, allowed: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        page = await client.request(method, path)
        told = await client.request(method, path, headers=JSON)

    assert (page.status_code, page.headers["allow"]) == (told.status_code, told.headers["allow"]) == (405, allowed)
    assert f"this address is for {allowed}" in page.text
    assert told.json() == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": f"this address is for {allowed}",
        "code": "method_not_allowed",
    }
