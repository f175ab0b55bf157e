"""The two small languages of a provider's file: templates say what is sent, paths what is read.

Both are parsed when a file is loaded, where a mistake is an :class:`ExpressionError`; from then on nothing raises,
whatever a provider answers. Neither has arithmetic, regular expressions or loops. A path is one of these::

    expr   = alt *( "|" alt )              the first that is neither null nor ""
    alt    = path / "'" text "'" / text with at least one "{" expr [ "?" ] "}", within which there is no other
    path   = ( [ "$" root [ "[" pick "]" ] "." ] step *( "." step ) / "$" root "[" pick "]" ) *( ":" filter )
    step   = ( name / DQUOTE any DQUOTE / "*" ) *( "[" pick "]" )
    pick   = int / cond *( "," cond )      one element, or the first object that meets all
    cond   = name / "!" name / name "=" text / name "~" text
    filter = "before(" text ")" / "after(" text ")" / "unquote" / "localized" / "lower" / "str" / "bool"
    name   = letters, digits, "_" and "-", with or without "@" in front
"""

import json
import math
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Literal, TypeAlias, TypeVar, assert_never, cast
from urllib.parse import quote, unquote

T = TypeVar("T")
MAX_SOURCE_CHARACTERS = 512
MAX_JSON_CHARACTERS = 64 * 1024
MAX_JSON_BRACKETS = 256

_NAME = re.compile(r"@?[A-Za-z0-9_][A-Za-z0-9_-]*")
_NAMES = re.compile(rf"{_NAME.pattern}(?:\.{_NAME.pattern})*")
_ALTERNATIVE_NAMES = re.compile(rf"{_NAMES.pattern}(?:\|{_NAMES.pattern})*")
_PLACEHOLDER = re.compile(rf"\{{({_NAME.pattern}(?:\.{_NAME.pattern})*)\}}")
_SENT_TEXT = re.compile(r"(?:[^{}]|\{\{|\}\})+")
_READ_TEXT = re.compile(r"[^{}|]+")
# A "{" ahead, in this alternative and outside of quoted names, tells a text with holes from a path.
_HOLE_AHEAD = re.compile(r"""(?!')(?=(?:"[^"]*"|[^"|{}])*\{)""")
_QUOTED_TEXT = re.compile(r"'([^']*)'")
_QUOTED_NAME = re.compile(r'"([^"]+)"')
_INDEX = re.compile(r"-?[0-9]{1,4}(?=\])")
_WANTED = re.compile(r"[^],]+")
_FILTER = re.compile(r"(?:before|after)\([^)]+\)|(?:unquote|localized|lower|str|bool)(?![\w(-])")
_END = re.compile(r"\Z")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ExpressionError(ValueError):
    """A template or a path that cannot be parsed; the message names the character, from 1, and what belongs there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What is sent, parsed; :func:`template` makes one.

    Attributes:
        source: As it was written.
        names: The dotted names of the placeholders: ``client_id``, ``setting.resource``.
    """

    source: str
    parts: tuple[tuple[str, str], ...] = field(repr=False)  # a text, and the placeholder behind it or ""
    names: frozenset[str] = field(repr=False)

    def render(self, values: Mapping[str, object], *, verbatim: Container[str] | None = None) -> str | None:
        """Fill the placeholders, or give None for "not sent".

        Args:
            values: Text, numbers and booleans by name. A dotted name is looked up whole, then as a root and steps
                through mappings. A list, a mapping and any other object count as empty.
            verbatim: For a URL: the placeholders that are put in as they are, all others percent-encoded (RFC 3986
                section 2.1). None: all are put in as they are.

        Returns:
            None where a placeholder is missing, null or ``""``, and for the template ``""``, which is never sent.
        """
        texts = []
        for literal, name in self.parts:
            texts.append(literal)
            if name:
                text = _text(_named(values, name))
                if not text:
                    return None
                texts.append(text if verbatim is None or name in verbatim else quote(text, safe=""))
        return "".join(texts) or None


def template(text: str) -> Template:
    """Parse a template: text with ``{name}`` and ``{root.path}``, where ``{{`` and ``}}`` are literal braces.

    Raises:
        ExpressionError: It cannot be parsed, or has more than 512 characters.

    >>> template("https://{host}/{setting.tenant}").render({"host": "a.example", "setting": {"tenant": 7}})
    'https://a.example/7'
    """
    *pieces, last = _PLACEHOLDER.split(text)  # a text and a placeholder in turn
    parts = list(zip(pieces[::2], pieces[1::2], strict=True)) + ([(last, "")] if last else [])
    literal = "".join([*pieces[::2], last])
    if "{" not in literal and "}" not in literal and len(text) <= MAX_SOURCE_CHARACTERS:  # as most: needs no parser
        return Template(source=text, parts=tuple(parts), names=frozenset(pieces[1::2]))
    parser, parts = _Parser(text), []
    while not parser.is_done:
        literal = parser.takes(_SENT_TEXT) or ""
        name = "" if parser.is_done else parser.needs(_PLACEHOLDER, "a {name}, or a doubled brace,")
        parts.append((literal.replace("{{", "{").replace("}}", "}"), name))
    return Template(
        source=text,
        parts=tuple(parts),
        names=frozenset(name for _, name in parts if name),
    )


def _named(values: Mapping[str, object], name: str) -> object:
    value: object = values
    for key in [name] if name in values else name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


_ConditionKind: TypeAlias = Literal["true", "not", "equal", "contains"]
_Condition: TypeAlias = tuple[_ConditionKind, str, str]  # its kind, the name, the text that is wanted
_Move: TypeAlias = str | int | tuple[_Condition, ...] | None  # a key, a place in a list, conditions, ``*``
_FilterKind: TypeAlias = Literal["before", "after", "unquote", "localized", "lower", "str", "bool"]
_Filter: TypeAlias = tuple[_FilterKind, str]


@dataclass(frozen=True, slots=True)
class _Route:
    root: str
    moves: tuple[_Move, ...]
    filters: tuple[_Filter, ...]


_Plain: TypeAlias = str | _Route  # quoted text, a path
_Hole: TypeAlias = tuple[tuple[_Plain, ...], bool]  # its alternatives, and whether it may stay empty
_Alternative: TypeAlias = _Plain | tuple[str | _Hole, ...]  # or text with holes


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What is read; :func:`path` makes one. ``source`` is as it was written; it is parsed when it is first used."""

    source: str

    def read(self, answers: Mapping[str, object]) -> object:
        """Give what is found, as the provider sent it; None where nothing is found.

        Args:
            answers: JSON values by root (``token``, ``userinfo``, a request's id, …). Under ``""`` lies the merged
                answer, which a path without a root is about.

        Returns:
            The first alternative's value that is neither null nor ``""``. Where there is none: ``""`` if the
            expression ends in ``''``, else None. It raises nothing.
        """
        return _read(self.alternatives, answers)

    @property
    def alternatives(self) -> tuple[_Alternative, ...]:
        """What it is parsed into; which is kept."""
        return _alternatives(self.source)


def path(text: str) -> Path:
    """Parse a path expression.

    Raises:
        ExpressionError: It cannot be parsed, or has more than 512 characters.

    >>> path("$emails[primary].email|email|''").read({"": {"email": "a@b.example"}, "emails": None})
    'a@b.example'
    >>> path("{hub_id}:{user_id}").read({"": {"hub_id": 62515, "user_id": 123}})
    '62515:123'
    """
    _alternatives(text)
    return Path(source=text)


@lru_cache(maxsize=2048)  # many providers have the same names
def _alternatives(source: str) -> tuple[_Alternative, ...]:
    if len(source) <= MAX_SOURCE_CHARACTERS and _ALTERNATIVE_NAMES.fullmatch(source) is not None:  # needs no parser
        return tuple(_Route("", tuple(one.split(".")), ()) for one in source.split("|"))
    parser = _Parser(source)
    alternatives = parser.separated("|", parser.alternative)
    parser.needs(_END, "'|' or the end")
    return alternatives


class _Parser:
    """A source and how far it is parsed; one method for each rule of the grammar, and the means they share."""

    def __init__(self, source: str) -> None:
        if len(source) > MAX_SOURCE_CHARACTERS:
            raise ExpressionError(f"at most {MAX_SOURCE_CHARACTERS} characters are expected, not {len(source)}")
        self._source = source
        self._at = 0

    def alternative(self) -> _Alternative:
        if self.takes(_HOLE_AHEAD) is None:
            return self.plain()
        parts: list[str | _Hole] = []
        while True:
            if self.skips("{"):
                parts.append((self.separated("|", self.plain), self.skips("?")))
                self.must_skip("}")
            elif (text := self.takes(_READ_TEXT)) is not None:
                parts.append(text)
            else:
                return tuple(parts)

    def plain(self) -> _Plain:
        text = self.takes(_QUOTED_TEXT)
        return self.route() if text is None else text

    def route(self) -> _Route:
        root, moves = "", list[_Move]()
        if self.skips("$"):
            root = self.needs(_NAME, "a root")
            if self.skips("["):
                moves.append(self.pick())
            if not moves or self._source.startswith(".", self._at):
                self.must_skip(".")
                moves += [move for step in self.separated(".", self.step) for move in step]
        else:
            moves += [move for step in self.separated(".", self.step) for move in step]
        filters = self.separated(":", self.filter) if self.skips(":") else ()
        return _Route(root, tuple(moves), filters)

    def step(self) -> list[_Move]:
        key = self.takes(_QUOTED_NAME)
        if key is None and not self.skips("*"):
            key = self.needs(_NAME, "a name, a quoted name or '*'")
        moves: list[_Move] = [key]
        while self.skips("["):
            moves.append(self.pick())
        return moves

    def pick(self) -> int | tuple[_Condition, ...]:
        number = self.takes(_INDEX)
        pick = self.separated(",", self.condition) if number is None else int(number)
        self.must_skip("]")
        return pick

    def condition(self) -> _Condition:
        if self.skips("!"):
            return "not", self.needs(_NAME, "a name"), ""
        name = self.needs(_NAME, "a number, a name or '!'")
        if self.skips("="):
            return "equal", name, self.needs(_WANTED, "a text to compare with")
        if self.skips("~"):
            return "contains", name, self.needs(_WANTED, "a text to look for")
        return "true", name, ""

    def filter(self) -> _Filter:
        text = self.needs(_FILTER, "before(…), after(…), unquote, localized, lower, str or bool")
        kind, _, argument = text.partition("(")
        return cast(_FilterKind, kind), argument[:-1]

    def separated(self, mark: str, one: Callable[[], T]) -> tuple[T, ...]:
        found = [one()]
        while self.skips(mark):
            found.append(one())
        return tuple(found)

    @property
    def is_done(self) -> bool:
        return self._at == len(self._source)

    def takes(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._source, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[found.lastindex or 0]  # what its one group holds, or all

    def needs(self, pattern: re.Pattern[str], expected: str) -> str:
        if (found := self.takes(pattern)) is None:
            raise ExpressionError(f"{expected} is expected at character {self._at + 1} of {self._source!r}")
        return found

    def skips(self, mark: str) -> bool:
        is_there = self._source.startswith(mark, self._at)
        self._at += len(mark) if is_there else 0
        return is_there

    def must_skip(self, mark: str) -> None:
        if not self.skips(mark):
            raise ExpressionError(f"{mark!r} is expected at character {self._at + 1} of {self._source!r}")


def _read(alternatives: tuple[_Alternative, ...], answers: Mapping[str, object]) -> object:
    for alternative in alternatives:
        value = _value(alternative, answers)
        if value is not None and value != "":
            return value
    return "" if alternatives[-1] == "" else None


def _value(alternative: _Alternative, answers: Mapping[str, object]) -> object:
    match alternative:
        case str():
            return alternative
        case _Route():
            value = answers.get(alternative.root)
            for move in alternative.moves:
                value = _moved(_opened(value), move)
            for kind, argument in alternative.filters:
                value = _filtered(value, kind, argument)
            return value
        case tuple():
            texts = [part if isinstance(part, str) else _filled(part, answers) for part in alternative]
            return None if None in texts else "".join(cast("list[str]", texts)).strip()
        case other:
            assert_never(other)


def _filled(hole: _Hole, answers: Mapping[str, object]) -> str | None:
    alternatives, may_be_empty = hole
    text = _text(_read(alternatives, answers))
    return "" if text is None and may_be_empty else text


def _opened(value: object) -> object:
    """Give what a text holds as JSON, such as Apple's ``user``, for a step to go further; other values as they are.

    Each level of nesting has its bracket: to count them bounds the depth, whatever recursion limit the app has set.
    """
    if not isinstance(value, str):
        return value
    if len(value) > MAX_JSON_CHARACTERS or value.count("{") + value.count("[") > MAX_JSON_BRACKETS:
        return None
    try:
        return cast(object, json.loads(value))
    except (ValueError, RecursionError):  # the second where its callers left little of the stack
        return None


def _moved(value: object, move: _Move) -> object:
    members = value if isinstance(value, Mapping) else {}
    elements = value if isinstance(value, list) else []
    match move:
        case str():
            return members.get(move)
        case None:
            return next(iter(members.values()), None)
        case int():
            return elements[move] if -len(elements) <= move < len(elements) else None
        case tuple():
            objects = (one for one in map(_opened, elements) if isinstance(one, Mapping))
            fitting = (
                one for one in objects if all(_meets(one.get(name), kind, wanted) for kind, name, wanted in move)
            )
            return next(fitting, None)
        case other:
            assert_never(other)


def _meets(value: object, kind: _ConditionKind, wanted: str) -> bool:
    match kind:
        case "true" | "not":
            return _is_true(value) == (kind == "true")
        case "equal":
            return _text(value) == wanted
        case "contains":
            items = _opened(value)
            return isinstance(items, list) and wanted in map(_text, items)
        case other:
            assert_never(other)


def _is_true(value: object) -> bool:
    """Say whether a flag is set; where one comes as text, "false" must not make an address a proved one."""
    return value.lower() not in {"", "0", "false"} if isinstance(value, str) else bool(value)


def _filtered(value: object, kind: _FilterKind, argument: str) -> object:
    if kind == "localized":
        return _localized(value)
    text = _text(value)
    if text is None:
        return None
    match kind:
        case "str":
            return text
        case "bool":
            return {"true": True, "false": False}.get(text)
        case "lower":
            return text.lower()
        case "unquote":
            return unquote(text)
        case "before":
            return text.partition(argument)[0]
        case "after":
            return text.removesuffix(argument).rpartition(argument)[2]
        case other:
            assert_never(other)


def _localized(value: object) -> object:
    """Give LinkedIn's text in the language that the person prefers."""
    match value:
        case {"localized": {**texts}, "preferredLocale": {"language": str(language), "country": str(country)}}:
            return texts.get(f"{language}_{country}")
        case _:
            return None


def _text(value: object) -> str | None:
    """Give a text, a number or a boolean as text; None for all else, and for a text that cannot be sent as UTF-8."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return None if _LONE_SURROGATE.search(value) else value
        case int():
            return str(value) if value.bit_length() <= 1024 else None  # str() raises at some thousand digits
        case float():
            return format(Decimal(repr(value)), "f") if math.isfinite(value) else None  # str() without exponent
        case _:
            return None
