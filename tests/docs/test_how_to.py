"""The pages with a goal each: their Python does what the text says, at the fake provider."""

import re
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Route

from asgi_social import Event, NeedsReauth, Social, SocialMiddleware
from asgi_social.providers import provider
from asgi_social.providers.installed import GROUP
from asgi_social.testing import FakeIdentityProvider, FakeProvider, ManualClock, SignedIn, user_of
from tests.app import BASE, CLICK, KEY, app_of, browser, linked, query_of, settings
from tests.docs.pages import blocks_of, text_of
from tests.renewing import Acme, at

# The fake provider with a look-up besides, so that it proves both kinds of client token, as Google does.
BOTH_PROOFS = {
    "name": "fake",
    "title": "Fake provider",
    "protocol": "oidc",
    "vars": {"issuer": {"kind": "url"}},
    "oidc": {"endpoint": "{issuer}"},
    "authorize": {"scope": ["openid", "profile", "email"]},
    "id_token": {"algs": ["RS256", "ES256"]},
    "verify": [
        {"kind": "lookup", "url": "{issuer}/token-info", "app": "client_id", "subject": "sub"},
        {"kind": "id_token"},
    ],
}


def names_of(page: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, Any]:
    """Run all the Python of a page in an empty folder, and give what it defines."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SECRET_KEY", KEY)
    names: dict[str, Any] = {}
    for block in blocks_of(text_of(page), "python"):
        exec(block.text, names)  # noqa: S102  # the page's own
    return names


# A provider's API


async def test_the_api_gets_the_token_and_the_host_of_the_download_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = names_of("how-to/calling_apis.md", monkeypatch, tmp_path)
    acme, sent = Acme(), list[tuple[str, str | None]]()

    async def github(request: httpx.Request) -> httpx.Response:
        if request.url.path in {"/user/repos", "/repos/ada/engine/zipball", "/ada/engine.zip"}:
            sent.append((request.url.host, request.headers.get("authorization")))
        if request.url.path.endswith("/zipball"):
            return httpx.Response(302, headers={"location": "https://codeload.github.com/ada/engine.zip"})
        return await acme(request)

    async with at(github, name="github") as there:
        repositories = await names["repositories"](there.association)
        archive = await names["archive"](there.association, "ada/engine")

    token = "Bearer access-0"
    assert (repositories["id"], archive[:1]) == (7, b"{")
    assert sent == [("api.github.com", token), ("api.github.com", token), ("codeload.github.com", None)]


def test_the_settings_for_an_api_allow_the_hosts_that_they_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = names_of("how-to/calling_apis.md", monkeypatch, tmp_path)

    hosts = Social(**names["settings"]).settings.backends["github"].client.api_hosts

    assert [str(one) for one in hosts] == ["uploads.github.com", "github-cache.acme.example"]


# Phones


@asynccontextmanager
async def phones(names: dict[str, Any]) -> AsyncIterator[tuple[FakeProvider, httpx.AsyncClient]]:
    """Give the server of the page, whose Google is the fake provider, and a phone."""
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    google = {**fake.backend_settings(), "provider": BOTH_PROOFS, "client_ids": ["an-android-id"]}
    more = {name: names["settings"][name] for name in ("embedded_users", "sign_up")}
    http = httpx.AsyncClient(transport=fake.transport())
    engine = Social(**settings(backends={"google-oauth2": google}, http_client=http, clock=clock, **more))
    views = [
        Route("/phone/{backend}", names["sign_in"], methods=["POST"]),
        Route("/phone/{backend}/link", names["link"], methods=["POST"]),
    ]
    async with engine, browser(app_of(engine, routes=views)) as client:
        client.headers["accept"] = "application/json"
        yield fake, client


def test_the_settings_for_phones_are_good_for_each_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = names_of("how-to/phones.md", monkeypatch, tmp_path)

    social = Social(**names["settings"])

    rows = re.findall(
        r"^\| [^|]+ \| [^|]+ \| (access token|ID token)[^|]* \| `([^`]+)`", text_of("how-to/phones.md"), re.M
    )
    assert {backend for _, backend in rows} == {backend.name for backend in social.backends()}
    kinds = {"access token": "lookup", "ID token": "id_token"}
    assert all(kinds[sent] in {proof.kind for proof in provider(name).proofs} for sent, name in rows)


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
@pytest.mark.parametrize("app", [None, "an-android-id"])
async def test_a_phone_signs_in(kind: str, app: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with phones(names_of("how-to/phones.md", monkeypatch, tmp_path)) as (fake, phone):
        sent = {kind: fake.issue_tokens("ada", client_id=app)[kind]}  # type: ignore[literal-required]
        answer = await phone.post("/phone/google-oauth2", json=sent)

    assert (answer.status_code, list(answer.json())) == (200, ["id"])


@pytest.mark.parametrize(
    ("app", "sent_nonce", "times", "reason"),
    [
        pytest.param("another-app", "n-1", 1, "audience", id="another app"),
        pytest.param(None, "n-2", 1, "nonce", id="another nonce"),
        pytest.param(None, "n-1", 2, "spent", id="a second time"),
    ],
)
async def test_a_phone_is_refused_with_the_reason_of_the_table(
    app: str | None, sent_nonce: str, times: int, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with phones(names_of("how-to/phones.md", monkeypatch, tmp_path)) as (fake, phone):
        token = fake.issue_tokens("ada", client_id=app, nonce="n-1")["id_token"]
        for _ in range(times):
            answer = await phone.post("/phone/google-oauth2", json={"id_token": token, "nonce": sent_nonce})

    assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (401, "token_refused", reason)
    assert f"| `{reason}` |" in text_of("how-to/phones.md")


async def test_a_phone_that_sends_a_token_of_the_other_kind_is_told_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with phones(names_of("how-to/phones.md", monkeypatch, tmp_path)) as (fake, phone):
        tokens = fake.issue_tokens("ada")
        answers = [
            await phone.post("/phone/google-oauth2", json={"id_token": tokens["access_token"]}),
            await phone.post("/phone/google-oauth2", json={"access_token": tokens["id_token"]}),
        ]

    assert [(answer.status_code, answer.json()["reason"]) for answer in answers] == [(401, "kind")] * 2
    assert "| `kind` |" in text_of("how-to/phones.md")


async def test_the_log_names_the_audience_that_came(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="asgi_social")
    async with phones(names_of("how-to/phones.md", monkeypatch, tmp_path)) as (fake, phone):
        token = fake.issue_tokens("ada", client_id="an-unlisted-phone")["id_token"]
        answer = await phone.post("/phone/google-oauth2", json={"id_token": token})

    assert "an-unlisted-phone" in caplog.text
    assert "an-unlisted-phone" not in answer.text


async def test_a_phone_that_sends_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with phones(names_of("how-to/phones.md", monkeypatch, tmp_path)) as (_, phone):
        answer = await phone.post("/phone/google-oauth2", json={})

    assert (answer.status_code, answer.json()["reason"]) == (401, "malformed")


async def test_a_phone_links_for_who_is_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with phones(names_of("how-to/phones.md", monkeypatch, tmp_path)) as (fake, phone):
        token = fake.issue_tokens("ada")["access_token"]
        answer = await phone.post("/phone/google-oauth2/link", json={"access_token": token})
        listed = await phone.get("/associate/", headers={"accept": "text/html"})

    assert answer.status_code == 200
    assert answer.json()["id"] in listed.text


# Several domains


async def test_each_domain_has_a_redirect_uri_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = names_of("how-to/several_domains.md", monkeypatch, tmp_path)
    found = []
    for host, engine in names["engines"].items():
        async with engine, browser(app_of(engine), base=f"https://{host}") as client:
            begun = await client.get("/associate/github/")
        found.append(query_of(begun.headers["location"])["redirect_uri"])

    assert found == [f"https://{host}/complete/github/" for host in names["HOSTS"]]
    assert all(f"`{uri}`" in text_of("how-to/several_domains.md") for uri in found)


async def test_the_app_of_several_domains_answers_on_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = names_of("how-to/several_domains.md", monkeypatch, tmp_path)
    seen = {}
    async with names["lifespan"](names["app"]):
        for host in (*names["HOSTS"], "evil.example"):
            transport = httpx.ASGITransport(names["app"])
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{host}", headers=CLICK) as http:
                seen[host] = [(await http.get(path)).status_code for path in ("/", "/associate/")]

    assert seen == {"shop.example": [200, 401], "laden.example": [200, 401], "evil.example": [404, 404]}


async def test_a_preview_links_at_the_provider_inside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = names_of("how-to/several_domains.md", monkeypatch, tmp_path)

    app = names["preview"]("pr-1.preview.example", [])

    engine_settings = app.user_middleware[1].kwargs
    assert engine_settings["backends"]["github"]["issuer"] == "https://pr-1.preview.example/provider"
    assert Social(**engine_settings).settings.base_url == "https://pr-1.preview.example"
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://pr-1.preview.example") as http:
        metadata = await http.get("/provider/.well-known/openid-configuration")
    assert metadata.json()["issuer"] == "https://pr-1.preview.example/provider"


# Production


def test_the_settings_for_production_are_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLD_SECRET_KEYS", "an-old-key-of-the-tests-7Hq2wX4z another-old-key-of-the-tests-5Tg8")
    names = names_of("how-to/production.md", monkeypatch, tmp_path)

    social = Social(**{**names["settings"], "backends": {}})

    assert len(names["settings"]["secret_key"]) == 3
    assert social.settings.sign_in_url == "/sign-in"


@pytest.mark.parametrize(
    ("name", "reason", "level"),
    [
        pytest.param("credentials_refused", "invalid_client", "CRITICAL", id="the secret has ended"),
        pytest.param("renewal_failed", "invalid_grant", None, id="one grant has ended"),
        pytest.param("needs_reauth", "revoked", "WARNING", id="somebody has to link again"),
        pytest.param("renewed", None, None, id="all is well"),
    ],
)
def test_production_is_told_what_is_worth_an_alarm(
    name: Any,
    reason: str | None,
    level: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = names_of("how-to/production.md", monkeypatch, tmp_path)

    names["on_event"](Event(name=name, backend="github", association_id="an-id", reason=reason))

    assert [record.levelname for record in caplog.records] == ([level] if level else [])


@pytest.mark.parametrize(
    ("keys", "readable"),
    [
        pytest.param(["a-new-key-of-the-tests-8Kd3mP6vY1", KEY], True, id="behind the new one"),
        pytest.param(["a-new-key-of-the-tests-8Kd3mP6vY1"], False, id="taken off the list"),
    ],
)
async def test_an_old_key_opens_what_it_has_sealed_as_long_as_it_is_on_the_list(
    keys: list[str], readable: bool
) -> None:
    shared = settings()
    async with Social(**shared) as old, browser(app_of(old)) as client:
        await linked(client)

    again = Social(**{**shared, "secret_key": keys, "http_client": None})
    [association] = await again.associations("ada")
    try:
        token = await association.get_access_token()
    except NeedsReauth as error:
        token = error.reason

    assert token == ("gho_secret" if readable else "unreadable")


# SAML


@pytest.mark.saml
async def test_an_account_of_the_identity_provider_of_the_page_is_linked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = names_of("how-to/saml.md", monkeypatch, tmp_path)

    clock = ManualClock()
    idp = FakeIdentityProvider(name="corp", clock=clock)
    names["backends"]["saml"]["enabled_idps"] = {"corp": idp.settings()}
    social = Social(**{**settings(), "backends": names["backends"], "current_user": user_of, "clock": clock})
    app = SocialMiddleware(Response(), social)
    async with social, SignedIn(app, social=social, fake_providers={"saml": idp}, user_id="7") as one:
        association = await one.link("saml")

    assert association.uid == "corp:ada"
    assert f"{BASE}/complete/saml/" in text_of("how-to/saml.md")


# A provider of your own


@pytest.mark.parametrize("name", ["plain", "own", "inline", "staging"])
def test_a_provider_of_ones_own_is_taken(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = names_of("how-to/own_provider.md", monkeypatch, tmp_path)
    table, _ = blocks_of(text_of("how-to/own_provider.md"), "toml")
    (tmp_path / "example.toml").write_text(table.text)

    social = Social(secret_key=KEY, base_url=BASE, backends={"mine": names[name]})

    assert social.backend("mine").title == {"plain": "OAuth 2"}.get(name, "Example")


def test_the_entry_point_of_a_package_is_of_the_group_that_is_read() -> None:
    _, point = blocks_of(text_of("how-to/own_provider.md"), "toml")

    assert tomllib.loads(point.text)["project"]["entry-points"] == {GROUP: {"example": "example_social:file"}}


async def test_a_provider_with_an_issuer_needs_no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = names_of("how-to/own_provider.md", monkeypatch, tmp_path)

    where = names["social"].settings.redirect_uri("corp", base="https://app.example")

    assert f"`{where}`" in text_of("how-to/own_provider.md")
