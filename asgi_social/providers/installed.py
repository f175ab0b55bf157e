"""Providers that other packages bring, by the entry points of the group ``asgi_social.providers``.

The name of an entry point is that of the provider; what it loads is the path of a TOML file, such a file as
``importlib.resources`` gives it, or a table. To look for them costs more than to start an app, so they are looked for
only where a name is none of the catalogue's, or all names are asked for.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources.abc import Traversable
from pathlib import Path

from asgi_social.errors import SettingsError

GROUP = "asgi_social.providers"


@cache
def installed() -> Mapping[str, EntryPoint]:
    """Give the entry point of each provider that a package brings."""
    return {one.name: one for one in entry_points(group=GROUP)}


def loaded(name: str) -> str | Mapping[str, object]:
    """Give what a package says of its provider: the text of a TOML file, or a table.

    Raises:
        SettingsError: It cannot be loaded, or is something else.
    """
    point = installed()[name]
    try:
        found = point.load()
        if isinstance(found, str):
            found = Path(found)
        return found if isinstance(found, Mapping) else _text(found, point)
    except (ImportError, AttributeError, OSError, UnicodeDecodeError) as error:
        raise _unusable(point, f"cannot be loaded: {type(error).__name__}") from error


def place_of(name: str) -> str:
    """Name the package that brings a provider, for errors."""
    point = installed()[name]
    return f"{name} (of {point.dist.name if point.dist else point.value})"


def _text(found: object, point: EntryPoint) -> str:
    if not isinstance(found, Traversable):
        raise _unusable(point, f"is a {type(found).__name__}")
    return found.read_text(encoding="utf-8")


def _unusable(point: EntryPoint, what: str) -> SettingsError:
    return SettingsError(
        f"the provider {point.name}, which {point.value} brings, {what}",
        hint="an entry point of a provider loads the path of a TOML file, or a table",
        setting="provider",
        allowed="a path as text, a file of importlib.resources, or a table",
    )
