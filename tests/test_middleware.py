"""The ASGI door: what it takes, what it lets pass, and how a view's errors become answers."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgi_social import (
    AccountTaken,
    NotSignedIn,
    ProviderUnreachable,
    RequestSocial,
    SettingsError,
    Social,
    SocialError,
    SocialMiddleware,
)
from asgi_social.middleware import route_of
from tests.app import BASE, SignedIn, app_of, browser, settings

JSON = {"accept": "application/json"}


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """Be an app that says which path reached it, and whether the accessor did."""
    found = isinstance(scope.get("state", {}).get("social"), RequestSocial)
    await JSONResponse({"path": scope["path"], "social": found})(scope, receive, send)


# The ways to put it in


async def _home(request: Request) -> Response:
    return JSONResponse({"social": isinstance(request.state.social, RequestSocial)})


def _listed() -> ASGIApp:
    return Starlette(
        routes=[Route("/", _home)], middleware=[Middleware(SignedIn), Middleware(SocialMiddleware, **settings())]
    )


def _added() -> ASGIApp:
    app = Starlette(routes=[Route("/", _home)])
    app.add_middleware(SocialMiddleware, **settings())
    app.add_middleware(SignedIn)
    return app


def _wrapped() -> ASGIApp:
    return SignedIn(SocialMiddleware(Starlette(routes=[Route("/", _home)]), **settings()))


def _wrapped_with_an_engine() -> ASGIApp:
    return SignedIn(SocialMiddleware(Starlette(routes=[Route("/", _home)]), Social(**settings())))


@pytest.mark.parametrize("make", [_listed, _added, _wrapped, _wrapped_with_an_engine])
async def test_each_way_to_put_it_in_attaches_the_accessor_and_takes_its_paths(make: Callable[[], ASGIApp]) -> None:
    async with browser(make()) as client:
        home = await client.get("/")
        begun = await client.get("/associate/github/")

    assert home.json() == {"social": True}
    assert begun.headers["location"].startswith("https://github.com/login/oauth/authorize?")


def test_an_engine_and_settings_together_are_refused() -> None:
    with pytest.raises(SettingsError) as raised:
        SocialMiddleware(bare, Social(**settings()), prefix="/social")

    assert raised.value.setting == "prefix"


def test_wrong_settings_are_told_when_the_middleware_is_made() -> None:
    with pytest.raises(SettingsError):
        SocialMiddleware(bare, **settings(secret_key="short"))


# Which paths are taken


OURS = [
    ("/associate/", "accounts"),
    ("/associate", "accounts"),
    ("/associate/social.css", "style"),
    ("/associate/github/", "associate"),
    ("/associate/github", "associate"),
    ("/complete/github/", "complete"),
    ("/complete/github", "complete"),
    ("/associate/complete/github/", "complete"),
    ("/associate/complete/github", "complete"),
    ("/disconnect/github/", "disconnect"),
    ("/disconnect/github", "disconnect"),
    ("/disconnect/github/an-id/", "disconnect"),
    ("/disconnect/github/an-id", "disconnect"),
]
THE_APP_S = [
    "/",
    "",
    "/associated/",
    "/associate//",
    "//associate/",
    "/associate/github//",
    "/associate/./",
    "/associate/../",
    "/associate/github/x/",
    "/associate/complete/github/x/",
    "/complete/",
    "/complete",
    "/complete/github/x/",
    "/complete/../",
    "/disconnect/",
    "/disconnect/github/an-id/x/",
    "/x/associate/github/",
    "/Associate/github/",
]


@pytest.mark.parametrize("prefix", ["", "/social", "/a/b"])
@pytest.mark.parametrize("root_path", ["", "/mount", "/mount/"])
@pytest.mark.parametrize(("path", "kind"), OURS)
async def test_our_paths_are_taken_under_prefix_and_mount_with_or_without_a_last_slash(
    prefix: str, root_path: str, path: str, kind: str
) -> None:
    social = Social(**settings(prefix=prefix))
    root = root_path.rstrip("/")

    # Starlette leaves the mount in the path, other servers take it out.
    found = [
        route_of({"path": full, "root_path": root_path}, social.settings)
        for full in {f"{root}{prefix}{path}", f"{prefix}{path}"}
    ]

    assert [route.kind if route else None for route in found] == [kind] * len(found)


@pytest.mark.parametrize("prefix", ["", "/social"])
@pytest.mark.parametrize("path", THE_APP_S)
async def test_every_other_path_is_the_app_s(prefix: str, path: str) -> None:
    social = Social(**settings(prefix=prefix))

    assert route_of({"path": f"{prefix}{path}"}, social.settings) is None


@pytest.mark.parametrize("path", ["/associate/github/", "/socialassociate/github/", "/social"])
async def test_without_its_prefix_a_path_is_the_app_s(path: str) -> None:
    social = Social(**settings(prefix="/social"))

    assert route_of({"path": path}, social.settings) is None


async def test_a_path_that_only_begins_like_the_mount_is_not_under_it() -> None:
    social = Social(**settings())

    assert route_of({"path": "/mounted/associate/", "root_path": "/mount"}, social.settings) is None


@pytest.mark.parametrize("path", ["/back", "/a/complete", "/associate/complete"])
async def test_a_complete_path_of_the_app_s_own_is_taken_and_sent_to_the_provider(path: str) -> None:
    async with Social(**settings(complete_path=path)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/")
        completed = await client.get(f"{path}/github/", headers=JSON)

    assert f"{BASE}{path}/github/" in str(httpx.URL(begun.headers["location"]).params["redirect_uri"])
    assert completed.json()["code"] == "flow_refused"


async def test_an_app_that_is_mounted_is_found_at_its_mount() -> None:
    async with Social(**settings(base_url=f"{BASE}/api")) as social:
        app = Starlette(routes=[Mount("/api", app=app_of(social))])
        async with browser(app) as client:
            begun = await client.get("/api/associate/github/")
            elsewhere = await client.get("/associate/github/")

    assert begun.status_code == 303
    assert httpx.URL(begun.headers["location"]).params["redirect_uri"] == f"{BASE}/api/complete/github/"
    assert elsewhere.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/associate/", "GET, HEAD"),
        ("DELETE", "/associate/github/", "GET, HEAD, POST"),
        ("PUT", "/disconnect/github/", "GET, HEAD, POST"),
        ("POST", "/complete/github/", "GET"),
        ("PUT", "/complete/nobody/", "GET, POST"),
        ("POST", "/associate/social.css", "GET, HEAD"),
    ],
)
async def test_another_method_gets_405_and_the_methods_there_are(method: str, path: str, allow: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        answered = await client.request(method, path)

    assert (answered.status_code, answered.headers["allow"]) == (405, allow)


async def test_the_style_sheet_is_given_to_everybody() -> None:
    async with Social(**settings()) as social, browser(app_of(social), user=None) as client:
        answered = await client.get("/associate/social.css")

    assert (answered.status_code, answered.headers["content-type"]) == (200, "text/css; charset=utf-8")


# What passes


async def test_what_is_not_ours_reaches_the_app_untouched() -> None:
    async with Social(**settings()) as social:
        wrapped = SocialMiddleware(bare, social)
        async with browser(wrapped) as client:
            answered = await client.post("/somewhere?a=1", content=b"body")

    assert answered.json() == {"path": "/somewhere", "social": True}


async def test_a_state_of_the_app_s_own_is_kept() -> None:
    seen: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["state"])

    async with Social(**settings()) as social:
        await SocialMiddleware(app, social)(_http(state={"theirs": 1}), _nothing, _ignore)

    assert seen[0]["theirs"] == 1
    assert isinstance(seen[0]["social"], RequestSocial)


@pytest.mark.parametrize("path", ["/ws", "/associate/github/"])
async def test_a_websocket_passes_with_the_accessor_whatever_its_path(path: str) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async with Social(**settings()) as social:
        await SocialMiddleware(app, social)({"type": "websocket", "path": path, "headers": []}, _nothing, _ignore)

    assert isinstance(seen[0]["state"]["social"], RequestSocial)


async def test_a_scope_of_another_type_passes_as_it_is() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    await SocialMiddleware(app, Social(**settings()))({"type": "another"}, _nothing, _ignore)

    assert seen == [{"type": "another"}]


# A view's errors


ERRORS = [
    pytest.param(AccountTaken("taken", hint="choose another"), 409, "account_taken", id="AccountTaken"),
    pytest.param(NotSignedIn("nobody", hint="sign in"), 401, "not_signed_in", id="NotSignedIn"),
    pytest.param(
        ProviderUnreachable("away", endpoint="token endpoint", may_have_arrived=False),
        503,
        "provider_unreachable",
        id="ProviderUnreachable",
    ),
]


def raising(error: SocialError, social: Social) -> Starlette:
    """Give an app with a view that raises."""

    async def view(request: Request) -> Response:
        raise error

    return app_of(social, routes=[Route("/view", view, methods=["GET", "POST"])])


@pytest.mark.parametrize(("error", "status", "code"), ERRORS)
async def test_an_error_that_escapes_a_view_becomes_a_page_or_json(error: SocialError, status: int, code: str) -> None:
    async with Social(**settings()) as social, browser(raising(error, social)) as client:
        page = await client.get("/view")
        problem = await client.get("/view", headers=JSON)

    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert problem.headers["content-type"] == "application/problem+json"
    assert (problem.status_code, problem.json()["code"]) == (status, code)


async def test_an_error_after_the_response_began_is_raised_on() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise AccountTaken("taken", hint="choose another")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(pieces())(scope, receive, send)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with Social(**settings()) as social:
        with pytest.raises(AccountTaken):
            await SocialMiddleware(app, social)(_http(), _nothing, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 200


async def test_another_error_of_the_app_is_none_of_ours() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError

    async with Social(**settings()) as social:
        with pytest.raises(LookupError):
            await SocialMiddleware(app, social)(_http(), _nothing, _ignore)


NOBODY = NotSignedIn("nobody", hint="sign in")


@pytest.mark.parametrize(
    ("sign_in_url", "method", "asked", "location"),
    [
        ("/sign-in", "GET", "/view?a=1&b=2", "/sign-in?next=/view%3Fa%3D1%26b%3D2"),
        ("/sign-in?lang=en", "GET", "/view", "/sign-in?lang=en&next=/view"),
        ("/sign-in", "POST", "/view?a=1", "/sign-in?next=/view"),
        ("/sign-in", "GET", "/associate/", "/sign-in?next=/associate/"),
        ("/sign-in", "GET", "/associate/github/?next=/x", "/sign-in?next=/associate/github/%3Fnext%3D/x"),
    ],
)
async def test_a_person_who_is_not_signed_in_goes_to_the_sign_in_page_and_comes_back(
    sign_in_url: str, method: str, asked: str, location: str
) -> None:
    social = Social(**settings(sign_in_url=sign_in_url))
    async with social, browser(raising(NOBODY, social), user=None) as client:
        answered = await client.request(method, asked)

    assert (answered.status_code, answered.headers["location"]) == (303, location)


async def test_a_person_comes_back_to_the_mount_as_the_browser_sees_it() -> None:
    social = Social(**settings(sign_in_url="/sign-in", base_url=f"{BASE}/api"))
    app = Starlette(routes=[Mount("/api", app=app_of(social))])
    async with social, browser(app, user=None) as client:
        answered = await client.get("/api/associate/")

    assert answered.headers["location"] == "/sign-in?next=/api/associate/"


async def test_a_program_that_is_not_signed_in_is_told_so_and_sent_nowhere() -> None:
    social = Social(**settings(sign_in_url="/sign-in"))
    async with social, browser(raising(NOBODY, social), user=None) as client:
        answered = await client.get("/view", headers=JSON)

    assert (answered.status_code, "location" in answered.headers) == (401, False)


async def test_a_person_refused_for_another_reason_is_not_sent_to_sign_in() -> None:
    refusal = AccountTaken("taken", hint="choose another")
    async with Social(**settings(sign_in_url="/sign-in")) as social, browser(raising(refusal, social)) as client:
        answered = await client.get("/view")

    assert answered.status_code == 409


def _http(**more: Any) -> Scope:
    return {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], **more}


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _ignore(message: Message) -> None:
    return None
