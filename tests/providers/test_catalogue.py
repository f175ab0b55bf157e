"""What holds for every file of the catalogue; a new provider needs no test of its own."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from asgi_social import providers
from asgi_social.cli.summary import social_auth_names
from asgi_social.environment import variable_of
from asgi_social.errors import SettingsError
from asgi_social.protocols.api import require_api_host
from asgi_social.providers.brand import contrast, text_on
from asgi_social.providers.evidence import Source
from asgi_social.providers.parse import provider_from
from asgi_social.settings import checked
from tests.app import KEY
from tests.protocols.played import answer, play
from tests.providers.answering import backends_of, startable
from tests.providers.rules import faults_of, same_endpoints, same_titles, text_of, unconfirmed, values_of

FORMAT = Path(__file__).parents[2] / "docs" / "reference" / "provider_format.md"
LIVING = [name for name in providers.names() if providers.provider(name).retired is None]
OWN = {"name": "own", "title": "Own", "authorize": {"url": "https://own.example/a"}}
# What a provider names itself: parameters, variables, claims.
_FREE = {"params", "headers", "form", "json", "rename", "choices", "must", "consent", "sources", "attrs"}


def _keys(value: object) -> Iterator[str]:
    """Give each key of the format in a file; not those that a provider names itself."""
    if isinstance(value, list):
        for one in value:
            yield from _keys(one)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            if key in {"vars", "calc"}:
                for one in inner.values():
                    yield from _keys(one)
            elif key not in _FREE:
                yield from _keys(inner)


@pytest.mark.parametrize("name", providers.names())
def test_a_file_of_the_catalogue_keeps_the_rules(name: str) -> None:
    assert faults_of(name) == []


@pytest.mark.parametrize("name", providers.names())
def test_sr_b04_pkce_is_off_only_where_a_source_is_named(name: str) -> None:
    off = re.search(r'^pkce = "off"(.*)$', text_of(name), re.MULTILINE)

    assert off is None or "catalogue" in off[1] or "documentation" in off[1]
    assert (off is not None) == (values_of(name).get("authorize", {}).get("pkce") == "off")


@pytest.mark.parametrize(
    ("name", "sources", "confirmed"),
    [
        pytest.param("github", [("a", "documentation")], True, id="documentation"),
        pytest.param("github", [("a", "recorded")], True, id="a recorded answer"),
        pytest.param("github", [("a", "code"), ("b", "code")], True, id="two libraries"),
        pytest.param("github", [("a", "code"), ("a", "code")], False, id="one library twice"),
        pytest.param("github", [("a", "code"), ("b", "catalogues")], False, id="a library and a catalogue"),
        pytest.param("github", [], False, id="nobody"),
        pytest.param("spotify", [], True, id="no proof"),
    ],
)
def test_a_proof_is_on_only_where_documentation_or_two_libraries_tell_it(
    name: str, sources: list[tuple[str, Any]], confirmed: bool
) -> None:
    day = date(2026, 11, 28)
    named = [Source(at=at, of="token, verify: the look-up", read=day, grade=grade) for at, grade in sources]
    beside = Source(at="c", of="token, verified addresses", read=day, grade="documentation")

    assert (list(unconfirmed(providers.provider(name), [*named, beside])) == []) is confirmed


def test_no_two_files_are_of_the_same_service() -> None:
    assert list(same_endpoints()) == []
    assert list(same_titles()) == []


def test_no_two_providers_share_their_variables_of_the_environment() -> None:
    variables = [variable_of(name, "client_id") for name in providers.names()]

    assert len(set(variables)) == len(variables)


def test_every_name_of_social_auth_is_there_and_at_least_133_more() -> None:
    names = set(providers.names())

    assert social_auth_names() - names == set()
    assert len(names - social_auth_names()) >= 133


@pytest.mark.parametrize("name", providers.names())
def test_every_key_of_a_file_is_described(name: str) -> None:
    # `key`, or as the name of a table: `[key]`, `[[key]]`, `[key.<name>]`.
    described = set(re.findall(r"`\[*(\w+)(?:\.<name>)?\]*(?: = [^`]*)?`", FORMAT.read_text(encoding="utf-8")))

    assert set(_keys(values_of(name))) - described == set()


def test_every_key_that_is_described_is_used_by_a_file() -> None:
    text = FORMAT.read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    described = {key for cell in cells for key in re.findall(r"`\[*(\w+)(?:\.<name>)?\]*(?: = [^`]*)?`", cell)}
    used = {key for name in providers.names() for key in _keys(values_of(name))}

    names_of_templates = {"client_id", "client_secret", "now", "redirect_uri"}
    assert described - used == names_of_templates


def test_the_colour_of_a_brand_has_a_readable_text() -> None:
    colors = {one.color for one in map(providers.provider, providers.names()) if one.color}

    assert [color for color in colors if contrast(color, text_on(color)) < 4.5] == []


def test_the_example_of_the_description_is_a_provider() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", FORMAT.read_text(encoding="utf-8"), re.DOTALL)

    provider = provider_from(tomllib.loads(example), place="the example")

    assert (provider.name, provider.authorize.pkce, len(example.splitlines())) == ("example", "supported", 10)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("facebook", "api_version", "v24.0"),
        ("facebook", "api_version", "24.0/../evil"),
        ("facebook", "profile_fields", "id&access_token"),
        ("slack", "team", "engines"),
    ],
)
def test_a_setting_that_does_not_fit_its_provider_is_refused(name: str, setting: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked({"secret_key": KEY, "backends": backends_of(name, **{setting: value})})

    assert [problem.setting for problem in caught.value.problems] == [f"backends.{name}.{setting}"]


# To where association.client() sends the tokens of these; oidc has its userinfo endpoint besides, from the metadata.
API_HOSTS = {
    "apple-id": "none so far",  # which has no API for people's tokens
    "azuread-oauth2": "none so far",  # which depends on the setting resource
    "azuread-oauth2-v2": "graph.microsoft.com",
    "azuread-tenant-oauth2": "none so far",
    "azuread-v2-tenant-oauth2": "graph.microsoft.com",
    "bitbucket-oauth2": "api.bitbucket.org",
    "box": "api.box.com",
    "chatwork": "api.chatwork.com",
    "discord": "discord.com",
    "etsy": "openapi.etsy.com",
    "facebook": "graph.facebook.com",
    "github": "api.github.com, uploads.github.com",
    "gitlab": "gitlab.com",
    "google-oauth2": "*.googleapis.com, www.googleapis.com",
    "linkedin-openidconnect": "api.linkedin.com",
    "lyft": "api.lyft.com",
    "microsoft-graph": "graph.microsoft.com",
    "oauth2": "own.example",
    "oidc": "none so far",
    "paypal-oauth2": "api.paypal.com",
    "reddit": "oauth.reddit.com",
    "slack": "files.slack.com, slack.com",
    "spotify": "api.spotify.com",
    "stripe": "api.stripe.com, files.stripe.com",
    "twitch": "api.twitch.tv",
    "vk-id": "id.vk.ru",
    "weixin": "api.weixin.qq.com",
    "yahoo-oauth2": "api.login.yahoo.com",
    "zoom-oauth2": "api.zoom.us",
}


@pytest.mark.parametrize("name", startable(LIVING))
def test_the_tokens_of_a_provider_go_to_its_own_api_alone(name: str) -> None:
    client = checked({"secret_key": KEY, "backends": backends_of(name)}).backends[name].client
    asks = client.provider.oidc is not None and client.provider.userinfo.main.url is None
    metadata = {"issuer": client.provider.oidc.endpoint.render(client.variables)} if client.provider.oidc else {}

    with pytest.raises(SettingsError) as caught:
        play(require_api_host(client, "evil.example", None), *([answer(metadata)] if asks else []))

    assert caught.value.allowed == API_HOSTS.get(name, caught.value.allowed)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("github", {"api_url": "https://github.acme.example/api/v3"}, "github.acme.example, uploads.github.com"),
        ("gitlab", {"api_url": "https://git.acme.example:8443"}, "git.acme.example:8443"),
        (
            "azuread-v2-tenant-oauth2",
            {"api_hosts": ["graph.microsoft.us"]},
            "graph.microsoft.com, graph.microsoft.us",
        ),
    ],
)
def test_the_api_of_a_server_of_ones_own_is_known_too(name: str, settings: dict[str, Any], expected: str) -> None:
    client = checked({"secret_key": KEY, "backends": backends_of(name, **settings)}).backends[name].client

    with pytest.raises(SettingsError) as caught:
        play(require_api_host(client, "evil.example", None))

    assert caught.value.allowed == expected


def test_a_provider_is_read_once() -> None:
    assert providers.provider("github") is providers.provider("github")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("githup", "did you mean 'github'?", id="nearly one"),
        pytest.param("?", "there are ", id="nothing like one"),
    ],
)
def test_a_provider_that_is_not_in_the_catalogue_is_told_with_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        providers.provider(name)

    assert caught.value.message == f"no provider is called {name!r}"
    assert caught.value.hint.startswith(hint)


def test_a_provider_of_the_apps_own_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        'name = "own"\ntitle = "Größe"\n[authorize]\nurl = "https://a.example"\n[token]\nurl = "https://t.example"\n'
        '[userinfo]\nurl = "https://u.example"\n',
        encoding="utf-8",
    )

    provider = providers.provider_of_file(str(file))

    assert (provider.name, provider.title, provider.uid.source) == ("own", "Größe", "id")


def test_a_provider_of_the_apps_own_comes_from_a_table() -> None:
    table = {**OWN, "token": {"url": "https://own.example/t"}, "userinfo": {"url": "https://own.example/u"}}

    provider = providers.provider_of_table(table, place="backends.own.provider")

    assert provider.name == "own"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["absent", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "own.toml"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=r"own\.toml cannot be read"):
        providers.provider_of_file(str(file))


def test_a_file_that_is_not_toml_is_named_with_the_line(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("name = own\n")

    with pytest.raises(SettingsError, match=r"own\.toml is not TOML: .*line 1"):
        providers.provider_of_file(str(file))
