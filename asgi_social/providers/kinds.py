"""The kinds of values that stand in a provider's file: what each has to be, and what the engine makes of it."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from asgi_social.expressions import Path, Template
from asgi_social.expressions import path as path_of
from asgi_social.protocols.host import HOST_GRAMMAR, host_pattern
from asgi_social.providers.table import Kind, Names, Record, Table, compiled_template

# What a file says where nobody knows of any: said, so that it is not taken for forgotten.
NONE_KNOWN = "none known"
_AFTER_HOST = re.compile(r"[/?#]")


def check_text(table: Table, key: str, value: object) -> str:
    """Give a text; another value is an error."""
    return table.typed(key, value, str)


def _check_word(table: Table, key: str, value: object) -> None:
    if not check_text(table, key, value):
        raise table.wrong(key, "is empty", "a text; leave it out for the default")


def check_flag(table: Table, key: str, value: object) -> bool:
    """Give true or false; another value is an error."""
    return table.typed(key, value, bool)


def _check_number(table: Table, key: str, value: object) -> int:
    return table.typed(key, value, int)


def _check_seconds(table: Table, key: str, value: object) -> None:
    if _check_number(table, key, value) < 1:
        raise table.wrong(key, f"is {value}", "seconds, from 1 up")


def _check_numbers(table: Table, key: str, value: object) -> None:
    table.listed(key, value, int)


def _check_texts(table: Table, key: str, value: object) -> None:
    table.listed(key, value, str)


def _check_mapping(table: Table, key: str, value: object) -> None:
    inner = table.within(key, value)
    for name, one in inner.values.items():
        check_text(inner, name, one)


def _check_pattern(table: Table, key: str, value: object) -> None:
    try:
        re.compile(check_text(table, key, value))
    except re.error as error:
        raise table.wrong(key, f"is no regular expression: {error}", "a regular expression") from None


def _as_tuple(value: list[str], _: Names) -> tuple[str, ...]:
    return tuple(value)


def _as_set(value: list[str], _: Names) -> frozenset[str]:
    return frozenset(value)


text = Kind(check_text)
word = Kind(_check_word)  # a text that is not empty
flag = Kind(check_flag)
number = Kind(_check_number)
seconds = Kind(_check_seconds)
pattern = Kind(_check_pattern)
mapping = Kind(_check_mapping, lambda value, _: dict(value))  # an inline table stays the app's
texts = Kind(_check_texts, _as_tuple)
text_set = Kind(_check_texts, _as_set)
numbers = Kind(_check_numbers, _as_set)


def one_of(literal: Any) -> Kind:
    """Give the kind of a ``Literal``: one of its texts."""
    words = get_args(literal)

    def check(table: Table, key: str, value: object) -> None:
        table.require_among(key, check_text(table, key, value), words)

    return Kind(check)


def some_of(words: Iterable[str], *, is_ordered: bool = False) -> Kind:
    """Give the kind of a list of texts, each among these; without an order that says something it becomes a set."""
    allowed = tuple(words)

    def check(table: Table, key: str, value: object) -> None:
        for one in table.listed(key, value, str):
            table.require_among(key, one, allowed)

    return Kind(check, _as_tuple if is_ordered else _as_set)


def way(words: Iterable[str], *, prefixes: tuple[str, ...]) -> Kind:
    """Give the kind of a word among these, or a text that begins with one of the prefixes and goes on."""
    allowed = (*words, *(f"{prefix}…" for prefix in prefixes))

    def check(table: Table, key: str, value: object) -> None:
        found = check_text(table, key, value)
        if not found.startswith(prefixes) or found in prefixes:
            table.require_among(key, found, allowed)

    return Kind(check)


def _check_template(table: Table, key: str, value: object) -> Template:
    return table.compiled(key, check_text(table, key, value), compiled_template)


def _template(value: str, names: Names) -> Template:
    found = compiled_template(value)
    names.templates.append(found)
    return found


def _check_templates(table: Table, key: str, value: object) -> None:
    inner = table.within(key, value)
    for name, one in inner.values.items():
        _check_template(inner, name, one)


def _templates(value: Mapping[str, str], names: Names) -> dict[str, Template]:
    return {name: _template(one, names) for name, one in value.items()}


def _check_template_list(table: Table, key: str, value: object) -> list[Template]:
    return [_check_template(table, key, one) for one in table.listed(key, value, str)]


def _template_list(value: list[str], names: Names) -> tuple[Template, ...]:
    return tuple([_template(one, names) for one in value])


def _check_address(table: Table, key: str, value: object) -> None:
    """Raise for an address that cannot be read, or lets an answer say which host it leads to."""
    url = _check_template(table, key, value)
    if url.names:
        host = _AFTER_HOST.split(url.source.partition("://")[2] or url.source)[0]
        for name in compiled_template(host).names - table.names.variables:
            raise table.wrong(key, f"lets {{{name}}} choose the host", "only [vars] before the path")


def _check_led_address(table: Table, key: str, value: object) -> None:
    """Raise as for an address; an answer may say how it begins, where the hosts it may lead to are told besides."""
    check = _check_template if table.values.get("hosts") and str(value).startswith("{") else _check_address
    check(table, key, value)


def _check_hosts(table: Table, key: str, value: object) -> None:
    """Raise for what is no list of hosts, or lets an answer say where a token goes."""
    for one in _check_template_list(table, key, value):
        for name in one.names - table.names.variables:
            raise table.wrong(key, f"lets {{{name}}} choose the host", "only [vars]")
        if host_pattern(one.render(dict.fromkeys(one.names, "x.example")) or "") is None:
            raise table.wrong(key, f"holds {one.source!r}, which is no host", HOST_GRAMMAR)


template = Kind(_check_template, _template)  # what is sent
templates = Kind(_check_templates, _templates)
template_list = Kind(_check_template_list, _template_list)
address = Kind(_check_address, _template)
led_address = Kind(_check_led_address, _template)
hosts = Kind(_check_hosts, _template_list)


def _check_path(table: Table, key: str, value: object) -> None:
    table.compiled(key, check_text(table, key, value), path_of)


def _path(value: str, _: Names) -> Path:
    return Path(source=value)


def _check_flag_or_path(table: Table, key: str, value: object) -> None:
    if not isinstance(value, bool):
        _check_path(table, key, value)


def _flag_or_path(value: Any, _: Names) -> bool | Path:
    return value if isinstance(value, bool) else Path(source=value)


def _check_conditions(table: Table, key: str, value: object) -> None:
    inner = table.within(key, value)
    for source, wanted in inner.values.items():
        _check_path(inner, source, source)
        check_text(inner, source, wanted)


def _conditions(value: Mapping[str, str], _: Names) -> tuple[tuple[Path, str], ...]:
    return tuple((Path(source=source), wanted) for source, wanted in value.items())


path = Kind(_check_path, _path)  # what is read
flag_or_path = Kind(_check_flag_or_path, _flag_or_path)
conditions = Kind(_check_conditions, _conditions)  # what is read, with the text that each must be


def within(record: Record[Any], make: Callable[[Any, Names], Any] | None = None) -> Kind:
    """Give the kind of a table within; ``make`` where more than the record is needed to make it."""

    def check(table: Table, key: str, value: object) -> None:
        record.check(table.within(key, value))

    return Kind(check, make or record.made)


def or_none_known(kind: Kind, nothing: object) -> Kind:
    """Give the kind of what may also be said to be unknown, and then makes ``nothing``."""

    def check(table: Table, key: str, value: object) -> None:
        if value != NONE_KNOWN:
            kind.check(table, key, value)

    def make(value: object, names: Names) -> object:
        return nothing if value == NONE_KNOWN else kind.make(value, names)  # type: ignore[misc]  # a table is made

    return Kind(check, make)
