"""Reading a TOML table key by key: each is asked for with its kind, and one that nobody asked for is an error."""

import difflib
from collections.abc import Callable, Mapping
from typing import TypeVar, cast, get_args

from asgi_social.errors import SettingsError
from asgi_social.expressions import ExpressionError, Path, Template, path, template

T = TypeVar("T")


class Table:
    """One table of a provider's file, with its dotted place for errors."""

    def __init__(self, values: Mapping[str, object], *, place: str) -> None:
        self._values = dict(values)
        self._known: set[str] = set()
        self._place = place

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str) -> str | None:
        """Give a text, or None where the key is absent."""
        return self._typed(key, str)

    def required_text(self, key: str) -> str:
        """Give a text; absent is an error."""
        value = self._typed(key, str)
        if value is None:
            raise self.wrong(key, "is missing", "a text")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Give true or false."""
        value = self._typed(key, bool)
        return default if value is None else value

    def number(self, key: str) -> int | None:
        """Give a whole number, or None where the key is absent."""
        return self._typed(key, int)

    def texts(self, key: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Give a list of texts."""
        value = self._typed(key, list)
        if value is None:
            return default
        if not all(isinstance(one, str) for one in value):
            raise self.wrong(key, "holds something else than texts", "a list of texts")
        return tuple(value)

    def numbers(self, key: str, *, default: tuple[int, ...]) -> tuple[int, ...]:
        """Give a list of whole numbers."""
        value = self._typed(key, list)
        return default if value is None else tuple(value)

    def choice(self, key: str, kind: object, *, default: str) -> str:
        """Give one of the texts of a ``Literal``."""
        allowed = cast(tuple[str, ...], get_args(kind))
        value = self._typed(key, str)
        if value is not None and value not in allowed:
            raise self.wrong(key, f"is {value!r}", " or ".join(allowed))
        return value or default

    def template(self, key: str) -> Template | None:
        """Give what is sent, compiled, or None where the key is absent."""
        value = self._typed(key, str)
        return None if value is None else self._compiled(key, value, template)

    def path(self, key: str, *, default: str | None = None) -> Path | None:
        """Give what is read, compiled; the default's where the key is absent."""
        value = self._typed(key, str) or default
        return None if value is None else self._compiled(key, value, path)

    def templates(self, key: str) -> dict[str, Template]:
        """Give a table of what is sent, compiled."""
        return {name: self._compiled(f"{key}.{name}", text, template) for name, text in self.mapping(key).items()}

    def mapping(self, key: str) -> dict[str, str]:
        """Give a table of texts."""
        value = self._typed(key, dict) or {}
        for name, text in value.items():
            if not isinstance(text, str):
                raise self.wrong(f"{key}.{name}", "is not a text", "a text")
        return dict(value)

    def table(self, key: str) -> "Table":
        """Give a table within; an empty one where the key is absent."""
        return Table(self._typed(key, dict) or {}, place=f"{self._place}.{key}")

    def tables(self, key: str) -> list["Table"]:
        """Give an array of tables."""
        value = self._typed(key, list) or []
        if not all(isinstance(one, dict) for one in value):
            raise self.wrong(key, "is not an array of tables", "[[…]]")
        return [Table(one, place=f"{self._place}.{key}[{index}]") for index, one in enumerate(value)]

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
                near = difflib.get_close_matches(key, self._known, n=1)
                raise self.wrong(
                    key,
                    "is not known" + (f", did you mean {near[0]!r}?" if near else ""),
                    ", ".join(sorted(self._known)),
                )

    def wrong(self, key: str, what: str, allowed: str) -> SettingsError:
        """Make the error for a key."""
        return SettingsError(
            f"{self._place}.{key} {what}",
            hint=f"the provider format allows: {allowed}",
            setting=f"{self._place}.{key}",
            allowed=allowed,
        )

    def _typed(self, key: str, kind: type[T]) -> T | None:
        value = self.raw(key)
        if value is None or type(value) is kind:
            return value
        raise self.wrong(key, f"is a {type(value).__name__}", f"a {kind.__name__}")

    def _compiled(self, key: str, text: str, compile_: Callable[[str], T]) -> T:
        try:
            return compile_(text)
        except ExpressionError as error:
            raise self.wrong(key, f"cannot be read: {error}", "a template or path expression") from None
