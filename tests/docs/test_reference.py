"""The reference is complete: each setting, error, event, name, path and command that there is has its place in it."""

import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_args

import httpx
import pytest
from docutils import nodes  # type: ignore[import-untyped]  # it carries no types
from starlette.requests import Request

import asgi_social
import asgi_social.dependencies
import asgi_social.testing
from asgi_social import Event, SettingsError, Social, SocialError, TokenRefused, error_response
from asgi_social.cli.commands import app as commands
from asgi_social.errors import FlowReason, ReauthReason, TokenReason
from asgi_social.events import EventName
from asgi_social.middleware import Route, route_of
from asgi_social.settings import _FROM_ENVIRONMENT, Settings, checked
from docs._ext.site import keep_anchors
from tests.app import BASE, KEY, app_of, browser, linked, settings
from tests.docs.pages import blocks_of, rows_of, section_of, text_of
from tests.docs.test_blocks import commands_of, tree_of
from tests.testing.trips import with_

SETTINGS, ERRORS, EVENTS, API, PATHS = (
    text_of(f"reference/{name}.md") for name in ("settings", "errors", "events", "api", "paths")
)
REASONS: dict[str, Any] = {"flow_refused": FlowReason, "token_refused": TokenReason, "needs_reauth": ReauthReason}
BACKEND = {"client_id": "i", "client_secret": "s"}
# One whose shop is set already, and left to the person besides.
SHOPS = {"provider": with_(vars={"shop": {"from": "person", "pattern": "[a-z]+"}})["provider"], "shop": "acme"}


def error_classes(kind: type[SocialError] = SocialError) -> Iterator[type[SocialError]]:
    yield kind
    for one in kind.__subclasses__():
        if one.__module__.startswith("asgi_social."):
            yield from error_classes(one)


def headings_of(text: str) -> list[str]:
    return re.findall(r"^#+ `([a-z_]+)`$", text, re.MULTILINE)


def line_of(text: str, setting: str, label: str) -> str:
    """Give one of the three lines that each setting begins with."""
    return section_of(text, f"`{setting}`").partition(f"- {label}: ")[2].partition("\n")[0]


def literal_of(line: str) -> str | None:
    """Give the code that a line begins with, where it does."""
    found = re.match(r"`([^`]+)`", line)
    return found[1] if found else None


OF_THE_APP = section_of(SETTINGS, "Settings of the app")
OF_A_BACKEND = section_of(SETTINGS, "Settings of a backend")


def test_every_setting_of_the_app_is_described() -> None:
    assert sorted(headings_of(OF_THE_APP)) == sorted(Settings.__annotations__)


def test_every_setting_of_a_backend_is_described() -> None:
    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, base_url=BASE, backends={"discord": {**BACKEND, "nonsense": ""}})

    assert sorted(headings_of(OF_A_BACKEND)) == sorted(caught.value.allowed.split(", "))


@pytest.mark.parametrize("setting", headings_of(OF_THE_APP))
def test_the_example_of_a_setting_is_accepted(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", KEY)
    example = eval(f"dict({literal_of(line_of(OF_THE_APP, setting, 'Example'))})", {"os": os, "httpx": httpx})  # noqa: S307  # the docs' own

    social = Social(**{"secret_key": KEY, "backends": {}, **example})

    assert list(example) == [setting]
    assert social.settings.origins[f"{setting}.github.client_id" if setting == "backends" else setting] == "code"


@pytest.mark.parametrize("setting", [name for name in headings_of(OF_THE_APP) if name != "backends"])
def test_the_default_of_a_setting_is_what_is_said(setting: str) -> None:
    default = literal_of(line_of(OF_THE_APP, setting, "Default"))
    known = checked({"secret_key": KEY}, environment={})
    name = "embedded" if setting == "embedded_users" else setting
    found = getattr(known, name) if hasattr(known, name) else getattr(known.hooks, name, None)

    assert default is None or eval(default, {}) == found  # noqa: S307  # the docs' own


@pytest.mark.parametrize("setting", headings_of(OF_A_BACKEND))
def test_the_example_of_a_backends_setting_is_accepted_and_its_default_is_what_is_said(setting: str) -> None:
    example = eval(f"{{{literal_of(line_of(OF_A_BACKEND, setting, 'Example'))}}}", {})  # noqa: S307  # the docs' own
    default = literal_of(line_of(OF_A_BACKEND, setting, "Default"))
    stated = {setting: eval(default, {})} if default else {}  # noqa: S307  # the docs' own

    backend = {**BACKEND, **(SHOPS if setting == "ask_for" else {})}

    def client_of(more: dict[str, object]) -> object:
        return Social(secret_key=KEY, base_url=BASE, backends={"github": {**backend, **more}}).settings.backends

    assert list(example) == [setting]
    assert client_of(example) != client_of({}) or setting in {"provider", "ask_for"}
    assert client_of(stated) == client_of({})


def test_every_variable_of_the_environment_is_described() -> None:
    rows = rows_of(section_of(SETTINGS, "Environment variables"))

    assert {f"`ASGI_SOCIAL_{name.upper()}`" for name in _FROM_ENVIRONMENT} <= {row[0] for row in rows}


def test_every_error_has_a_section_that_is_named_by_its_code() -> None:
    assert sorted(headings_of(ERRORS)) == sorted([*(one.code for one in error_classes()), "method_not_allowed"])


@pytest.mark.parametrize("error", [pytest.param(one, id=one.code) for one in error_classes()])
def test_an_error_is_described_with_class_status_and_every_reason(error: type[SocialError]) -> None:
    section = section_of(ERRORS, f"`{error.code}`")
    rows = rows_of(section)

    assert section.lstrip().startswith(f"`{error.__name__}`, {error.status}")
    assert [row[0].strip("`") for row in rows] == list(get_args(REASONS[error.code]) if error.code in REASONS else [])
    assert all(all(row) for row in rows)
    assert rows or "What to do:" in section or error.code in {"provider_error", "social_error"}


def test_the_table_of_the_errors_has_them_all() -> None:
    rows = rows_of(ERRORS.partition("\n## ")[0])

    expected = {(f"[{one.code}](#{one.code})", f"`{one.__name__}`", str(one.status)) for one in error_classes()}
    assert {tuple(row[:3]) for row in rows} == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("token_refused", ["token_refused", "made-of-it"]),
        ("as_is", ["as_is", "made-of-it"]),
        ("Errors as JSON", ["made-of-it", "as_is"]),
    ],
)
def test_an_anchor_is_the_code_as_it_is_written(title: str, expected: list[str]) -> None:
    section = nodes.section("", nodes.title(title, title), ids=["made-of-it", "as_is"])
    document = nodes.document(None, None)
    document += section

    keep_anchors(None, document)  # type: ignore[arg-type]

    assert [one for one in section["ids"] if one in expected] == expected


def test_every_event_and_each_of_its_fields_is_described() -> None:
    names = [row[0].strip("`") for row in rows_of(section_of(EVENTS, "What happened"))]
    members = [row[0].strip("`") for row in rows_of(section_of(EVENTS, "What it carries"))]

    assert names == list(get_args(EventName))
    assert members == [field.name for field in fields(Event)]


def test_every_public_name_is_described() -> None:
    described = re.findall(r"^\.\. auto(?!module)\w+:: asgi_social\.(\w+)(?![\w.])", API, re.MULTILINE)

    assert sorted(described) == sorted(asgi_social.__all__)


def test_every_name_for_tests_is_described() -> None:
    # The whole module, and by its ``__all__`` each of its names.
    assert f".. automodule:: {asgi_social.testing.__name__}\n" in API
    assert [
        name for name in asgi_social.testing.__all__ if not inspect.getdoc(getattr(asgi_social.testing, name))
    ] == []


def test_every_dependency_is_described() -> None:
    module = asgi_social.dependencies
    functions = [one for name, one in inspect.getmembers(module, inspect.isfunction) if not name.startswith("_")]
    own = [one for one in functions if one.__module__ == module.__name__]

    assert f".. automodule:: {module.__name__}\n" in API
    assert own
    assert all(inspect.getdoc(one) for one in own)


def test_every_path_of_the_middleware_is_described() -> None:
    known = checked({"secret_key": KEY, "backends": {"github": BACKEND}}, environment={})
    cells = [row[0] for row in rows_of(PATHS.partition("\n## ")[0])]
    paths = [path for cell in cells for path in re.findall(r"`(?:GET|POST) (/[^`]*)`", cell)]
    written = [re.sub(r"<[\w ]+>|…", "github", path) for path in paths]

    routes = [route_of({"type": "http", "path": path}, known) for path in written]

    assert None not in routes
    assert {route.kind for route in routes if route} == set(get_args(Route.__annotations__["kind"]))


def test_an_error_is_answered_as_the_page_of_the_paths_shows() -> None:
    example = blocks_of(section_of(PATHS, "Errors as JSON"), "json")[0]
    error = TokenRefused(
        "the access token was issued to another app",
        hint="get a new token with this app's own client_id",
        reason="audience",
        backend="facebook",
    )

    response = error_response(error, Request({"type": "http", "headers": [], "path": "/"}))

    found, shown = (
        httpx.Response(200, content=bytes(response.body)).json(),
        httpx.Response(200, text=example.text).json(),
    )
    assert {**found, "id": ""} == {**shown, "id": ""}
    assert list(found) == list(shown)
    assert len(found["id"]) == len(shown["id"])


def test_a_page_has_the_headers_that_are_described() -> None:
    request = Request({"type": "http", "headers": [(b"accept", b"text/html")], "path": "/"})
    rows = rows_of(section_of(PATHS, "Headers of the answers"))

    response = error_response(SocialError("it is so", hint="do that"), request)

    assert {row[0].strip("`"): row[1].partition("`;")[0].strip("`") for row in rows} == {
        name: response.headers[name] for name in ("Content-Security-Policy", "X-Frame-Options", "Referrer-Policy")
    }


async def test_the_linked_accounts_are_given_as_the_page_of_the_paths_shows() -> None:
    [example] = blocks_of(section_of(PATHS, "Linked accounts as JSON"), "json")
    shown = httpx.Response(200, text=example.text).json()
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)

        found = (await client.get("/associate/", headers={"accept": "application/json"})).json()

    by_chance = {"id": "", "unlink": "", "created_at": 0, "since": 0}
    assert found["linked"][0] | by_chance == shown["linked"][0] | by_chance
    assert (list(found), found["backends"]) == (list(shown), shown["backends"])


def test_every_command_is_described() -> None:
    described = commands_of("reference/command_line.md")

    assert [name for name in tree_of(commands) if not any(line.startswith(name) for line in described)] == []
