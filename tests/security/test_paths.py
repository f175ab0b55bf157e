"""Which paths are ours, whatever the Host, and under mounts and behind proxies. Rows SR-P03 and SR-P04."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

import asgi_social
from asgi_social import Social, SocialMiddleware
from tests.app import BASE, CLICK, SignedIn, app_of, browser, query_of, settings
from tests.security.doors import JSON, Network, three_backends

# --- SR-P03: where a request goes ------------------------------------------------------------------------------------

BENT = (
    "app.example/associate/github/?",
    "app.example/associate/github/#",
    "app.example/complete/github/?x=",
    "evil.example\\@app.example",
)


@pytest.mark.parametrize("host", BENT)
async def test_sr_p03_a_host_header_bends_no_path(host: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        home = await client.get("/", headers={"host": host})
        ours = await client.get("/associate/github/", headers={"host": host})

    assert home.json() == {"social": True}
    assert ours.status_code == 303
    assert query_of(ours.headers["location"])["redirect_uri"] == f"{BASE}/complete/github/"


async def test_sr_p03_a_host_header_takes_no_request_away_from_us() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        answer = await client.get("/complete/github/?error=a", headers={**JSON, "host": "app.example/?"})

    assert (answer.status_code, answer.json()["code"]) == (400, "flow_refused")


def test_sr_p03_nothing_in_the_package_reads_the_url_that_a_host_header_can_bend() -> None:
    package = Path(asgi_social.__file__).parent
    # The fakes for tests are providers, and no part of the doors.
    sources = [path for path in package.rglob("*.py") if "testing" not in path.parts]
    bendable = re.compile(r"(?i)\b(?:request|connection)(?:\(\w+\))?\.(?:url|base_url|url_for)\b|headers\[.host.\]")

    found = [
        f"{path.name}: {line.strip()}"
        for path in sources
        for line in path.read_text(encoding="utf-8").splitlines()
        # transport and what is below it send requests to providers.
        if bendable.search(line) and path.name not in {"transport.py", "authorized.py"}
    ]

    assert len(sources) > 20
    assert found == []


# --- SR-P04: mounts and proxies --------------------------------------------------------------------------------------


def stripped(app: ASGIApp, prefix: str, *, root_path: str) -> ASGIApp:
    """Give an app behind a proxy that takes a prefix off the path, and a server that is told of it or not."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        assert path.startswith(f"{prefix}/")
        await app({**scope, "path": path.removeprefix(prefix), "root_path": root_path}, receive, send)

    return proxy


def rooted(app: ASGIApp, root_path: str) -> ASGIApp:
    """Give an app under a server with a root_path that leaves the path whole, as the ASGI specification says."""

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "root_path": root_path}, receive, send)

    return server


def mounted(app: ASGIApp, prefix: str) -> ASGIApp:
    return Starlette(routes=[Mount(prefix, app=app)])


ARRANGEMENTS: Mapping[str, tuple[str, Mapping[str, Any], Any]] = {
    # name: (where the browser finds it, settings, what is around the app)
    "alone": ("", {}, lambda app: app),
    "prefix": ("/social", {"prefix": "/social"}, lambda app: app),
    "mount": ("/api", {"base_url": f"{BASE}/api"}, lambda app: mounted(app, "/api")),
    "two mounts": ("/a/b", {"base_url": f"{BASE}/a/b"}, lambda app: mounted(mounted(app, "/b"), "/a")),
    "mount and prefix": (
        "/api/social",
        {"base_url": f"{BASE}/api", "prefix": "/social"},
        lambda app: mounted(app, "/api"),
    ),
    "root_path": ("/api", {"base_url": f"{BASE}/api"}, lambda app: rooted(app, "/api")),
    "root_path with a slash": ("/api", {"base_url": f"{BASE}/api/"}, lambda app: rooted(app, "/api/")),
    "stripping proxy": ("/api", {"base_url": f"{BASE}/api"}, lambda app: stripped(app, "/api", root_path="")),
    "stripping proxy, told": (
        "/api",
        {"base_url": f"{BASE}/api"},
        lambda app: stripped(app, "/api", root_path="/api"),
    ),
    "stripping proxy, mount": (
        "/out/in",
        {"base_url": f"{BASE}/out/in"},
        lambda app: stripped(mounted(app, "/in"), "/out", root_path=""),
    ),
    "passing proxy": ("/api", {"prefix": "/api"}, lambda app: app),
    "mounted at our own name": (
        "/associate",
        {"base_url": f"{BASE}/associate"},
        lambda app: mounted(app, "/associate"),
    ),
    "complete_path": ("", {"complete_path": "/auth/back"}, lambda app: app),
}


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
async def test_sr_p04_each_path_matches_once_and_holds_the_prefix_once(arrangement: str) -> None:
    at, more, around = ARRANGEMENTS[arrangement]
    completes = f"{at}{more.get('complete_path', '/complete')}"
    async with Social(**settings(Network(), backends=three_backends(), **more)) as social:
        app = around(app_of(social))
        async with browser(app) as client:
            home = await client.get(f"{at}/associate/")
            asked = await client.get(f"{at}/associate/github/", headers={"sec-fetch-site": "none"})
            github = query_of((await client.get(f"{at}/associate/github/")).headers["location"])
            ended = await client.get(f"{completes}/github/", params={"code": "a-code", "state": github["state"]})
            posting = query_of((await client.get(f"{at}/associate/posting/")).headers["location"])
            form = {"code": "a-code", "state": posting["state"]}
            carried = (await client.post(f"{completes}/posting/", data=form)).headers["location"]
            ended_by_post = await client.get(carried)
            [row, _] = await social.associations("ada")
            linked_page = await client.get(f"{at}/associate/")
            gone = await client.post(f"{at}/disconnect/{row.backend}/{row.id}/")
            style = await client.get(f"{at}/associate/social.css")

        assert github["redirect_uri"] == f"{BASE}{completes}/github/"
        assert ended.headers["location"] == ended_by_post.headers["location"] == f"{at}/associate/"
        assert carried.startswith(f"{completes}/posting/?answer=")
        assert f'action="{at}/associate/github/"' in home.text
        assert f'action="{at}/disconnect/{row.backend}/{row.id}/"' in linked_page.text
        assert f'href="{at}/associate/"' in asked.text
        assert f'href="{at}/associate/social.css"' in asked.text
        assert style.headers["content-type"].startswith("text/css")
        assert (gone.status_code, gone.headers["location"]) == (303, f"{at}/associate/")


async def test_sr_p04_in_development_the_mount_comes_from_root_path() -> None:
    base = "http://localhost:8000"
    async with (
        Social(**settings(base_url=None)) as social,
        browser(mounted(app_of(social), "/api"), base=base) as client,
    ):
        begun = await client.get("/api/associate/github/")
        state = query_of(begun.headers["location"])["state"]
        ended = await client.get("/api/complete/github/", params={"code": "a-code", "state": state})

    assert query_of(begun.headers["location"])["redirect_uri"] == f"{base}/api/complete/github/"
    assert ended.headers["location"] == "/api/associate/"


async def test_sr_p04_a_person_who_is_not_signed_in_comes_back_under_the_prefix_once() -> None:
    async with (
        Social(**settings(base_url=f"{BASE}/api", sign_in_url="/api/sign-in")) as social,
        browser(mounted(app_of(social), "/api"), user=None) as client,
    ):
        answer = await client.get("/api/associate/github/")

    assert answer.headers["location"] == "/api/sign-in?next=/api/associate/github/"


@pytest.mark.parametrize(
    "path",
    [
        "//associate/github/",
        "/associate//github/",
        "/associate/github//",
        "/associate/./github/",
        "/./associate/github/",
        "/x/../associate/github/",
        "/associate/../associate/github/",
        "/associate/github/..",
        "/associate/github/more/",
        "/associated/github/",
        "/Associate/github/",
        "/associate",
        "//complete/github/",
        "/complete//github/",
        "/complete/./github/",
        "/complete/github//",
        "/complete/github/more/",
        "/complete/",
        "/complete",
        "/completed/github/",
        "/disconnect/",
        "/disconnect//github/",
        "/disconnect/github/x/y/",
        "/x/associate/github/",
        "/social/associate/github/",
        "/associate/github/\\..",
    ],
)
async def test_sr_p04_a_path_that_is_not_exactly_ours_is_the_apps(path: str) -> None:
    """The row's paths, handed to the app as a server does; ``/associate`` without its slash is ours."""
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])

    async with Social(**settings()) as social:
        await SignedIn(SocialMiddleware(app, social))(scope_of(path), nothing_to_receive, ignored)

    assert seen == ([] if path == "/associate" else [path])


@pytest.mark.parametrize("path", ["/associate/github/", "/associate", "/", "/social", "/socialassociate/github/"])
async def test_sr_p04_with_a_prefix_a_path_without_it_is_the_apps(path: str) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["path"])

    async with Social(**settings(prefix="/social")) as social:
        await SignedIn(SocialMiddleware(app, social))(scope_of(path), nothing_to_receive, ignored)

    assert seen == [path]


def scope_of(path: str) -> dict[str, Any]:
    headers = [(name.encode(), value.encode()) for name, value in {**CLICK, "x-user": "ada"}.items()]
    return {"type": "http", "method": "GET", "path": path, "root_path": "", "query_string": b"", "headers": headers}


async def nothing_to_receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def ignored(message: object) -> None:
    """Take an answer that the test does not look at."""
