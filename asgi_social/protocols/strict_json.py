"""JSON, parsed as strictly as a security decision needs."""

import json
import math
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
    try:
        value = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            object_pairs_hook=unrepeated_members,
            parse_constant=_no_constant if odd_numbers == "refuse" else str,
            parse_int=_whole_number,
            parse_float=_fraction if odd_numbers == "refuse" else _fraction_or_text,
        )
    except RecursionError:
        raise ValueError("too deep") from None
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
    return digits if len(digits) > 20 or int(digits).bit_length() > 64 else int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError("a number beyond all others")
    return value


def _fraction_or_text(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value


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
