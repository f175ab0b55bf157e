"""The demo behind each server that is promised, over a real socket, with its services beside it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from tests.servers.serving import SERVERS, serving

DEMO, BACKEND = "demo_app.app:demo()", "footfall"


class _Form(HTMLParser):
    """The first form of a page: where it goes, and what it sends without a button."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page.text)
        self.action = urljoin(str(page.url), self.action)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = known["action"]
        if tag == "input":
            self.fields[known["name"]] = known["value"]


async def click(http: httpx.AsyncClient, method: str, path: str, **fields: str) -> httpx.Response:
    """Do what a click on a page of the demo does."""
    headers = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
    return await http.request(method, path, data=fields or None, headers=headers)


async def link(http: httpx.AsyncClient, account: str) -> httpx.Response:
    """Link an account, by way of the page on which the service asks."""
    begun = await click(http, "POST", f"/associate/{BACKEND}/")
    asked = _Form(await http.get(begun.headers["location"]))
    answered = await http.post(asked.action, data={**asked.fields, "person": account})
    return await http.get(answered.headers["location"], headers={"sec-fetch-site": "same-site"})


async def linked(http: httpx.AsyncClient) -> list[str]:
    """Give the ids of the linked accounts, as they stand on the page of them."""
    page = await http.get("/associate/")
    return sorted(set(re.findall(rf"/disconnect/{BACKEND}/([\w-]+)/", page.text)))


@pytest.mark.parametrize("server", SERVERS)
async def test_the_demo_links_renews_and_unlinks_behind(server: str, tmp_path: Path) -> None:
    async with (
        serving(server, DEMO, folder=tmp_path, environment={"DEMO_FOLDER": str(tmp_path)}) as served,
        httpx.AsyncClient(base_url=served.base, headers={"accept": "text/html"}, trust_env=False, timeout=30) as http,
    ):
        refused = await http.get("/associate/")
        signed_in = await click(http, "POST", "/sign-in", person="1")
        none = await linked(http)
        ended = await link(http, "amina")
        [association] = await linked(http)
        renewed = await click(http, "POST", f"/week/{association}/renew")
        shown = await http.get(renewed.headers["location"])
        unlinked = await click(http, "POST", f"/disconnect/{BACKEND}/{association}/")
        left = await linked(http)

    assert refused.headers["location"].startswith("/sign-in?next=")
    assert (signed_in.status_code, none) == (303, [])
    assert (ended.status_code, ended.headers["location"]) == (303, "/associate/")
    assert "Footfall is renewed" in shown.text
    assert (unlinked.status_code, left) == (303, [])
    assert served.complaints == []
