"""/complete: methods, and answers that come by a form post. Rows SR-C09 and SR-C10."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from asgi_social import Social
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import app_of, browser, query_of, settings
from tests.security.doors import (
    ISSUER,
    JSON,
    Network,
    begun_state,
    completed,
    cookie_app,
    corp,
    session_user,
    three_backends,
    told,
)
from tests.security.jar import Browser

FORM = {"content-type": "application/x-www-form-urlencoded"}


# --- SR-C09 and SR-C10: methods and form posts -----------------------------------------------------------------------


async def endless(sent: list[int]) -> AsyncIterator[bytes]:
    """Send a body without an end, and write down how much of it was asked for."""
    while True:
        sent.append(16_384)
        yield b"a" * 16_384


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("backend", ["github", "posting"])
async def test_sr_c09_other_methods_are_405(backend: str, method: str) -> None:
    async with Social(**settings(backends=three_backends())) as social, browser(app_of(social)) as client:
        state = await begun_state(client, backend)
        kept = dict(client.cookies)

        answer = await client.request(method, f"/complete/{backend}/?code=a&state={state}")

    assert answer.status_code == 405
    assert answer.headers["allow"] == ("GET" if backend == "github" else "GET, POST")
    assert dict(client.cookies) == kept


async def test_sr_c09_a_post_to_a_provider_that_answers_by_get_is_405_and_its_body_is_not_read() -> None:
    network, sent = Network(), list[int]()
    async with Social(**settings(network)) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        answer = await client.post(f"/complete/github/?state={state}&code=a", content=endless(sent), headers=FORM)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert not sent
    assert network.asked == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b'{"code": "a"}', "application/json", id="json"),
        pytest.param(b"--b\r\n\r\n--b--", "multipart/form-data; boundary=b", id="multipart"),
        pytest.param(b"code=a", "text/plain", id="plain"),
        pytest.param(b"code=a", None, id="no-type"),
        pytest.param(b"code=" + b"a" * 65 * 1024, FORM["content-type"], id="too-long"),
        pytest.param(b"code=" + b"a" * 60 * 1024, FORM["content-type"], id="too-long-to-carry"),
        pytest.param(b"code=a&code=b", FORM["content-type"], id="repeated"),
        pytest.param(b"code=\xff", FORM["content-type"], id="no-ascii"),
        pytest.param("endless", FORM["content-type"], id="endless"),
    ],
)
async def test_sr_c09_a_form_post_is_a_short_form(content: bytes | str, kind: str | None) -> None:
    """The row's 413 and 415 are 400 here: the design has one error for a request that is refused."""
    network, sent = Network(), list[int]()
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        answer = await client.post(
            "/complete/posting/",
            content=endless(sent) if isinstance(content, str) else content,
            headers={**JSON, **({"content-type": kind} if kind else {})},
        )

    assert told(answer) == (400, "refused", None)
    assert "location" not in answer.headers
    assert network.asked == []
    assert sum(sent) <= 64 * 1024 + 16_384


async def test_sr_c10_a_form_post_from_another_site_completes_by_way_of_a_carrier() -> None:
    clock, network = ManualClock(), Network()
    more = {"backends": three_backends(), "current_user": session_user, "clock": clock}
    async with Social(**settings(network, **more)) as social:
        window = Browser(cookie_app(social), clock=clock)
        window.sign_in("ada")
        begun = await window.get("/associate/posting/?next=/settings")
        answer = {"code": "a-code", "state": query_of(begun.headers["location"])["state"]}

        posted = await window.post("/complete/posting/", answer, by="https://posting.example")
        ended = await window.followed(posted, by="https://posting.example")

        assert query_of(begun.headers["location"])["response_mode"] == "form_post"
        # Nothing came along with the cross-site post …
        assert "cookie" not in posted.request.headers
        assert posted.status_code == 303
        carrier = posted.headers["location"]
        assert carrier.startswith("/complete/posting/?")
        assert answer["state"] not in carrier
        assert "a-code" not in carrier
        # … and with the navigation that follows it, the Lax cookies did.
        assert (ended.status_code, ended.headers["location"]) == (303, "/settings")
        assert len(await social.associations("ada")) == 1
        assert not [line for line in window.set if "samesite=none" in line.lower()]


async def test_sr_c10_the_same_with_openid_connect_and_a_provider_that_posts() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    table = {
        "name": "idp",
        "title": "IdP",
        "protocol": "oidc",
        "vars": {"issuer": {"kind": "url"}},
        "oidc": {"endpoint": "{issuer}"},
        "authorize": {"scope": ["openid", "profile"], "response_mode": "form_post"},
    }
    more = corp(fake) | {"backends": {"corp": {**fake.backend_settings(), "provider": table}}}
    async with Social(**settings(clock=clock, current_user=session_user, **more)) as social:
        window = Browser(cookie_app(social), clock=clock)
        window.sign_in("ada")
        begun = await window.get("/associate/corp/")
        url, form = await fake.consent_by_post(begun.headers["location"], person="layla")

        ended = await window.followed(await window.post(url, form, by=ISSUER), by=ISSUER)

        assert ended.status_code == 303, ended.text
        [association] = await social.associations("ada")
        assert association.uid == "person-2"


async def carrier_of(window: Browser, *, begin: bool = True) -> str:
    begun = await window.get("/associate/posting/")
    answer = {"code": "a-code", "state": query_of(begun.headers["location"])["state"]}
    return (await window.post("/complete/posting/", answer, by="https://posting.example")).headers["location"]


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("no flow cookie", 400),
        ("another user", 400),
        ("nobody signed in", 401),
        ("a minute", 303),
        ("more than a minute", 400),
        ("another backend", 400),
        ("cut off", 400),
        ("no carrier but plain parameters in it", 400),
    ],
)
async def test_sr_c10_what_the_carrier_brings_is_checked_as_any_other_answer(what: str, status: int) -> None:
    clock, network = ManualClock(), Network()
    backends = three_backends() | {"second": three_backends()["posting"]}
    more = {"backends": backends, "current_user": session_user, "clock": clock}
    async with Social(**settings(network, **more)) as social:
        window = Browser(cookie_app(social), clock=clock)
        window.sign_in("ada")
        url = await carrier_of(window)
        match what:
            case "no flow cookie":
                window.cookies = {"session": window.cookies["session"]}
            case "another user":
                window.sign_in("bob")
            case "nobody signed in":
                del window.cookies["session"]
            case "a minute":
                clock.advance(60)
            case "more than a minute":
                clock.advance(61)
            case "another backend":
                url = url.replace("/posting/", "/second/")
            case "cut off":
                url = url[:-8]
            case _:
                url = f"{urlsplit(url).path}?answer=code"

        answer = await window.get(url, by="https://posting.example")

        assert answer.status_code == status
        assert len(network.token_requests()) == (status == 303)
        assert len(await social.associations("ada")) == (status == 303)


async def test_sr_c10_a_carrier_is_good_once() -> None:
    clock, network = ManualClock(), Network()
    more = {"backends": three_backends(), "current_user": session_user, "clock": clock}
    async with Social(**settings(network, **more)) as social:
        window = Browser(cookie_app(social), clock=clock)
        window.sign_in("ada")
        url = await carrier_of(window)
        kept = dict(window.cookies)

        first = await window.get(url)
        window.cookies = kept
        second = await window.get(url)

    assert (first.status_code, second.status_code) == (303, 400)
    assert len(network.token_requests()) == 1


async def test_sr_c10_a_carrier_is_read_only_where_the_provider_posts() -> None:
    async with Social(**settings(backends=three_backends())) as social, browser(app_of(social)) as client:
        state = await begun_state(client)

        answer = await completed(client, state, answer="whatever")

    assert answer.status_code == 303
