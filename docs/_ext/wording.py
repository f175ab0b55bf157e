"""How data become Markdown: code, links, lists of words, seconds as people say them."""

import re
from collections.abc import Iterable, Mapping, Sequence

from asgi_social.expressions import Template

_CODE = re.compile(r"(`[^`]*`|https?://[^\s,;]*[^\s,;:.)])")
_IDENTIFIER = re.compile(r"(?<![\w\"'])([A-Za-z]\w*_\w+)(?![\w\"'])")
_SPECIAL = re.compile(r"([\\*_\[\]<>#~${}])")
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def code(text: str) -> str:
    """Give a text as code, also where it holds backticks.

    >>> code("a`b")
    '`` a`b ``'
    """
    fence = "``" if "`" in text else "`"
    padding = " " if "`" in text or not text.strip() else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def prose(text: str) -> str:
    """Give a sentence of the data as Markdown: addresses become links, names with an underscore code.

    >>> prose("client_id of https://a.example/b: yes")
    '`client_id` of <https://a.example/b>: yes'
    """
    parts = _CODE.split(text)
    return "".join(part if index % 2 == 0 else _kept(part) for index, part in enumerate(map(_plain_or_not, parts)))


def _plain_or_not(part: str) -> str:
    if part.startswith(("`", "http://", "https://")):
        return part
    pieces = _IDENTIFIER.split(part)
    return "".join(code(piece) if index % 2 else _SPECIAL.sub(r"\\\1", piece) for index, piece in enumerate(pieces))


def _kept(part: str) -> str:
    return code(part.strip("`")) if part.startswith("`") else f"<{part}>"


def words(values: Iterable[str], *, last: str = "and") -> str:
    """Join texts as a sentence does.

    >>> words(["a", "b", "c"])
    'a, b and c'
    """
    every = list(values)
    return f" {last} ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def codes(values: Iterable[str], *, last: str = "and") -> str:
    """Join texts as a sentence does, each as code."""
    return words(map(code, values), last=last)


def parameters(params: Mapping[str, Template]) -> str:
    """Give parameters as a sentence lists them: ``name=value``."""
    return codes(f"{name}={value.source}" for name, value in params.items())


def duration(seconds: int) -> str:
    """Say a number of seconds in the greatest unit that fits.

    >>> duration(5184000), duration(3600)
    ('60 days', '1 hour')
    """
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a table of Markdown; a bar in a cell does not end the cell."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def capital(text: str) -> str:
    """Give a text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def bullets(lines: Iterable[str]) -> str:
    """Give a list of Markdown."""
    return "\n".join(f"- {line}" for line in lines)
