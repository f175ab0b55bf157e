"""The catalogue: one TOML for each provider; a file is read and parsed only when a backend of it is configured."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path as FilePath
from pkgutil import get_data

from asgi_social.errors import SettingsError
from asgi_social.protocols.provider import Provider
from asgi_social.providers.evidence import Evidence, evidence_from
from asgi_social.providers.extending import whole
from asgi_social.providers.installed import installed, loaded, place_of
from asgi_social.providers.lines import line_of
from asgi_social.providers.parse import provider_from
from asgi_social.providers.quick import QUICK, found_in
from asgi_social.providers.table import nearest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LISTED = "asgi-social providers lists them"


def names() -> list[str]:
    """Give the name of every provider of the catalogue, sorted."""
    return list(_names())


def all_names() -> list[str]:
    """Give the names of the catalogue, and of those that other packages bring, sorted."""
    return sorted({*_names(), *installed()})


@cache
def _names() -> tuple[str, ...]:
    found = files("asgi_social.providers").iterdir()
    return tuple(sorted(one.name.removesuffix(".toml") for one in found if one.name.endswith(".toml")))


@cache
def provider(name: str) -> Provider:
    """Give a provider of the catalogue, or one that another package brings, which cannot take the place of ours.

    Raises:
        SettingsError: There is none of this name, or its data cannot be read.
    """
    ours = _file(name)
    if ours is not None:
        return _provider_of(ours, of_catalogue=True)
    if name not in installed():
        near = nearest(name, all_names())
        raise SettingsError(
            f"no provider is called {name!r}",
            hint=f"did you mean {near!r}?" if near else f"there are {len(all_names())}; {_LISTED}",
            setting="provider",
            allowed=_LISTED,
        )
    found = _provider_of(_of_package(name))
    if found.name != name:
        raise SettingsError(
            f"{place_of(name)}.name is {found.name!r}",
            hint="a provider has the name of its entry point",
            setting=f"{place_of(name)}.name",
            allowed=name,
        )
    return found


def evidence(name: str) -> Evidence:
    """Give what the file of a provider is made from.

    Raises:
        SettingsError: Its data cannot be read.
    """
    file = _file(name) or _of_package(name)
    if file.text and "sources" not in file.values:  # the quick form leaves them out
        file = _parsed(file.text, file.place)
    return evidence_from(file.values, place=file.place)


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
    return _provider_of(_parsed(text, file))


def provider_of_table(table: Mapping[str, object], *, place: str) -> Provider:
    """Give a provider of the app's own, written inline in the settings.

    Raises:
        SettingsError: Its data cannot be read.
    """
    return _provider_of(_File(place=place, values=table))


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A provider as somebody wrote it; without a text where it is a table.

    Attributes:
        place: Its name, for errors.
        values: What it says.
        text: As it was written.
        is_quick: Whether the values are of the quick form, into which nothing gets that was not checked.
    """

    place: str
    values: Mapping[str, object]
    text: str = ""
    is_quick: bool = False


def _provider_of(file: _File, *, of_catalogue: bool = False) -> Provider:
    try:
        if "code" in file.values and not of_catalogue:
            raise SettingsError(
                f"{file.place}.code is for providers of the catalogue",
                hint="leave it out; a provider of your own that extends one with code has its steps",
                setting=f"{file.place}.code",
                allowed="nothing",
            )
        values = whole(file.values, place=file.place, read=_values, known=names)
        return provider_from(values, place=file.place, is_checked=file.is_quick and values is file.values)
    except SettingsError as error:
        raise _with_line(error, file) from None


def _with_line(error: SettingsError, file: _File) -> SettingsError:
    """Say on which line of a file a mistake is."""
    if not file.text or not error.message.startswith(f"{error.setting} "):
        return error
    dotted = error.setting.removeprefix(f"{file.place}.")
    line = line_of(file.text, dotted)
    at = file.place if line is None else f"{file.place}, line {line}"
    message = f"{at}: {dotted}{error.message.removeprefix(error.setting)}"
    return SettingsError(message, hint=error.hint, setting=error.setting, allowed=error.allowed)


@lru_cache(maxsize=4)  # for those who read a provider and then its evidence; what an app has is kept as parsed
def _file(name: str) -> _File | None:
    """Give a file of the catalogue, or None where there is none of this name."""
    if _NAME.fullmatch(name) is None:
        return None
    raw = _bytes_of(f"{name}.toml")
    if raw is None:
        return None
    place, text, values = f"{name}.toml", raw.decode(), found_in(_quick(), name, raw)
    file = _parsed(text, place) if values is None else _File(place=place, values=values, text=text, is_quick=True)
    # Some file systems find github.toml under another spelling.
    return file if file.values.get("name") == name else None


def _values(name: str) -> Mapping[str, object] | None:
    file = _file(name)
    return None if file is None else file.values


@cache
def _quick() -> bytes:
    return _bytes_of(QUICK) or b""


def _bytes_of(file: str) -> bytes | None:
    """Read a file of this folder; ``importlib.resources`` would take longer to load than ten providers to read."""
    try:
        return get_data("asgi_social.providers", file)
    except FileNotFoundError:
        return None


def _of_package(name: str) -> _File:
    found, place = loaded(name), place_of(name)
    return _parsed(found, place) if isinstance(found, str) else _File(place=place, values=found)


def _parsed(text: str, place: str) -> _File:
    try:
        return _File(place=place, values=tomllib.loads(text), text=text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{place} is not TOML: {error}", hint="mend the line", setting="provider", allowed="TOML"
        ) from None
