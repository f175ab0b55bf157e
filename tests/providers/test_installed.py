"""A package brings a provider by an entry point, as a file or a table; it cannot take the place of one of ours."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asgi_social import providers
from asgi_social.errors import SettingsError
from asgi_social.providers.installed import installed
from asgi_social.settings import checked
from tests.app import KEY

TOML = """name = "acme"
title = "Acme"
[authorize]
url = "https://acme.example/authorize"
[token]
url = "https://acme.example/token"
[userinfo]
url = "https://acme.example/me"
"""
MODULE = """
from importlib.resources import files
from pathlib import Path

file = files("acme_social") / "acme.toml"
path = str(Path(__file__).parent / "acme.toml")
table = {
    "name": "acme",
    "title": "Acme",
    "extends": "github",
}
other = {**table, "name": "other"}
number = 7
absent = "/nowhere/acme.toml"
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Give a function that lays a distribution with these entry points where it is found."""

    def lay(**points: str) -> None:
        package, info = tmp_path / "acme_social", tmp_path / "acme_social-1.0.dist-info"
        package.mkdir()
        info.mkdir()
        (package / "__init__.py").write_text(MODULE)
        (package / "acme.toml").write_text(TOML)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-social\nVersion: 1.0\n")
        lines = [f"{name} = acme_social:{attribute}\n" for name, attribute in points.items()]
        (info / "entry_points.txt").write_text("".join(["[asgi_social.providers]\n", *lines]))
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        forget()

    def forget() -> None:
        installed.cache_clear()
        providers.provider.cache_clear()

    yield lay
    sys.modules.pop("acme_social", None)
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("attribute", ["file", "path", "table"])
def test_a_provider_comes_from_a_package(install: Install, attribute: str) -> None:
    install(acme=attribute)

    provider = providers.provider("acme")

    assert (provider.name, provider.title) == ("acme", "Acme")
    assert "acme" in providers.all_names()
    assert "acme" not in providers.names()


def test_a_backend_of_it_is_configured_by_its_name(install: Install) -> None:
    install(acme="file")

    backends = checked({"secret_key": KEY, "backends": {"acme": {"client_id": "i", "client_secret": "s"}}}).backends

    assert backends["acme"].client.provider.title == "Acme"


def test_a_backend_of_it_is_read_from_the_environment(install: Install) -> None:
    install(acme="file")
    environment = {"ASGI_SOCIAL_ACME_CLIENT_ID": "i", "ASGI_SOCIAL_ACME_CLIENT_SECRET": "s"}

    backends = checked({"secret_key": KEY}, environment=environment).backends

    assert list(backends) == ["acme"]


def test_a_provider_of_ours_stays_what_it_is(install: Install) -> None:
    install(github="table")

    assert providers.provider("github").title == "GitHub"
    assert providers.all_names().count("github") == 1


def test_its_evidence_is_read_as_that_of_ours(install: Install) -> None:
    install(acme="file", table="table")

    assert [providers.evidence(name).sources for name in ("acme", "table")] == [(), ()]


@pytest.mark.parametrize(
    ("attribute", "what"),
    [
        ("missing", "cannot be loaded: AttributeError"),
        ("absent", "cannot be loaded: FileNotFoundError"),
        ("number", "is a int"),
    ],
)
def test_what_is_no_provider_is_told_with_where_it_is_from(install: Install, attribute: str, what: str) -> None:
    install(acme=attribute)

    with pytest.raises(SettingsError) as caught:
        providers.provider("acme")

    assert caught.value.message == f"the provider acme, which acme_social:{attribute} brings, {what}"


def test_a_provider_has_the_name_of_its_entry_point(install: Install) -> None:
    install(acme="other")

    with pytest.raises(SettingsError) as caught:
        providers.provider("acme")

    assert caught.value.message == "acme (of acme-social).name is 'other'"
