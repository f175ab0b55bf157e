"""The pages of the providers: one for each, made of its data, and what they say to write is accepted."""

import doctest
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from asgi_social import Social, providers
from asgi_social.cli.providers import row_of
from asgi_social.protocols.provider import Provider
from asgi_social.settings import checked
from docs._ext import wording
from docs._ext.provider_pages import HOST, page_of, pages, snippet
from docs._ext.site import write_provider_pages
from docs._ext.wording import code, prose
from tests.app import KEY
from tests.docs.pages import blocks_of, rows_of, section_of
from tests.providers.answering import startable
from tests.testing.trips import RSA_PEM

PAGES = pages()
LIVING = [name for name in providers.names() if providers.provider(name).flows]
# A table in a table is held by no variable of the environment.
IN_VARIABLES = [name for name in LIVING if name != "saml"]
BASE = f"https://{HOST}"
ALWAYS = ["Register your app", "Settings", "Linking", "The account", "Renewal", "Client tokens", "Unlinking", "Sources"]
ID_TOKEN = {"issuer": ["https://mine.example"], "jwks": "https://mine.example/keys"}
LOOKUP = {"url": "https://mine.example/look", "app": "app", "must": {"kind": "user"}, "active": "active"}


def provider_of(**more: Any) -> Provider:
    urls = {name: {"url": f"https://mine.example/{name}"} for name in ("authorize", "token", "userinfo")}
    merged = {
        **urls,
        **{key: {**urls[key], **value} if key in urls else value for key, value in more.items()},
    }
    table = {"name": "mine", "title": "Mine", "console": "https://mine.example", **merged}
    return providers.provider_of_table(table, place="the test")


def with_key(backends: dict[str, Any]) -> dict[str, Any]:
    """Give the backends of a page with a key where the page has dots, for one that is no key starts no app."""
    if "jira" in backends:
        backends["jira"]["client_secret"] = RSA_PEM
    return backends


def page_of_table(**more: Any) -> str:
    return page_of(provider_of(**more), sources=["a source"])


def test_each_provider_of_the_catalogue_has_a_page_and_there_is_no_other() -> None:
    assert set(PAGES) == {"index.md", *(f"{name}.md" for name in providers.names())}


def test_the_index_has_the_row_of_each_provider() -> None:
    rows = rows_of(PAGES["index.md"])

    expected = [list(row_of(providers.provider(name))) for name in providers.names()]
    assert [[row[0].strip("`"), *row[2:]] for row in rows] == [[row[0], *row[2:]] for row in expected]
    assert [row[1] for row in rows] == [f"[{prose(title)}]({name}.md)" for name, title, *_ in expected]


@pytest.mark.parametrize("name", LIVING)
def test_a_page_has_every_section_and_says_all_that_is_known(name: str) -> None:
    provider, page = providers.provider(name), PAGES[f"{name}.md"]

    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)

    assert [heading for heading in ALWAYS if heading not in headings] == []
    assert "None" not in page.replace("None is taken", "")
    assert provider.console is None or provider.console in page
    assert [quirk for quirk in provider.quirks if f"- {prose(quirk)}" not in page] == []
    assert all(code(one.setting) in section_of(page, "Settings") for one in provider.variables.values())


@pytest.mark.parametrize("name", startable(LIVING))
def test_the_settings_of_a_page_start_an_app_and_the_redirect_uri_is_its_own(name: str) -> None:
    names: dict[str, Any] = {}
    [block] = blocks_of(PAGES[f"{name}.md"], "python")

    exec(block.text, names)  # noqa: S102  # our own
    social = Social(secret_key=KEY, base_url=BASE, backends=with_key(names["backends"]))

    assert [backend.name for backend in social.backends()] == [name]
    assert ("redirect" in providers.provider(name).flows) == (
        f"    {social.settings.redirect_uri(name, base=BASE)}\n" in PAGES[f"{name}.md"]
    )


@pytest.mark.parametrize("name", IN_VARIABLES)
def test_the_variables_of_a_page_start_an_app_too(name: str) -> None:
    names: dict[str, Any] = {}
    exec(snippet(providers.provider(name)), names)  # noqa: S102  # our own
    variables = re.findall(r"`(ASGI_SOCIAL_\w+)`", PAGES[f"{name}.md"])
    environment = dict(zip(variables, with_key(names["backends"])[name].values(), strict=True))

    settings = checked({"secret_key": KEY, "base_url": BASE}, environment=environment)

    assert list(settings.backends) == [name]


@pytest.mark.parametrize(
    ("more", "heading", "says"),
    [
        ({}, "Linking", "asks for no scope but what your setting `scope` names. PKCE (S256) is sent."),
        ({"authorize": {"scope": ["a", "b"]}}, "Linking", "asks for the scope `a` and `b`, and for what your setting"),
        (
            {"protocol": "oauth1", "oauth1": {"request_url": "https://mine.example/request"}},
            "Linking",
            "begins it. Mine is asked for a request token first, and has to confirm where it sends people back",
        ),
        (
            {
                "protocol": "oauth1",
                "oauth1": {"request_url": "https://mine.example/request", "params": {"scope": "{scope}"}},
                "authorize": {"scope": ["a"]},
            },
            "Linking",
            "It asks for the scope `a`, and for what your setting `scope` names. Mine is asked for a request token",
        ),
        (
            {
                "protocol": "oauth1",
                "oauth1": {"request_url": "https://mine.example/request", "signature": "RSA-SHA1"},
                "authorize": {"params": {"scope": "{scope}"}},
            },
            "Linking",
            "It asks for what your setting `scope` names. Mine is asked for a request token first",
        ),
        (
            {
                "protocol": "oauth1",
                "oauth1": {"request_url": "https://mine.example/request", "signature": "RSA-SHA1"},
            },
            "Settings",
            "`client_secret` is a private RSA key in PEM, with which every request is signed.",
        ),
        ({"authorize": {"pkce": "off"}}, "Linking", "PKCE is not sent, because Mine does not get along with it"),
        ({"authorize": {"pkce": "required"}}, "Linking", "PKCE (S256) is sent, and demanded by Mine."),
        ({"authorize": {"response_mode": "form_post"}}, "Linking", "Mine answers by a form that its page posts"),
        ({"protocol": "custom"}, "Linking", "begins it. What comes back counts in the browser alone"),
        ({"protocol": "custom", "authorize": {"scope": ["a"]}}, "Linking", "asks for the scope `a`. What comes"),
        (
            {"protocol": "openid2", "openid2": {"url": "https://mine.example"}, "account": {"email_verified": False}},
            "Register your app",
            "Nothing is registered (accounts and keys are at [Mine](https://mine.example)). Answers",
        ),
        ({"flows": ["token"]}, "Linking", "Mine has no page to send a browser to"),
        ({"flows": ["token"]}, "Register your app", "There is nothing to redirect to: only client tokens are taken."),
        ({"protocol": "oidc", "id_token": ID_TOKEN}, "Linking", "An ID token is demanded, and checked"),
        ({"id_token": {**ID_TOKEN, "lax": ["at_hash"]}}, "Linking", "Not checked is that it belongs to the access"),
        ({"id_token": {**ID_TOKEN, "nonce": "off"}}, "Linking", "its issuer, its audience and its age."),
        ({"policy": [{"path": "ok", "op": "is_true", "error": "no"}]}, "Who is let in", "where `ok` is true. Else"),
        (
            {"policy": [{"path": "teams", "op": "any_of", "setting": "team", "error": "no"}]},
            "Who is let in",
            "where `teams` is, or holds, one of those that your setting `team` lists, if it lists any.",
        ),
        (
            {
                "userinfo": {"requests": [{"id": "team", "url": "https://mine.example/t", "format": "none"}]},
                "policy": [{"status_of": "team", "error": "no"}],
            },
            "Who is let in",
            "where the request `team` is not answered by 403 or 404. Else it is refused",
        ),
        ({"account": {"email_verified": True}}, "The account", "always true"),
        ({"uid": {"authority": "{claim.iss}"}}, "The account", "it counts within `{claim.iss}` alone"),
        ({"userinfo": {"source": "token"}}, "The account", "It is read from the token answer"),
        ({}, "Renewal", "It may be good only once"),
        ({"refresh": {"rotates": False}}, "Renewal", "It stays good."),
        ({"refresh": {"never_expires": True}}, "Renewal", "do not end, so that nothing is renewed"),
        ({"refresh": False}, "Renewal", "Mine renews no tokens"),
        ({"refresh": {"with": "access_token"}}, "Renewal", "There is no refresh token."),
        ({"refresh": {"early": 7200}}, "Renewal", "renewed behind the caller in its last 2 hours."),
        ({"refresh": {"expires_default": 86400}}, "Renewal", "it counts as 1 day."),
        ({"refresh": {"ended": ["9", "10"]}}, "Renewal", "Where it answers `10` or `9`, as with `invalid_grant`, the"),
        ({"authorize": {"offline": {"params": {"a": "b"}}}}, "Renewal", '`"offline": True` adds the parameter `a=b`.'),
        ({}, "Its API", "sends the token of Mine to `mine.example` alone."),
        ({"api_hosts": ["*.mine.example"]}, "Its API", "to `mine.example` and `*.mine.example` alone."),
        ({}, "Client tokens", "They are refused (`TokenRefused`, reason `unbound`)"),
        ({"association_only": True}, "Client tokens", "An account of Mine signs nobody in: `do_auth` raises"),
        ({"flows": ["redirect"]}, "Client tokens", "There are no such tokens here"),
        ({"verify": [LOOKUP]}, "Client tokens", "name your app in `app`, and `active` has to be true and `kind` has"),
        ({"verify": [LOOKUP]}, "Client tokens", "ID tokens are refused."),
        (
            {"verify": [LOOKUP], "authorize": {"scope": ["a", "b"]}},
            "Client tokens",
            "Let the client ask for the scope `a` and `b`: with less, the account may not be read.",
        ),
        (
            {"id_token": ID_TOKEN, "verify": [{"kind": "id_token"}]},
            "Client tokens",
            "A client that asked with a nonce sends it along, and the token is accepted once.",
        ),
        (
            {"id_token": {**ID_TOKEN, "nonce": "sha256"}, "verify": [{"kind": "id_token"}]},
            "Client tokens",
            "and the token is accepted once; Mine may have been asked with its SHA-256.",
        ),
        (
            {"id_token": {**ID_TOKEN, "nonce": "off"}, "verify": [{"kind": "id_token"}]},
            "Client tokens",
            "There is no nonce to send: Mine puts none into it.",
        ),
        ({"id_token": ID_TOKEN, "verify": [{"kind": "id_token"}]}, "Client tokens", "Access tokens are refused"),
        ({}, "Unlinking", "Mine is told nothing, because no revocation of it is known"),
        ({"revoke": {"url": "https://mine.example/r"}}, "Unlinking", "told by RFC 7009, at `https://mine.example/r`."),
        (
            {"vars": {"at": {"kind": "url", "default": ""}}, "revoke": {"url": "{at}", "style": "own"}},
            "Unlinking",
            "told in its own way, at `{at}`, where `at` is set.",
        ),
    ],
)
def test_what_the_data_say_is_said_in_words(more: dict[str, Any], heading: str, says: str) -> None:
    assert says in section_of(page_of_table(**more), heading)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("apple-id", "No API of Apple for people's tokens is known."),
        ("azuread-v2-tenant-oauth2", "sends the token of Microsoft to `graph.microsoft.com` alone."),
        ("github", "sends the token of GitHub to `{api}` and `uploads.github.com` alone."),
        ("oidc", "to the host of the userinfo endpoint that its metadata name alone."),
    ],
)
def test_a_page_says_where_tokens_go(name: str, says: str) -> None:
    assert says in section_of(PAGES[f"{name}.md"], "Its API")


def test_a_service_that_is_shut_down_has_a_page_with_what_is_left() -> None:
    names: dict[str, Any] = {}
    page = page_of_table(retired="2019-04", quirks=["It was closed."])
    [block] = blocks_of(page, "python")
    exec(block.text, names)  # noqa: S102  # our own

    assert "Mine is shut down since 2019-04. Its name here is `mine`" in page
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What is left", "Why", "Sources"]
    assert "- It was closed." in page
    assert names["backends"] == {"mine": {}}


def test_what_is_known_by_its_name_alone_has_a_page_that_says_why() -> None:
    page = page_of_table(flows=[], quirks=["It is a sign-in."])

    assert "Mine is known by its name alone: nothing is linked by it. Its name here is `mine`" in page
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["Why", "Sources"]
    assert "- It is a sign-in." in page


def test_a_provider_that_gives_nothing_is_shown_as_enabled() -> None:
    names: dict[str, Any] = {}

    exec(snippet(provider_of(credentials=[])), names)  # noqa: S102  # our own

    assert names["backends"] == {"mine": {"enabled": True}}


def test_a_provider_that_gives_no_secret_is_shown_without_one() -> None:
    assert "client_secret" not in snippet(provider_of(token={"auth": "none"}))


def test_what_would_be_markup_in_a_quirk_is_shown_as_written() -> None:
    page = page_of_table(quirks=['account = {"a_b": "c"} *or* <b>|, a_b'])

    assert '- account = \\{"a\\_b": "c"\\} \\*or\\* \\<b\\>|, `a_b`' in page


def test_the_examples_of_the_wording_are_right() -> None:
    result = doctest.testmod(wording)

    assert (result.failed, result.attempted) == (0, 4)


def test_the_pages_are_written_and_those_that_are_over_removed(tmp_path: Path) -> None:
    app = cast(Any, SimpleNamespace(srcdir=str(tmp_path)))
    folder = tmp_path / "reference" / "providers"
    write_provider_pages(app)
    (folder / "gone.md").write_text("", encoding="utf-8")
    before = (folder / "github.md").stat().st_mtime_ns

    write_provider_pages(app)

    assert {path.name for path in folder.iterdir()} == set(PAGES)
    assert (folder / "github.md").stat().st_mtime_ns == before
