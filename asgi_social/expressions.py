"""The two tiny languages of a provider's data: templates, for what is sent, and path expressions, for what is read.

Both are compiled once, when a provider is loaded, into small values; filling or reading one never raises, whatever a
provider sends. There is no arithmetic, no regular expression, no loop and no condition beyond picking an element.

A template is text with ``{name}`` or ``{root.path}``; ``{{`` and ``}}`` are braces. A path expression is::

    expr   = alt *( "|" alt )                  the first that is neither null nor ""; else what the last one gives
    alt    = path / template / "'" text "'"    a template holds at least one "{" expr "}" or "{" expr "?}"
    path   = [ "$" root *pick "." ] step *( "." step ) *( ":" filter )
    step   = ( name / DQUOTE any DQUOTE / "*" ) *pick
    pick   = "[" integer "]" / "[" cond *( "," cond ) "]"
    cond   = name / "!" name / name "=" text / name "~" text
    filter = "before(" text ")" / "after(" text ")" / "unquote" / "localized" / "lower" / "str" / "bool"
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

MAX_SOURCE = 512
MAX_JSON_CHARACTERS = 64 * 1024
_MAX_DIGITS_BITS = 256
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z0-9_.@-]+)\}|[{}]")
_NAME = re.compile(r"[A-Za-z0-9_@-]+")
_FILTER = re.compile(r"(before|after)\(([^()]+)\)|(unquote|localized|lower|str|bool)")
_CONDITION = re.compile(r"(!)?([A-Za-z0-9_@-]+)(?:([=~])(.+))?")
_INTEGER = re.compile(r"-?[0-9]{1,4}")

Quote = Callable[[str, str], str]


class ExpressionError(ValueError):
    """A template or path expression that cannot be read; the message names the place and what should stand there."""


@dataclass(frozen=True, slots=True)
class Template:
    """What is sent: text with placeholders.

    Attributes:
        source: As it was written.
        names: Its placeholders, dotted.
    """

    source: str
    names: frozenset[str]
    _parts: tuple[tuple[str, bool], ...]

    def render(self, values: Mapping[str, object], *, quote: Quote | None = None) -> str | None:
        """Fill the placeholders.

        Args:
            values: By flat name, or by root with mappings below.
            quote: Given a placeholder's name and text, makes the text safe where it goes, such as in a URL.

        Returns:
            The text; None where a placeholder is empty, which means "not sent".

        >>> template("https://{host}/v1").render({"host": "id.example"})
        'https://id.example/v1'
        """
        filled = []
        for part, is_name in self._parts:
            text = _as_text(_value_at(values, part)) if is_name else part
            if is_name and not text:
                return None
            filled.append(quote(part, text or "") if is_name and quote is not None else text or "")
        return "".join(filled)


def template(text: str) -> Template:
    """Compile a template.

    Raises:
        ExpressionError: A brace without its partner, or an odd name between two.
    """
    _require_short(text)
    parts: list[tuple[str, bool]] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        parts.append((text[end : match.start()], False))
        end = match.end()
        if match[0] in {"{", "}"}:
            raise ExpressionError(f"at {match.start()}: {match[0]!r} without a name and its partner")
        parts.append((match[1], True) if match[1] else (match[0][0], False))
    parts.append((text[end:], False))
    kept = tuple(part for part in parts if part[0])
    return Template(text, frozenset(part for part, is_name in kept if is_name), kept)


@dataclass(frozen=True, slots=True)
class _Condition:
    name: str
    op: Literal["", "!", "=", "~"]
    text: str

    def holds(self, element: Mapping[str, object]) -> bool:
        value = element.get(self.name)
        match self.op:
            case "":
                return bool(value)
            case "!":
                return not value
            case "=":
                return _as_text(value) == self.text
            case "~":
                return isinstance(value, list) and self.text in value


_Pick = int | tuple[_Condition, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    picks: tuple[_Pick, ...]
    first: bool  # "*": the first value, whatever its name


@dataclass(frozen=True, slots=True)
class _Lookup:
    root: str
    picks: tuple[_Pick, ...]
    steps: tuple[_Step, ...]
    filters: tuple[tuple[str, str], ...]

    def read(self, answers: Mapping[str, object]) -> object:
        value = _picked(answers.get(self.root), self.picks)
        for step in self.steps:
            inner = _opened(value)
            if not isinstance(inner, Mapping):
                return None
            found = next(iter(inner.values()), None) if step.first else inner.get(step.name)
            value = _picked(found, step.picks)
        for name, argument in self.filters:
            value = _filtered(value, name, argument)
        return value


@dataclass(frozen=True, slots=True)
class _Quoted:
    text: str

    def read(self, _: Mapping[str, object]) -> object:
        return self.text


@dataclass(frozen=True, slots=True)
class _Joined:
    parts: "tuple[str | tuple[Path, bool], ...]"  # text, or an expression and whether it may be missing

    def read(self, answers: Mapping[str, object]) -> object:
        filled = []
        for part in self.parts:
            if isinstance(part, str):
                filled.append(part)
                continue
            expression, optional = part
            text = _as_text(expression.read(answers))
            if not text and not optional:
                return None
            filled.append(text or "")
        return "".join(filled).strip() or None


@dataclass(frozen=True, slots=True)
class Path:
    """What is read from a provider's answers.

    Attributes:
        source: As it was written.
    """

    source: str
    _alternatives: tuple[_Lookup | _Quoted | _Joined, ...]

    def read(self, answers: Mapping[str, object]) -> object:
        """Give what the expression finds, or None.

        Args:
            answers: JSON values by root; the merged answer, which a path without a root reads, under ``""``.

        >>> path("data[0].id|id").read({"": {"id": 7}})
        7
        """
        value: object = None
        for alternative in self._alternatives:
            value = alternative.read(answers)
            if value is not None and value != "":
                return value
        return value


def path(text: str) -> Path:
    """Compile a path expression.

    Raises:
        ExpressionError: It does not follow the grammar; the message says where.
    """
    _require_short(text)
    return Path(text, tuple(_alternative(part, at) for part, at in _split(text, "|")))


def _alternative(text: str, at: int) -> _Lookup | _Quoted | _Joined:
    if len(text) >= 2 and text[0] == text[-1] == "'" and "'" not in text[1:-1]:
        return _Quoted(text[1:-1])
    if "{" in text or "}" in text:
        return _joined(text, at)
    return _lookup(text.strip(), at)


def _joined(text: str, at: int) -> _Joined:
    parts: list[str | tuple[Path, bool]] = []
    rest = text
    while rest:
        plain, opened, rest = rest.partition("{")
        if "}" in plain:
            raise ExpressionError(f"at {at}: '}}' without '{{' in {text!r}")
        parts.append(plain)
        if opened:
            inner, closed, rest = rest.partition("}")
            if not closed or "{" in inner:
                raise ExpressionError(f"at {at}: '{{' without '}}' in {text!r}")
            parts.append((path(inner.removesuffix("?")), inner.endswith("?")))
    return _Joined(tuple(part for part in parts if part != ""))


def _lookup(text: str, at: int) -> _Lookup:
    (body, _), *filters = _split(text, ":")
    steps = [_step(part, at) for part, _ in _split(body.removeprefix("$"), ".")]
    # "$emails[primary].email": the first step names the answer that is read, else the merged one is.
    root = steps.pop(0) if body.startswith("$") else _Step("", (), first=False)
    return _Lookup(root.name, root.picks, tuple(steps), tuple(_filter(part, at) for part, _ in filters))


def _step(text: str, at: int) -> _Step:
    name, bracket, rest = _name_and_rest(text, at)
    picks: list[_Pick] = []
    while bracket:
        inside, closed, rest = rest.partition("]")
        if not closed:
            raise ExpressionError(f"at {at}: '[' without ']' in {text!r}")
        picks.append(_pick(inside, at))
        if rest and not rest.startswith("["):
            raise ExpressionError(f"at {at}: {rest!r} behind ']'")
        bracket, rest = rest[:1], rest[1:]
    return _Step(name, tuple(picks), text.startswith("*"))


def _name_and_rest(text: str, at: int) -> tuple[str, str, str]:
    if text.startswith('"'):
        name, closed, rest = text[1:].partition('"')
        if not closed or not name or rest[:1] not in {"", "["}:
            raise ExpressionError(f"at {at}: a quoted name is expected, not {text!r}")
        return name, rest[:1], rest[1:]
    name, bracket, rest = text.partition("[")
    if name != "*" and not _NAME.fullmatch(name):
        raise ExpressionError(f"at {at}: a name is expected, not {name!r}")
    return name, bracket, rest


def _pick(text: str, at: int) -> _Pick:
    if _INTEGER.fullmatch(text):
        return int(text)
    conditions = []
    for part in text.split(","):
        match = _CONDITION.fullmatch(part)
        if match is None or (match[1] and match[3]):
            raise ExpressionError(f"at {at}: a number or conditions are expected between brackets, not {text!r}")
        op: Literal["", "!", "=", "~"] = "!" if match[1] else "=" if match[3] == "=" else "~" if match[3] else ""
        conditions.append(_Condition(match[2], op, match[4] or ""))
    return tuple(conditions)


def _filter(text: str, at: int) -> tuple[str, str]:
    match = _FILTER.fullmatch(text)
    if match is None:
        raise ExpressionError(f"at {at}: no filter is called {text!r}")
    return (match[1], match[2]) if match[1] else (match[3], "")


def _split(text: str, separator: str) -> list[tuple[str, int]]:
    """Cut at a separator that stands in no quotes, braces, brackets or parentheses; each part with its place."""
    parts, start, depth, quoted = [], 0, 0, ""
    for at, character in enumerate(text):
        if quoted:
            quoted = "" if character == quoted else quoted
        elif character in {"'", '"'}:
            quoted = character
        elif character in "{[(":
            depth += 1
        elif character in "}])":
            depth -= 1
        elif character == separator and depth == 0:
            parts.append((text[start:at], start))
            start = at + 1
    if quoted or depth:
        raise ExpressionError(f"a quote or bracket has no partner in {text!r}")
    return [*parts, (text[start:], start)]


def _require_short(text: str) -> None:
    if len(text) > MAX_SOURCE:
        raise ExpressionError(f"at most {MAX_SOURCE} characters are read, not {len(text)}")


def _value_at(values: Mapping[str, object], name: str) -> object:
    if name in values:
        return values[name]
    value: object = values
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _picked(value: object, picks: tuple[_Pick, ...]) -> object:
    for pick in picks:
        elements = _opened(value)
        if not isinstance(elements, list):
            return None
        if isinstance(pick, int):
            value = elements[pick] if -len(elements) <= pick < len(elements) else None
        else:
            fitting = (one for one in elements if isinstance(one, Mapping) and all(each.holds(one) for each in pick))
            value = next(fitting, None)
    return value


def _opened(value: object) -> object:
    """Give the value inside a text that holds JSON (Apple's ``user``, VK's ``payload``); any other value as it is."""
    if not isinstance(value, str) or not value.startswith(("{", "[")) or len(value) > MAX_JSON_CHARACTERS:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _filtered(value: object, name: str, argument: str) -> object:
    if name == "bool":
        return {True: True, "true": True, False: False, "false": False}.get(_as_key(value))
    if name == "str":
        return _as_text(value)
    if name == "localized":
        return _localized(value)
    if not isinstance(value, str):
        return None
    match name:
        case "before":
            return value.partition(argument)[0]
        case "after":
            return value.removesuffix("/").rpartition(argument)[2]
        case "unquote":
            return unquote(value)
        case _:
            return value.lower()


def _localized(value: object) -> object:
    """Pick the preferred language's text of LinkedIn's ``localized`` object."""
    texts = value.get("localized") if isinstance(value, Mapping) else None
    locale = value.get("preferredLocale") if isinstance(value, Mapping) else None
    if not isinstance(texts, Mapping) or not isinstance(locale, Mapping):
        return None
    return texts.get(f"{locale.get('language')}_{locale.get('country')}")


def _as_key(value: object) -> bool | str | None:
    return value if isinstance(value, bool | str) else None


def _as_text(value: object) -> str | None:
    """Give a text, number or truth value as text; an object or a list is nothing to send or show."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > _MAX_DIGITS_BITS:
        return None  # a number this long is nobody's id, and slow to write out
    return str(value) if isinstance(value, str | int | float) else None
