"""Reading a TOML table: which keys it has and of which kind is data, and a key that is not among them is an error.

A file is checked, then made into what the engine uses. Of the catalogue's own files the first was done beforehand.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast, get_args

from asgi_social.errors import SettingsError
from asgi_social.expressions import ExpressionError, Path, Template, template
from asgi_social.protocols.provider import Protocol

T = TypeVar("T")

# What the engine gives to templates; see ``protocols.client.values``.
STANDARD_NAMES = frozenset(
    {"client_id", "client_secret", "redirect_uri", "scope", "code", "access_token", "refresh_token", "uid", "now"}
)
STANDARD_ROOTS = frozenset({"setting", "callback", "token", "claim", "userinfo"})
STANDARD_ANSWERS = frozenset({"token", "id", "userinfo", "answer"})
# The same few stand in many files, and none of them is ever changed.
compiled_template = lru_cache(maxsize=2048)(template)
_ROOT = re.compile(r"\$(@?\w[\w-]*)")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_KINDS = {str: "text", bool: "true or false", int: "whole number", list: "list", dict: "table"}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that a misspelt one is nearest to, or None where none is near."""
    return next(iter(difflib.get_close_matches(str(name), list(map(str, known)), n=1)), None)


def guess(name: str, known: Iterable[str]) -> str:
    """Give ``, did you mean 'x'?`` for the nearest known name, or nothing.

    >>> guess("client_di", ["client_id", "scope"])
    ", did you mean 'client_id'?"
    """
    near = nearest(name, known)
    return f", did you mean {near!r}?" if near else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What holds for all tables of one file: what its expressions may name, beside what the engine gives.

    Attributes:
        protocol: Its ``protocol``, on which defaults depend.
        variables: Its ``[vars]``; they alone may say which host a request goes to.
        calculations: Its ``[calc]``.
        requests: The ids of its ``[[userinfo.requests]]``, whose answers are roots of paths.
        templates: Gets each template of the file, as it is made.
    """

    protocol: Protocol = "oauth2"
    variables: frozenset[str] = frozenset()
    calculations: frozenset[str] = frozenset()
    requests: frozenset[str] = frozenset()
    templates: list[Template] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Names":
        """Read the names that a file makes, before anything else of it is checked."""
        requests, protocol = _keys(values.get("userinfo")).get("requests"), values.get("protocol")
        return cls(
            protocol=cast(Protocol, protocol) if protocol in get_args(Protocol) else "oauth2",
            variables=frozenset(_keys(values.get("vars"))),
            calculations=frozenset(_keys(values.get("calc"))),
            requests=frozenset(str(_keys(one).get("id")) for one in (requests if isinstance(requests, list) else [])),
        )

    def unknown_in(self, compiled: Template | Path) -> tuple[str, Iterable[str]] | None:
        """Give the first name that nothing fills, with those that there are; None where all are known."""
        if isinstance(compiled, Path):
            if "$" not in compiled.source:
                return None
            known = STANDARD_ANSWERS | self.requests
            found = _ROOT.findall(_QUOTED.sub("", compiled.source))
            return next(((f"${name}", [f"${one}" for one in known]) for name in found if name not in known), None)
        if compiled.names <= STANDARD_NAMES:  # as most are
            return None
        known, roots = STANDARD_NAMES | self.variables | self.calculations, STANDARD_ROOTS | self.requests
        for name in sorted(compiled.names):
            root, _, rest = name.partition(".")
            if root not in (roots if rest else known):
                return f"{{{name}}}", [*(f"{{{one}}}" for one in known), *(f"{{{one}.…}}" for one in roots)]
        return None


class Table:
    """One table of a provider's file, with its dotted place for errors."""

    __slots__ = ("names", "place", "values")

    def __init__(self, values: Mapping[str, object], *, place: str, names: Names) -> None:
        self.values = values
        self.place = place
        self.names = names

    def within(self, key: str, value: object) -> "Table":
        """Give a table that stands under a key."""
        return Table(self.typed(key, value, dict), place=f"{self.place}.{key}", names=self.names)

    def each(self, key: str, value: object) -> list["Table"]:
        """Give an array of tables that stands under a key."""
        found = self.listed(key, value, dict)
        return [Table(one, place=f"{self.place}.{key}[{index}]", names=self.names) for index, one in enumerate(found)]

    def typed(self, key: str, value: object, kind: type[T]) -> T:
        """Give a value that is of this kind; another is an error."""
        if type(value) is kind:
            return value
        raise self.wrong(key, f"is a {_kind_of(value)}", f"a {_KINDS[kind]}")

    def listed(self, key: str, value: object, kind: type[T]) -> list[T]:
        """Give a list of values of this kind."""
        values = self.typed(key, value, list)
        for one in values:
            if type(one) is not kind:
                raise self.wrong(key, f"holds a {_kind_of(one)}", f"a list in which each is a {_KINDS[kind]}")
        return values

    def require_among(self, key: str, value: str, allowed: Iterable[str]) -> None:
        """Raise for a text that is not among those allowed."""
        if value not in allowed:
            known = sorted(allowed)
            raise self.wrong(key, f"is {value!r}{guess(value, known)}", " or ".join(known))

    def require(self, *keys: str, known: Iterable[str] = ()) -> None:
        """Raise unless all these keys are there; another one, not among the known, may have been meant for one."""
        for key in keys:
            if self.values.get(key) in (None, ""):
                near = nearest(key, self.values.keys() - {key, *known})
                meant = f"; is {near!r} meant for it?" if near else ""
                raise self.wrong(key, f"is missing{meant}", "see docs/reference/provider_format.md")

    def forbid(self, names: Iterable[str], taken: frozenset[str]) -> None:
        """Raise where one of the names means something else already."""
        for name in taken & set(names):
            raise self.wrong(name, "is the name of something else", "another name")

    def compiled(self, key: str, text: str, compile_: Callable[[str], T]) -> T:
        """Compile what is sent or read; what cannot be, or names something that there is not, is an error."""
        try:
            compiled = compile_(text)
        except ExpressionError as error:
            raise self.wrong(key, f"cannot be read: {error}", "a template, or a path expression") from None
        unknown = self.names.unknown_in(cast("Template | Path", compiled))
        if unknown is not None:
            name, known = unknown
            raise self.wrong(key, f"names {name}, which is not known{guess(name, known)}", ", ".join(sorted(known)))
        return compiled

    def unknown(self, key: str, known: Iterable[str]) -> SettingsError:
        """Make the error for a key that there is not: a typing mistake must not become a silent default."""
        return self.wrong(key, f"is not known{guess(key, known)}", ", ".join(sorted(known)))

    def wrong(self, key: str, what: str, allowed: str) -> SettingsError:
        """Make the error for a key."""
        return SettingsError(
            f"{self.place}.{key} {what}",
            hint=f"the provider format allows: {allowed}",
            setting=f"{self.place}.{key}",
            allowed=allowed,
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        check: Raises where what stands under a key is no such value.
        make: Gives a checked value as the engine uses it; None: as it stands.
    """

    check: Callable[[Table, str, Any], object]
    make: Callable[[Any, Names], Any] | None = None


class Record(Generic[T]):
    """A table of the format: its keys with their kinds, and what is made from them."""

    def __init__(
        self,
        make: Callable[..., T],
        keys: Mapping[str, Kind],
        *,
        named: Mapping[str, str] | None = None,
        several: Iterable[str] = (),
        required: tuple[str, ...] = (),
    ) -> None:
        """Describe a table.

        Args:
            make: Takes what was read, by keyword; what the file leaves out is its default.
            keys: Of which kind each is.
            named: What ``make`` calls those that it calls otherwise.
            several: Those whose kind makes several of ``make``'s arguments, by name.
            required: Those that must be there.
        """
        self._make = make
        self._keys = keys
        self._required = required
        attributes = {**dict(zip(keys, keys, strict=True)), **(named or {}), **dict.fromkeys(several)}
        self._plan = {key: (attributes[key], kind.make) for key, kind in keys.items()}

    def check(self, table: Table) -> None:
        """Raise for a key that is missing, unknown or of another kind."""
        if self._required:
            table.require(*self._required, known=self._keys)
        for key, value in table.values.items():
            kind = self._keys.get(key)
            if kind is None:
                raise table.unknown(key, self._keys)
            if value is not None:  # as an inline table may have it
                kind.check(table, key, value)

    def made(self, values: Mapping[str, Any], names: Names, **known: Any) -> T:
        """Make what a checked table says; ``known`` holds arguments for what it may leave out."""
        plan = self._plan
        for key, value in values.items():
            attribute, make = plan[key]
            if value is None:
                continue
            if make is not None:
                value = make(value, names)
            if attribute is None:
                known.update(value)
            else:
                known[attribute] = value
        return self._make(**known)


def _keys(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _kind_of(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)
