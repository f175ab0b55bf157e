"""JSON, parsed as strictly as a security decision needs."""

import json
import math
from collections.abc import Mapping
from typing import Literal, NoReturn

OddNumbers = Literal["refuse", "text"]

MAX_DEPTH = 32


def parsed(text: str | bytes, *, odd_numbers: OddNumbers = "refuse") -> object:
    """Parse JSON as strictly as a security decision needs.

    Refused, by ``ValueError``: bytes that are not UTF-8, a name that comes twice in an object, NaN and Infinity, more
    than 32 levels, a fraction beyond what a float holds. A whole number beyond 64 bits comes as its text, for it names
    something and is not counted with.

    Args:
        text: JSON.
        odd_numbers: ``text``: NaN, Infinity and a fraction beyond a float come as their text too, where what stands
            beside them must not be lost, as tokens that a provider gives only once.
    """
    text = text.decode() if isinstance(text, bytes) else text
    try:
        value: object = _DECODERS[odd_numbers].decode(text)
    except RecursionError:
        raise ValueError("too deep") from None
    if text.count("{") + text.count("[") >= MAX_DEPTH:  # with fewer it cannot be too deep
        require_shallow(value)
    return value


def unrepeated_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Give the members of an object; raise ``ValueError`` where a name comes twice."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name comes twice")
    return value


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not a JSON number")


def _whole_number(digits: str) -> int | str:
    if len(digits) > 20:
        return digits
    number = int(digits)
    return number if number.bit_length() <= 64 else digits


def _fraction(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number beyond all others")
    return value


def _fraction_or_text(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value


# Made once: to make one takes as long as to read a short text.
_DECODERS: Mapping[OddNumbers, json.JSONDecoder] = {
    "refuse": json.JSONDecoder(
        object_pairs_hook=unrepeated_members,
        parse_constant=_no_constant,
        parse_int=_whole_number,
        parse_float=_fraction,
    ),
    "text": json.JSONDecoder(
        object_pairs_hook=unrepeated_members,
        parse_constant=str,
        parse_int=_whole_number,
        parse_float=_fraction_or_text,
    ),
}


def require_shallow(value: object) -> None:
    """Raise ``ValueError`` for a value of more than 32 levels."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise ValueError("too deep")
