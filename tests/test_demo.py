"""The demo, walked through as a browser does: page by page, by the forms and links that stand on them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from asgi_social import Social
from asgi_social.testing import FakeProvider, ManualClock
from demo_app.app import app_of, settings_of

BASE = "http://localhost:8000"


@dataclass(slots=True)
class Button:
    """A button on a page, with the form that it sends."""

    action: str
    method: str
    fields: dict[str, str]
    text: str = ""


@dataclass(slots=True)
class Page:
    """An answer, and where the browser is with it."""

    url: str
    status: int
    text: str
    buttons: list[Button] = field(default_factory=list)

    def button(self, text: str) -> Button:
        """Give the first button whose text, or label, begins so."""
        found = [button for button in self.buttons if button.text.startswith(text)]
        assert found, f"{self.url} ({self.status}) has {[button.text for button in self.buttons]}, and no {text!r}"
        return found[0]


class _PageReader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.buttons: list[Button] = []
        self._url = url
        self._form: tuple[str, str, dict[str, str]] = (url, "get", {})
        self._textarea: str | None = None
        self._in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        action, method, fields = self._form
        if tag == "form":
            self._form = (urljoin(self._url, known.get("action", "")), known.get("method", "get"), {})
        elif tag == "input":
            fields[known["name"]] = known["value"]
        elif tag == "textarea":
            self._textarea = known["name"]
            fields[known["name"]] = ""
        elif tag == "button":
            own = {known["name"]: known["value"]} if "name" in known else {}
            label = known.get("aria-label", "")
            self.buttons.append(Button(action, method, fields | own, label))
            self._in_button = not label

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._form[2][self._textarea] += data
        if self._in_button:
            self.buttons[-1].text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = None
        if tag == "button":
            self._in_button = False


class Browser:
    """A browser without a screen: it keeps cookies, follows redirects and says where a click comes from."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def open(self, path: str) -> Page:
        """Type an address."""
        return await self._at("GET", urljoin(BASE, path), {}, {"sec-fetch-site": "none"})

    async def press(self, page: Page, text: str) -> Page:
        """Press a button."""
        button = page.button(text)
        from_page = {"sec-fetch-site": "same-origin", "origin": BASE}
        return await self._at(button.method.upper(), button.action, button.fields, from_page)

    async def _at(self, method: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Page:
        further = {"accept": "text/html", "sec-fetch-mode": "navigate", **headers}
        answer = await self._http.request(method, url, data=dict(fields) or None, headers=further)
        reader = _PageReader(str(answer.url))
        reader.feed(answer.text)
        return Page(str(answer.url), answer.status_code, answer.text, reader.buttons)


@asynccontextmanager
async def a_browser(app: ASGIApp) -> AsyncIterator[Browser]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, follow_redirects=True) as http:
        yield Browser(http)


@asynccontextmanager
async def a_demo(folder: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Starlette]:
    clock = ManualClock()
    provider = FakeProvider(issuer=f"{BASE}/provider", clock=clock)
    settings = settings_of(provider, folder=str(folder), environment=environment or {})
    http = httpx.AsyncClient(transport=provider.transport())
    async with http, Social(**(settings | {"http_client": http, "clock": clock})) as social:
        yield app_of(provider, social)


async def signed_in(browser: Browser, name: str = "Amina") -> Page:
    return await browser.press(await browser.open("/sign-in"), name)


async def linked(browser: Browser, account: str = "Ada") -> Page:
    consent = await browser.press(await browser.open("/"), "Link Fake provider")
    return await browser.press(consent, account)


async def sent_by_phone(browser: Browser, kind: str, account: str = "Ada") -> Page:
    tokens = await browser.press(await browser.open("/phone"), f"As {account}")
    return await browser.press(tokens, f"Send the {kind}")


async def test_who_is_not_signed_in_is_asked_who_it_is(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        page = await browser.open("/")

    assert (page.status, page.url) == (200, f"{BASE}/sign-in?next=/")


async def test_an_account_is_linked_at_the_fake_provider_and_shown(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        before = await signed_in(browser)
        after = await linked(browser)

    assert "Ada Lovelace" not in before.text
    assert (after.status, after.url) == (200, f"{BASE}/")
    assert "Ada Lovelace" in after.text


async def test_a_linked_account_is_one_persons_alone(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser, "Amina")
        await linked(browser, "Ada")
        others = await signed_in(browser, "Bruno")
        taken = await linked(browser, "Ada")

    assert "Ada Lovelace" not in others.text
    assert taken.status == 409


async def test_the_person_may_say_no_at_the_provider(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser)
        refused = await linked(browser, "Nobody")
        home = await browser.open("/")

    assert refused.status == 403
    assert "None yet" in home.text


async def test_the_stored_token_of_the_chosen_account_is_used(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser)
        await linked(browser, "Ada")
        home = await linked(browser, "Grace")
        ada = await browser.press(home, "Use the token of Fake provider, Ada Lovelace")
        grace = await browser.press(home, "Use the token of Fake provider, Grace Hopper")

    assert "The provider answers 200" in ada.text
    assert "ada@people.example" in ada.text
    assert "grace@people.example" in grace.text


async def test_the_token_is_renewed_and_used_again(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser)
        home = await linked(browser)
        before = app.state.provider.count("/token")
        renewed = await browser.press(home, "Renew")
        after = app.state.provider.count("/token")
        answer = await browser.press(home, "Use the token")

    assert "The token is renewed" in renewed.text
    assert (before, after) == (1, 2)
    assert "The provider answers 200" in answer.text


async def test_an_account_is_unlinked(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser)
        home = await browser.press(await linked(browser), "Unlink")

    assert (home.status, home.url) == (200, f"{BASE}/")
    assert "None yet" in home.text


async def test_our_own_page_of_linked_accounts_is_there(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        home = await signed_in(browser)
        await linked(browser)
        page = await browser.open("/associate/")
        after = await browser.press(page, "Unlink")

    assert 'href="/associate/"' in home.text
    assert page.button("Link Fake provider").method == "post"
    assert "No account is linked yet" in after.text


@pytest.mark.parametrize("kind", ["access token", "ID token"])
async def test_a_phones_token_names_the_person_who_linked_the_account(tmp_path: Path, kind: str) -> None:
    async with a_demo(tmp_path) as app:
        async with a_browser(app) as browser:
            await signed_in(browser, "Bruno")
            await linked(browser)
        async with a_browser(app) as phone:
            answer = await sent_by_phone(phone, kind)

    assert (answer.status, answer.text) == (200, '{"user":{"id":"2","name":"Bruno Keller"}}')


async def test_a_phones_token_of_an_account_that_nobody_linked_is_nobodys(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as phone:
        answer = await sent_by_phone(phone, "access token")

    assert answer.status == 403


async def test_a_phones_token_that_the_provider_does_not_know_is_refused(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as phone:
        answer = await phone.post("/phone", data={"access_token": "made-up"})

    assert (answer.status_code, answer.json()["reason"]) == (401, "inactive")


async def test_signing_out_keeps_the_linked_account(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser)
        await browser.press(await linked(browser), "Sign out")
        out = await browser.open("/")
        again = await signed_in(browser)

    assert out.url == f"{BASE}/sign-in?next=/"
    assert "Ada Lovelace" in again.text


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/use/x", "/renew/x", "/phone/tokens"])
async def test_a_form_on_a_page_of_another_site_does_nothing(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        answer = await http.post(path, data={"person": "1"}, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403


async def test_somebody_elses_association_cannot_be_used(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser, "Amina")
        home = await linked(browser)
        await signed_in(browser, "Bruno")
        answer = await browser.press(home, "Use the token")

    assert answer.status == 404


@pytest.mark.parametrize("path", ["/sign-in", "/phone/tokens"])
async def test_a_person_who_does_not_exist_is_refused(tmp_path: Path, path: str) -> None:
    async with a_demo(tmp_path) as app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        answer = await http.post(path, data={"person": "nobody"})

    assert answer.status_code == 400


async def test_a_link_that_was_ended_at_the_provider_says_so(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, a_browser(app) as browser:
        await signed_in(browser)
        page = await linked(browser)
        app.state.provider.revoke_all("ada")
        refused = await browser.press(page, "Use the token")
        home = await browser.open("/")

    assert refused.status == 403
    assert "The link has ended (revoked)" in home.text


async def test_a_real_service_appears_when_the_environment_names_it(tmp_path: Path) -> None:
    github = {"ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id", "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret"}
    async with a_demo(tmp_path, github) as app, a_browser(app) as browser:
        home = await signed_in(browser)

    assert home.button("Link GitHub").action == f"{BASE}/associate/github/"
    assert home.button("Link Fake provider").action == f"{BASE}/associate/fake/"


async def test_the_style_sheet_is_served(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as app, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        answer = await http.get("/static/demo.css")

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/css")
