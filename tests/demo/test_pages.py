"""What holds for every page and form: the frame, the headers, the faults, and who may post."""

import re
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.demo.browsing import BASE, a_browser, a_demo, linked, signed_in

_PAGES = ["/", "/sign-in", "/week", "/phone", "/operator", "/associate/", "/nosuch"]
_FORMS = [
    "/guide",
    "/sign-in",
    "/sign-out",
    "/week/made-up/renew",
    "/week/made-up/take-away",
    "/phone",
    "/operator/renew",
    "/operator/members",
    "/operator/services/footfall",
]


@pytest.mark.parametrize("path", _PAGES)
async def test_a_page_may_load_nothing_but_its_own_style_and_pictures(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        await http.post("/sign-in", data={"person": "4"})
        answer = await http.get(path, headers={"accept": "text/html"})

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
    assert policy.endswith("base-uri 'none'; frame-ancestors 'none'")
    assert "form-action" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", answer.text)


@pytest.mark.parametrize("path", _PAGES)
async def test_a_page_has_a_language_a_title_landmarks_and_one_heading(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        await http.post("/sign-in", data={"person": "4"})
        answer = await http.get(path, headers={"accept": "text/html"})

    assert '<html lang="en">' in answer.text
    assert re.search(r"<title>.+ · Harbour Runners</title>", answer.text)
    for part in ("<h1", "<main", "<header", "<footer", '<nav aria-label="Main">'):
        assert answer.text.count(part) == 1
    labelled = re.findall(r'aria-labelledby="([^"]+)"', answer.text)
    assert not [name for names in labelled for name in names.split() if f'id="{name}"' not in answer.text]


@pytest.mark.parametrize("path", _FORMS)
async def test_a_form_on_a_page_of_another_site_does_nothing(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        await http.post("/sign-in", data={"person": "4"})
        sent = {"person": "1", "account": "amina", "now": "broken", "guide": "hide"}
        answer = await http.post(path, data=sent, headers={"sec-fetch-site": "cross-site"})
        home = await http.get("/")

    assert answer.status_code == 403
    assert "This form is not on a page of ours." in answer.text
    assert not demo.club.services["footfall"].is_broken
    assert "Hello, Chiara" in home.text
    assert "Hide the guide" in home.text


@pytest.mark.parametrize("path", [path for path in _FORMS if path not in {"/sign-in", "/phone"}])
async def test_what_takes_a_form_is_no_page_to_open(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Chiara")
        page = await browser.open(path)

    assert page.status == 405
    assert "Not in this way" in page.text


async def test_a_page_that_does_not_exist_is_a_page(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        page = await browser.open("/nosuch")

    assert page.status == 404
    assert "There is no such page" in page.text


async def test_a_fault_of_the_app_is_a_page_that_tells_nothing_of_it(tmp_path: Path) -> None:
    async def faulty(request: Request) -> Response:
        raise RuntimeError("the inner side")

    async with a_demo(tmp_path) as demo:
        demo.app.router.routes.append(Route("/faulty", faulty))
        transport = httpx.ASGITransport(demo.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            answer = await http.get("/faulty")

    assert answer.status_code == 500
    assert "The fault is ours." in answer.text
    assert "the inner side" not in answer.text
    assert "Harbour Runners</title>" in answer.text


async def test_a_form_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post("/sign-in", data={"person": "1" * 20_000})

    assert answer.status_code == 413


async def test_a_form_is_answered_by_a_redirect_to_a_page(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Chiara")
        renew = (await linked(browser, account="Chiara")).button("Renew").action
        async with demo.calls() as http:
            sent = {"person": "4", "account": "amina"}
            paths = [
                "/sign-in",
                renew,
                "/phone",
                "/guide",
                "/operator/renew",
                "/operator/services/footfall",
                "/sign-out",
            ]
            answers = [await http.post(path, data=sent) for path in paths]

    assert [answer.status_code for answer in answers] == [303] * len(paths)


@pytest.mark.parametrize(("file", "kind"), [("demo.css", "text/css"), ("mark.svg", "image/svg+xml")])
async def test_what_a_page_loads_is_served(tmp_path: Path, file: str, kind: str) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.get(f"/static/{file}")

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)


async def test_the_clubs_colours_are_behind_those_of_the_library(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.get("/associate/social.css")

    assert answer.text.rindex("--social-accent: #0b5a6b") > answer.text.index("--social-accent:")
