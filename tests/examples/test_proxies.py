"""What proxies say of a request, and what anybody may say in their name: none of it shapes where a code is sent."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

import pytest
from hypercorn.middleware import ProxyFixMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.app import BASE, CLICK, query_of
from tests.examples.visits import visit

LOCAL = "http://localhost:8000"
FORGED: Mapping[str, Mapping[str, str]] = {
    "host": {"x-forwarded-host": "evil.example", "x-forwarded-server": "evil.example", "x-forwarded-port": "81"},
    "scheme": {"x-forwarded-proto": "http", "x-forwarded-protocol": "http", "x-forwarded-scheme": "http"},
    "path": {"x-forwarded-prefix": "/evil", "x-script-name": "/evil", "x-original-url": "/evil"},
    "RFC 7239": {"forwarded": "for=192.0.2.1;host=evil.example;proto=http"},
    "lists": {"x-forwarded-host": "app.example, evil.example", "x-forwarded-proto": "https, http"},
    "client": {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1"},
}
# Each believes what anybody says, which is more than a server that is set up well would do.
TRUSTING: Mapping[str, Callable[[ASGIApp], ASGIApp]] = {
    "nobody": lambda app: app,
    "uvicorn": lambda app: cast(ASGIApp, ProxyHeadersMiddleware(cast(Any, app), trusted_hosts="*")),
    "hypercorn, legacy": lambda app: cast(ASGIApp, ProxyFixMiddleware(cast(Any, app), mode="legacy")),
    "hypercorn, modern": lambda app: cast(ASGIApp, ProxyFixMiddleware(cast(Any, app), mode="modern")),
}


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("trusting", TRUSTING)
@pytest.mark.parametrize("example", ["starlette_app"], indirect=True)
async def test_no_forwarded_header_shapes_the_redirect_uri(example: ModuleType, trusting: str, forged: str) -> None:
    async with visit(example, around=TRUSTING[trusting]) as browser:
        await browser.sign_in()
        location = await browser.begin(dict(FORGED[forged]))
        back = await browser.provider.consent(location, person="ada")
        ended = await browser.http.get(back, headers={**CLICK, **FORGED[forged]})

    assert query_of(location)["redirect_uri"] == f"{BASE}/complete/github/"
    assert back.startswith(f"{BASE}/complete/github/?")
    assert (ended.status_code, ended.headers["location"]) == (303, "/associate/")


@pytest.mark.parametrize("forged", ["host", "scheme", "path", "RFC 7239"])
async def test_no_framework_lets_one_shape_it_either(example: ModuleType, forged: str) -> None:
    async with visit(example) as browser:
        await browser.sign_in()
        location = await browser.begin(dict(FORGED[forged]))

    assert query_of(location)["redirect_uri"] == f"{BASE}/complete/github/"


@pytest.mark.parametrize("forged", FORGED)
async def test_the_page_of_an_error_points_to_our_own_path(example: ModuleType, forged: str) -> None:
    async with visit(example) as browser:
        answer = await browser.http.get("", headers={**CLICK, **FORGED[forged]})

    assert (answer.status_code, "evil" in answer.text) == (401, False)


@pytest.mark.parametrize(("trusting", "forged"), [("hypercorn, legacy", "host"), ("hypercorn, modern", "RFC 7239")])
@pytest.mark.parametrize("example", ["starlette_app"], indirect=True)
async def test_without_base_url_a_server_that_believes_another_host_gets_an_error(
    example: ModuleType, trusting: str, forged: str
) -> None:
    async with visit(example, base=LOCAL, around=TRUSTING[trusting], base_url=None) as browser:
        await browser.sign_in()
        answer = await browser.http.get("associate/github/", headers={**CLICK, **FORGED[forged]})

    assert (answer.status_code, "location" in answer.headers) == (500, False)
    assert "base_url" in answer.text


def ending_tls(app: ASGIApp) -> ASGIApp:
    """Give an app behind a proxy that speaks plain http to it, and by the address of an inner network."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, b"10.0.0.7:8000" if name == b"host" else value) for name, value in scope.get("headers", [])]
        inner = {**scope, "scheme": "http", "headers": headers}
        await app(inner if scope["type"] == "http" else scope, receive, send)

    return proxy


@pytest.mark.parametrize("example", ["starlette_app"], indirect=True)
async def test_behind_a_proxy_that_ends_tls_the_public_address_counts(example: ModuleType) -> None:
    async with visit(example, around=ending_tls) as browser:
        await browser.sign_in()
        begun = await browser.http.post("associate/github/", headers={"origin": BASE})
        back = await browser.provider.consent(begun.headers["location"], person="ada")
        ended = await browser.http.get(back, headers=CLICK)

    assert begun.headers["set-cookie"].startswith("__Host-")
    assert "; secure" in begun.headers["set-cookie"].lower()
    assert (back.partition("?")[0], ended.status_code) == (f"{BASE}/complete/github/", 303)
