"""On which line of a TOML file a key stands, which its parser does not tell."""

import re
from collections.abc import Iterator

_KEY = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[A-Za-z0-9_-]+"
_NEXT_KEY = re.compile(rf"\s*({_KEY})\s*([.=\]])")
_TOKEN = re.compile(r"\"\"\"|'''|\"(?:[^\"\\]|\\.)*\"|'[^']*'|#|[\[\]{}]")


def line_of(text: str, dotted: str) -> int | None:
    r"""Give the line of a key, or of the nearest table around it that is there.

    Args:
        text: The file, which is TOML.
        dotted: The key with the tables around it, as ``Table`` names it: ``userinfo.requests[0].url``.

    Returns:
        A line, counted from 1; None where not even the outermost table is there.

    >>> line_of('name = "own"\\n[token]\\nurl = "https://own.example"\\n', "token.url")
    3
    """
    known = dict(reversed(list(_places(text))))  # the first of each counts
    while dotted:
        if dotted in known:
            return known[dotted]
        # An array of tables may be written in one line, where its elements have none of their own.
        dotted = dotted.rpartition("[")[0] if dotted.endswith("]") else dotted.rpartition(".")[0]
    return None


def _places(text: str) -> Iterator[tuple[str, int]]:
    """Give each key and table of a file with its line, a table around others too."""
    counts: dict[str, int] = {}  # of the tables in each array
    within = ""
    for number, line in _statements(text):
        place = "" if line.startswith("[") else within
        keys = _keys_of(line.lstrip("["))
        for index, key in enumerate(keys):
            place = f"{place}.{key}" if place else key
            yield place, number
            # A table within an array is in the last that there is of it.
            if line.startswith("[") and index < len(keys) - 1 and place in counts:
                place = f"{place}[{counts[place]}]"
        if line.startswith("[["):
            counts[place] = counts.get(place, -1) + 1
            place = f"{place}[{counts[place]}]"
            yield place, number
        if line.startswith("["):
            within = place


def _keys_of(line: str) -> list[str]:
    """Give the keys that a line begins with, up to the sign that ends them."""
    found, at = [], 0
    while (match := _NEXT_KEY.match(line, at)) is not None:
        found.append(match[1].strip("\"'"))
        if match[2] != ".":
            break
        at = match.end()
    return found


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Give the first line of each statement with its number; not what goes on inside of a text or an array."""
    depth, until = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        at = 0
        if until:
            end = line.find(until)
            if end < 0:
                continue
            at, until = end + 3, ""
        elif not depth:
            yield number, line.strip()
        while (match := _TOKEN.search(line, at)) is not None and match[0] != "#":
            at = match.end()
            if match[0] in {'"""', "'''"}:
                end = line.find(match[0], at)
                if end < 0:
                    until = match[0]
                    break
                at = end + 3
            else:
                depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
