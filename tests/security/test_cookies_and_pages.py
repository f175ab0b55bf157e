"""The flow's cookie, and what every answer of ours carries. Rows SR-K01, SR-K03, SR-K04, SR-P01 and SR-P02."""

import json
import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import urlencode

import httpx
import pytest
from starlette.requests import HTTPConnection

from asgi_social import Social
from asgi_social.errors import ConsentDenied
from asgi_social.flow import FLOW_SECONDS, cookie_name
from asgi_social.pages.problems import error_response
from asgi_social.secret import Secret
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import BASE, app_of, browser, linked, query_of, settings
from tests.security.doors import (
    ISSUER,
    JSON,
    Network,
    begun_state,
    cookie_app,
    corp,
    session_user,
    three_backends,
)
from tests.security.jar import Browser


def attributes_of(line: str) -> tuple[str, dict[str, str]]:
    """Give the name of a ``Set-Cookie`` line, and its attributes in lower case."""
    pair, *rest = [part.strip() for part in line.split(";")]
    return pair.partition("=")[0], {key.lower(): text for key, _, text in (part.partition("=") for part in rest)}


# --- SR-K01: the cookie ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [BASE, "https://app.example/api", "https://localhost:8443"])
async def test_sr_k01_the_flow_cookie_is_bound_to_this_very_host(base: str) -> None:
    async with Social(**settings(base_url=base)) as social, browser(app_of(social)) as client:
        answers = [await client.get("/associate/github/") for _ in range(2)]

    lines = [attributes_of(answer.headers["set-cookie"]) for answer in answers]
    assert len({name for name, _ in lines}) == 2
    for name, attributes in lines:
        assert name.startswith("__Host-social_flow_")
        assert attributes == {"path": "/", "secure": "", "httponly": "", "samesite": "lax", "max-age": "600"}


async def test_sr_k01_on_plain_http_loopback_prefix_and_secure_are_dropped() -> None:
    base = "http://localhost:8000"
    async with Social(**settings(base_url=base)) as social, browser(app_of(social), base=base) as client:
        answer = await client.get("/associate/github/")

    name, attributes = attributes_of(answer.headers["set-cookie"])
    assert name.startswith("social_flow_")
    assert attributes == {"path": "/", "httponly": "", "samesite": "lax", "max-age": "600"}


async def test_sr_k01_a_cookie_of_the_same_name_without_the_prefix_is_ignored() -> None:
    """A sibling host can plant that one, and so bind a victim to a flow of its own."""
    network = Network()
    async with Social(**settings(network)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        [(name, value)] = client.cookies.items()
        client.cookies.clear()
        client.cookies.set(name.removeprefix("__Host-"), value)

        answer = await client.get("/complete/github/", params={"code": "a", "state": state}, headers=JSON)

    assert (answer.status_code, answer.json()["reason"]) == (400, "missing")
    assert network.asked == []


# --- SR-K03 and SR-K04 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [BASE, "http://localhost:8000"])
@pytest.mark.parametrize(
    ("params", "seconds", "status"),
    [
        pytest.param({"code": "a-code"}, 0, 303, id="success"),
        pytest.param({"error": "access_denied"}, 0, 403, id="denial"),
        pytest.param({"error": "server_error"}, 0, 502, id="error"),
        pytest.param({}, 0, 400, id="nothing"),
        pytest.param({"code": "a-code"}, FLOW_SECONDS, 303, id="last-second"),
    ],
)
async def test_sr_k03_the_cookie_goes_however_its_flow_ends_and_others_stay(
    params: Mapping[str, str], seconds: float, status: int, base: str
) -> None:
    clock = ManualClock()
    async with Social(**settings(clock=clock, current_user=session_user, base_url=base)) as social:
        window = Browser(cookie_app(social), clock=clock, base=base)
        window.sign_in("ada")
        state = query_of((await window.get("/associate/github/", by=base)).headers["location"])["state"]
        clock.advance(seconds)
        await window.get("/associate/github/", by=base)
        ended = cookie_name(Secret(state), secure=base.startswith("https"))
        assert ended in window.cookies

        answer = await window.get(f"/complete/github/?{urlencode({**params, 'state': state})}", by=None)

    assert answer.status_code == status
    assert ended not in window.cookies
    assert len(window.flow_cookies()) == 1
    set_at_the_start, taken_away = (attributes_of(line)[1] for line in (window.set[0], window.set[-1]))
    for attributes in (set_at_the_start, taken_away):
        attributes.pop("max-age")
    taken_away.pop("expires", None)
    assert taken_away == set_at_the_start


async def test_sr_k03_the_cookie_of_an_expired_flow_goes_too() -> None:
    """A browser whose clock is behind still sends it."""
    clock = ManualClock()
    async with Social(**settings(clock=clock)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        clock.advance(FLOW_SECONDS + 1)

        answer = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    assert answer.status_code == 400
    assert not client.cookies


async def test_sr_k04_no_token_and_no_client_secret_is_in_any_cookie() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, current_user=session_user, **corp(fake))) as social:
        window = Browser(cookie_app(social), clock=clock)
        window.sign_in("ada")
        begun = await window.get("/associate/corp/")
        await window.get(await fake.consent(begun.headers["location"]), by=ISSUER)
        await window.post("/disconnect/corp/", {})

        values = [line.split(";")[0].partition("=")[2].strip('"') for line in window.set]
        opened = [social.engine.keys.unseal(value, purpose="flow", context="flow") or "" for value in values]
    assert any(opened)
    assert not [text for text in (*window.set, *opened) if re.search(r"fake-(?!client)", text)]


# --- SR-P01: headers -------------------------------------------------------------------------------------------------


async def every_answer(client: httpx.AsyncClient) -> dict[str, httpx.Response]:
    """Give an answer of each kind and status, by a name for it."""
    bare = {"sec-fetch-site": "none"}
    state = await begun_state(client)
    answers = {
        "303 to the provider": await client.get("/associate/github/"),
        "asking page": await client.get("/associate/github/", headers=bare),
        "asking page 403": await client.post("/associate/github/", headers=bare),
        "accounts": await client.get("/associate/"),
        "403 denied": await client.get("/complete/github/", params={"error": "access_denied", "state": state}),
        "400 missing": await client.get("/complete/github/"),
        "400 repeated": await client.get("/complete/github/?state=a&state=b"),
        "400 as JSON": await client.get("/complete/github/", headers=JSON),
        "303 to next": await linked(client),
        "303 to the carrier": await client.post("/complete/posting/", data={"code": "a"}),
        "404 unknown backend": await client.get("/associate/nobody/"),
        "404 unknown backend at the end": await client.get("/associate/complete/nobody/"),
        "405": await client.put("/complete/github/"),
        "unlink page": await client.get("/disconnect/github/"),
        "404 unlink": await client.post("/disconnect/github/x/"),
        "303 unlinked": await client.post("/disconnect/github/"),
        "500": await client.get("/associate/phone/"),
        "style": await client.get("/associate/social.css"),
    }
    del client.headers["x-user"]
    answers["401"] = await client.get("/associate/")
    answers["401 as JSON"] = await client.post("/disconnect/github/", headers=JSON)
    return answers


async def test_sr_p01_every_answer_carries_the_headers_that_protect_it() -> None:
    phone = {**three_backends()["other"], "provider": {**three_backends()["other"]["provider"], "flows": ["token"]}}
    backends = three_backends() | {"phone": phone}
    async with Social(**settings(Network(), backends=backends)) as social, browser(app_of(social)) as client:
        answers = await every_answer(client)

    assert {answer.status_code for answer in answers.values()} == {200, 303, 400, 401, 403, 404, 405, 500}
    for name, answer in answers.items():
        headers, has_form = answer.headers, "<form" in answer.text
        assert headers["x-content-type-options"] == "nosniff", name
        assert headers["cache-control"] == "no-store", name
        assert headers["referrer-policy"] == ("same-origin" if has_form else "no-referrer"), name
        if headers.get("content-type", "").startswith("text/html"):
            policy = [part.strip() for part in headers["content-security-policy"].split(";")]
            assert headers["x-frame-options"] == "DENY", name
            assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy), name
            assert not [part for part in policy if part.startswith(("form-action", "script-src"))], name
            assert "<script" not in answer.text, name
            assert not re.search(r"\s(on\w+|style)=", answer.text), name


# --- SR-P02: pages ---------------------------------------------------------------------------------------------------

HOSTILE = "<svg onload=alert(1)>"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"error": HOSTILE}, id="error"),
        pytest.param({"error": "server_error", "error_description": f"\"'>{HOSTILE}"}, id="description"),
        pytest.param({"error": "server_error", "error_uri": "javascript:alert(1)"}, id="error_uri"),
        pytest.param({"error": "server_error", "error_uri": "https://evil.example/"}, id="error_uri-elsewhere"),
        pytest.param({"state": f'"><script>{HOSTILE}'}, id="state"),
        pytest.param({"iss": f"https://evil.example/{HOSTILE}", "code": "a"}, id="iss"),
        pytest.param({HOSTILE: HOSTILE, "code": "a", "error": "b"}, id="name"),
    ],
)
async def test_sr_p02_what_a_provider_says_is_never_markup_and_loads_nothing(
    params: Mapping[str, str], accept: str
) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        answer = await client.get("/complete/github/", params={"state": state, **params}, headers={"accept": accept})

    if "iss" not in params:  # GitHub names no issuer, so that the text is ignored and the flow goes on
        assert answer.status_code in {400, 502}
    assert "javascript:" not in answer.text
    assert "evil.example" not in answer.text
    assert state not in answer.text
    if accept == "text/html":
        assert HOSTILE not in answer.text
        assert "<script" not in answer.text
        assert set(re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)) <= {
            "/",
            "/associate/social.css",
            "/associate/",
            "/associate/github/",
        }
    elif answer.content:
        assert answer.headers["content-type"] == "application/problem+json"
        assert isinstance(json.loads(answer.text)["id"], str)


async def test_sr_p02_an_error_page_has_an_id_by_which_the_log_line_is_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="asgi_social")
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        pages = [await client.get("/complete/github/") for _ in range(2)]

    numbers = [re.findall(r"flow_refused · (\S+)<", page.text)[0] for page in pages]
    assert numbers[0] != numbers[1]
    for number in numbers:
        assert len([record for record in caplog.records if number in record.getMessage()]) == 1


async def test_sr_p02_what_a_person_is_called_at_the_provider_is_never_markup() -> None:
    def hostile(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": "1", "username": f'">{HOSTILE}', "fullname": HOSTILE})

    backends = three_backends()
    async with (
        Social(**settings(Network(me=hostile), backends=backends)) as social,
        browser(app_of(social)) as client,
    ):
        await linked(client, "other")

        page = await client.get("/associate/")

    assert HOSTILE not in page.text
    assert f'">{HOSTILE}' in unescape(page.text)


async def test_sr_p02_next_is_escaped_in_the_asking_page() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        target = f'/a"><script>{HOSTILE}</script>'

        page = await client.get("/associate/github/", params={"next": target}, headers={"sec-fetch-site": "none"})

    assert "<script" not in page.text
    assert "<svg" not in page.text


def connection(path: str = "/view", root_path: str = "", **state: object) -> HTTPConnection:
    """Give a request of an app's own view."""
    scope = {"type": "http", "path": path, "root_path": root_path, "headers": [(b"accept", b"text/html")]}
    return HTTPConnection({**scope, **({"state": state} if state else {})})


@pytest.mark.parametrize(("root_path", "base"), [("", "/associate/"), ("/api", "/api/associate/")])
def test_an_error_is_answered_too_where_no_middleware_of_ours_has_been(root_path: str, base: str) -> None:
    error = ConsentDenied("the person said no", hint="start again", backend="github")

    answer = error_response(error, connection(root_path=root_path))

    assert answer.status_code == 403
    assert f'href="{base}"'.encode() in bytes(answer.body)


async def test_the_settings_fault_of_a_public_app_is_for_its_makers_alone() -> None:
    phone = {**three_backends()["other"], "provider": {**three_backends()["other"]["provider"], "flows": ["token"]}}
    async with Social(**settings(backends={"phone": phone})) as social, browser(app_of(social)) as client:
        page = await client.get("/associate/phone/")
        told = await client.get("/associate/phone/", headers=JSON)

    assert page.status_code == told.status_code == 500
    assert not [answer for answer in (page, told) if "redirect" in answer.text or "do_auth" in answer.text]
