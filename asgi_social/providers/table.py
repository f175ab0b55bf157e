"""Reading a TOML table key by key: each is asked for with its kind, and one that nobody asked for is an error."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar, cast, get_args

from asgi_social.errors import SettingsError
from asgi_social.expressions import ExpressionError, Path, Template, path, template
from asgi_social.protocols.host import HOST_GRAMMAR, host_pattern

T = TypeVar("T")

# What the engine gives to templates; see ``protocols.client.values``.
STANDARD_NAMES = frozenset(
    {"client_id", "client_secret", "redirect_uri", "scope", "code", "access_token", "refresh_token", "uid", "now"}
)
STANDARD_ROOTS = frozenset({"setting", "callback", "token", "claim", "userinfo"})
STANDARD_ANSWERS = frozenset({"token", "id", "userinfo", "answer"})
# The same few paths stand in most files, and none of them is ever changed.
_template, _path = lru_cache(maxsize=2048)(template), lru_cache(maxsize=2048)(path)
_ROOT = re.compile(r"\$(@?\w[\w-]*)")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_AFTER_HOST = re.compile(r"[/?#]")
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
    """What the expressions of one file may name, beside what the standard and the engine give.

    Attributes:
        variables: Its ``[vars]``; they alone may say which host a request goes to.
        calculations: Its ``[calc]``.
        requests: The ids of its ``[[userinfo.requests]]``, whose answers are roots of paths.
        templates: Gets each template of the file, as it is read.
    """

    variables: frozenset[str] = frozenset()
    calculations: frozenset[str] = frozenset()
    requests: frozenset[str] = frozenset()
    templates: list[Template] = field(default_factory=list, compare=False)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Names":
        """Read the names that a file makes, before anything else of it is checked."""
        userinfo = _keys(values.get("userinfo"))
        requests = userinfo.get("requests")
        return cls(
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
        if not compiled.names:
            return None
        known = STANDARD_NAMES | self.variables | self.calculations
        for name in sorted(compiled.names):
            root, _, rest = name.partition(".")
            roots = STANDARD_ROOTS | self.requests
            if root not in (roots if rest else known):
                return f"{{{name}}}", [*(f"{{{one}}}" for one in known), *(f"{{{one}.…}}" for one in roots)]
        return None


class Table:
    """One table of a provider's file, with its dotted place for errors."""

    def __init__(self, values: Mapping[str, object], *, place: str, names: Names) -> None:
        self._values = values
        self._known: set[str] = set()
        self._place = place
        self._names = names

    def __bool__(self) -> bool:
        """Say whether anything stands in it; of most tables in most files nothing does."""
        return bool(self._values)

    def __contains__(self, key: str) -> bool:
        self._known.add(key)
        return key in self._values

    def require(self, *keys: str) -> None:
        """Raise unless all these keys are there."""
        for key in keys:
            if self._values.get(key) in (None, ""):
                near = nearest(key, (one for one in self._values if one not in self._known and one != key))
                meant = f"; is {near!r} meant for it?" if near else ""
                raise self.wrong(key, f"is missing{meant}", "see docs/reference/provider_format.md")

    def forbid(self, names: Iterable[str], taken: frozenset[str]) -> None:
        """Raise where one of the names means something else already."""
        for name in taken & set(names):
            raise self.wrong(name, "is the name of something else", "another name")

    def text(self, key: str) -> str | None:
        """Give a text, or None where the key is absent."""
        return self._typed(key, str)

    def required_text(self, key: str) -> str:
        """Give a text; absent or empty is an error."""
        self.require(key)
        return self._typed(key, str) or ""

    def pattern(self, key: str) -> str | None:
        """Give a regular expression, or None where the key is absent."""
        text = self.text(key)
        if text is None:
            return None
        try:
            re.compile(text)
        except re.error as error:
            raise self.wrong(key, f"is no regular expression: {error}", "a regular expression") from None
        return text

    def flag(self, key: str, *, default: bool) -> bool:
        """Give true or false."""
        value = self._typed(key, bool)
        return default if value is None else value

    def number(self, key: str) -> int | None:
        """Give a whole number, or None where the key is absent."""
        return self._typed(key, int)

    def numbers(self, key: str, *, default: tuple[int, ...]) -> tuple[int, ...]:
        """Give a list of whole numbers."""
        return self._listed(key, int) if key in self else default

    def texts(self, key: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Give a list of texts."""
        return self._listed(key, str) if key in self else default

    def choices(self, key: str, allowed: Iterable[str], *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Give a list of texts, each among those allowed."""
        return tuple(self._among(key, one, allowed) for one in self.texts(key, default=default))

    def choice(self, key: str, kind: object, *, default: str) -> str:
        """Give one of the texts of a ``Literal``."""
        value = self._typed(key, str)
        return default if value is None else self._among(key, value, cast("tuple[str, ...]", get_args(kind)))

    def way(self, key: str, words: Iterable[str], *, prefixes: tuple[str, ...], default: str) -> str:
        """Give one of the words, or a text that begins with one of the prefixes and goes on."""
        value = self._typed(key, str)
        if value is None or any(value.startswith(prefix) and value != prefix for prefix in prefixes):
            return value or default
        return self._among(key, value, [*words, *(f"{prefix}…" for prefix in prefixes)])

    def template(self, key: str) -> Template | None:
        """Give what is sent, compiled, or None where the key is absent."""
        value = self._typed(key, str)
        return None if value is None else self._compiled(key, value, _template)

    def required_template(self, key: str) -> Template:
        """Give what is sent, compiled; absent or empty is an error."""
        return self._compiled(key, self.required_text(key), _template)

    def address(self, key: str, *, led: bool = False) -> Template | None:
        """Give an address, compiled; which host it leads to must not be for an answer to say.

        Args:
            key: Which.
            led: Whether an answer may say how it begins, because the hosts that it may lead to are told besides.
        """
        url = self.template(key)
        if url is None or not url.names or (led and url.source.startswith("{")):
            return url
        host = _AFTER_HOST.split(url.source.partition("://")[2] or url.source)[0]
        for name in template(host).names - self._names.variables:
            raise self.wrong(key, f"lets {{{name}}} choose the host", "only [vars] before the path")
        return url

    def templates(self, key: str) -> dict[str, Template]:
        """Give a table of what is sent, compiled."""
        return {name: self._compiled(f"{key}.{name}", text, _template) for name, text in self.mapping(key).items()}

    def template_list(self, key: str) -> tuple[Template, ...]:
        """Give a list of what is sent, compiled."""
        return tuple(self._compiled(key, text, _template) for text in self.texts(key))

    def hosts(self, key: str) -> tuple[Template, ...]:
        """Give a list of hosts, compiled; where a token goes must not be for an answer to say."""
        found = self.template_list(key) if key in self else ()
        for one in found:
            for name in one.names - self._names.variables:
                raise self.wrong(key, f"lets {{{name}}} choose the host", "only [vars]")
            if host_pattern(one.render(dict.fromkeys(one.names, "x.example")) or "") is None:
                raise self.wrong(key, f"holds {one.source!r}, which is no host", HOST_GRAMMAR)
        return found

    def path(self, key: str, *, default: str | None = None) -> Path | None:
        """Give what is read, compiled; the default's where the key is absent."""
        value = self._typed(key, str)
        value = default if value is None else value
        return None if value is None else self._compiled(key, value, _path)

    def required_path(self, key: str, *, default: str) -> Path:
        """Give what is read, compiled; the default's where the key is absent."""
        value = self._typed(key, str)
        return self._compiled(key, default if value is None else value, _path)

    def conditions(self, key: str) -> tuple[tuple[Path, str], ...]:
        """Give a table of what is read, compiled, with the text that each must be."""
        wanted = self.mapping(key)
        return tuple((self._compiled(f"{key}.{source}", source, _path), text) for source, text in wanted.items())

    def mapping(self, key: str) -> dict[str, str]:
        """Give a table of texts."""
        value = self._typed(key, dict)
        if not value:
            return {}
        for name, text in value.items():
            if not isinstance(text, str):
                raise self.wrong(f"{key}.{name}", f"is a {_kind_of(text)}", "a text")
        return dict(value)

    def table(self, key: str) -> "Table":
        """Give a table within; an empty one where the key is absent."""
        return Table(self._typed(key, dict) or {}, place=f"{self._place}.{key}", names=self._names)

    def items(self, key: str) -> list[object]:
        """Give a list as it stands, whose elements are of several kinds."""
        return list(self._typed(key, list) or [])

    def tables(self, key: str) -> list["Table"]:
        """Give an array of tables."""
        found = self._listed(key, dict) if key in self else ()
        return [Table(one, place=f"{self._place}.{key}[{index}]", names=self._names) for index, one in enumerate(found)]

    def names(self) -> list[str]:
        """Give every key of the table, in the file's order, for tables whose keys are free."""
        return list(self._values)

    def raw(self, key: str) -> object:
        """Give a value as it stands, for a key of several kinds."""
        self._known.add(key)
        return self._values.get(key)

    def done(self) -> None:
        """Raise for the first key that nobody asked for: a typing mistake must not become a silent default."""
        for key in self._values:
            if key not in self._known:
                raise self.wrong(key, f"is not known{guess(key, self._known)}", ", ".join(sorted(self._known)))

    def wrong(self, key: str, what: str, allowed: str) -> SettingsError:
        """Make the error for a key."""
        return SettingsError(
            f"{self._place}.{key} {what}",
            hint=f"the provider format allows: {allowed}",
            setting=f"{self._place}.{key}",
            allowed=allowed,
        )

    def _typed(self, key: str, kind: type[T]) -> T | None:
        self._known.add(key)
        value = self._values.get(key)
        if value is None or type(value) is kind:
            return value
        raise self.wrong(key, f"is a {_kind_of(value)}", f"a {_KINDS[kind]}")

    def _listed(self, key: str, kind: type[T]) -> tuple[T, ...]:
        value = self._typed(key, list) or []
        for one in value:
            if type(one) is not kind:
                raise self.wrong(key, f"holds a {_kind_of(one)}", f"a list in which each is a {_KINDS[kind]}")
        return tuple(value)

    def _among(self, key: str, value: str, allowed: Iterable[str]) -> str:
        known = list(allowed)
        if value in known:
            return value
        known.sort()
        raise self.wrong(key, f"is {value!r}{guess(value, known)}", " or ".join(known))

    def _compiled(self, key: str, text: str, compile_: Callable[[str], T]) -> T:
        try:
            compiled = compile_(text)
        except ExpressionError as error:
            raise self.wrong(key, f"cannot be read: {error}", "a template, or a path expression") from None
        if isinstance(compiled, Template):
            self._names.templates.append(compiled)
        unknown = self._names.unknown_in(cast("Template | Path", compiled))
        if unknown is not None:
            name, known = unknown
            raise self.wrong(key, f"names {name}, which is not known{guess(name, known)}", ", ".join(sorted(known)))
        return compiled


def _keys(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _kind_of(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)
