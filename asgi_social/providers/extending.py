"""A provider that is another one but for a few keys: ``extends = "github"``, laid over that file before it is read."""

from collections.abc import Callable, Collection, Mapping, Sequence

from asgi_social.errors import SettingsError
from asgi_social.providers.table import guess

# What is said of one file, and of none that extends it.
_OF_ITS_OWN = frozenset({"name", "title", "sources", "quirks", "exchange", "retired"})
# Where false is a word of the format, and takes nothing away.
_OR_FALSE = frozenset({"refresh", "email_verified"})


def whole(
    values: Mapping[str, object],
    *,
    place: str,
    read: Callable[[str], Mapping[str, object] | None],
    known: Callable[[], Collection[str]],
    seen: frozenset[str] = frozenset(),
) -> Mapping[str, object]:
    """Lay a file over the one that it extends, and that over its own, one level deep or more.

    Args:
        values: The file, as parsed.
        place: Its name, for errors.
        read: Gives the file of a name, None where there is none.
        known: Gives the names that there are, for errors.
        seen: Those that it is a base of; for the call of itself.

    Raises:
        SettingsError: There is no such file, or it extends this one.
    """
    if "extends" not in values:
        return values
    wanted, seen = values["extends"], seen | {str(values.get("name"))}
    base = read(wanted) if isinstance(wanted, str) and wanted not in seen else None
    if base is None:
        left = set(known()) - seen
        what = "which extends it" if str(wanted) in seen else f"which the catalogue has not{guess(str(wanted), left)}"
        raise SettingsError(
            f"{place}.extends is {wanted!r}, {what}",
            hint="name another provider of the catalogue",
            setting=f"{place}.extends",
            allowed=", ".join(sorted(left)),
        )
    return extended(values, whole(base, place=f"{wanted}.toml", read=read, known=known, seen=seen))


def extended(values: Mapping[str, object], base: Mapping[str, object]) -> dict[str, object]:
    """Lay a file over the one that it extends.

    Args:
        values: The file that says ``extends``.
        base: The other, with what it extends itself.

    Returns:
        The whole provider: tables are merged key by key, arrays of tables by their ``id``, or one behind the other;
        whatever else the file says stands in the place of the base's, and false takes it away.

    >>> extended({"name": "own", "userinfo": {"path": False}}, {"name": "base", "userinfo": {"url": "a", "path": "b"}})
    {'userinfo': {'url': 'a'}, 'name': 'own'}
    """
    inherited = {key: value for key, value in base.items() if key not in _OF_ITS_OWN}
    if inherited.get("code") is True:  # whose module that is
        inherited["code"] = base["name"]
    return _merged({key: value for key, value in values.items() if key != "extends"}, inherited)


def _merged(values: Mapping[str, object], base: Mapping[str, object]) -> dict[str, object]:
    found = dict(base)
    for key, value in values.items():
        old = base.get(key)
        if value is False and key in base and not isinstance(old, bool) and key not in _OR_FALSE:
            del found[key]
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            found[key] = _merged(value, old)
        elif isinstance(value, list) and isinstance(old, list) and _are_tables(value) and _are_tables(old):
            found[key] = _joined(value, old)
        else:
            found[key] = value
    return found


def _are_tables(values: Sequence[object]) -> bool:
    return all(isinstance(one, Mapping) for one in values)


def _joined(values: Sequence[Mapping[str, object]], base: Sequence[Mapping[str, object]]) -> list[object]:
    """Merge two arrays of tables: who has the ``id`` of one is laid over it, the others follow."""
    known = {_id_of(one) for one in base} - {""}
    over = {_id_of(one): one for one in values if _id_of(one) in known}
    return [
        *(_merged(over.get(_id_of(one), {}), one) for one in base),
        *(one for one in values if _id_of(one) not in known),
    ]


def _id_of(table: Mapping[str, object]) -> str:
    found = table.get("id")
    return found if isinstance(found, str) else ""
