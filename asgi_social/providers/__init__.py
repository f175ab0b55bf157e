"""The catalogue: one TOML for each provider; a file is read and parsed only when a backend of it is configured."""

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path as FilePath

from asgi_social.errors import SettingsError
from asgi_social.protocols.provider import Provider
from asgi_social.providers.evidence import Evidence, evidence_from
from asgi_social.providers.extending import whole
from asgi_social.providers.parse import provider_from
from asgi_social.providers.table import nearest


def names() -> list[str]:
    """Give the name of every provider of the catalogue, sorted."""
    return sorted(_toml_files())


@cache
def _toml_files() -> Mapping[str, Traversable]:
    return {
        entry.name.removesuffix(".toml"): entry
        for entry in files("asgi_social.providers").iterdir()
        if entry.name.endswith(".toml")
    }


@cache
def provider(name: str) -> Provider:
    """Give a provider of the catalogue.

    Raises:
        SettingsError: There is none of this name, or its data cannot be read.
    """
    if name not in _toml_files():
        near = nearest(name, _toml_files())
        raise SettingsError(
            f"no provider is called {name!r}",
            hint=f"did you mean {near!r}?" if near else f"the catalogue has: {', '.join(names())}",
            setting="provider",
            allowed=", ".join(names()),
        )
    return provider_from(
        whole(_values(name), place=f"{name}.toml", read=_values, known=_toml_files()), place=f"{name}.toml"
    )


def evidence(name: str) -> Evidence:
    """Give what the file of a provider of the catalogue is made from.

    Raises:
        SettingsError: Its data cannot be read.
    """
    return evidence_from(_values(name), place=f"{name}.toml")


def provider_of_file(file: str) -> Provider:
    """Give a provider of the app's own, from a TOML file.

    Raises:
        SettingsError: The file cannot be read, or its data cannot.
    """
    try:
        text = FilePath(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the provider file {file} cannot be read: {type(error).__name__}",
            hint="give the path of a TOML file",
            setting="provider",
            allowed="a name of the catalogue, a path that ends in .toml, or a table",
        ) from error
    return provider_of_table(_parsed(text, file), place=file)


def provider_of_table(table: Mapping[str, object], *, place: str) -> Provider:
    """Give a provider of the app's own, written inline in the settings.

    Raises:
        SettingsError: Its data cannot be read.
    """
    if "code" in table:
        raise SettingsError(
            f"{place}.code is for providers of the catalogue",
            hint="leave it out; a provider of your own that extends one with code has its steps",
            setting=f"{place}.code",
            allowed="nothing",
        )
    return provider_from(whole(table, place=place, read=_values, known=_toml_files()), place=place)


@lru_cache(maxsize=4)  # for those who read a provider and then its evidence; what an app has is kept as parsed
def _values(name: str) -> dict[str, object]:
    return _parsed(_toml_files()[name].read_text(encoding="utf-8"), f"{name}.toml")


def _parsed(text: str, place: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{place} is not TOML: {error}", hint="mend the line", setting="provider", allowed="TOML"
        ) from None
