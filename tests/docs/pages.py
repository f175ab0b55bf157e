"""The pages of the docs that are written by hand, and the blocks of code in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Those of the providers are made of their data, and have a test of their own.
_MADE = (DOCS / "_build", DOCS / "reference" / "providers")
_BLOCK = re.compile(r"^([ ]*)```([a-z]+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# ([\w/]+\.py)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of code.

    Attributes:
        language: As it is marked.
        text: What is in it.
        file: Its name, where its first line is a comment that begins with one; else None.
    """

    language: str
    text: str
    file: str | None


def page_names() -> list[str]:
    """Give the path of each page below ``docs/``, sorted."""
    every = [path for path in DOCS.rglob("*.md") if not any(path.is_relative_to(folder) for folder in _MADE)]
    return sorted(path.relative_to(DOCS).as_posix() for path in every)


def text_of(page: str) -> str:
    """Give a page as it is written."""
    return (DOCS / page).read_text(encoding="utf-8")


def blocks_of(text: str, *languages: str) -> list[Block]:
    """Give the blocks of a page in these languages, in their order."""
    found = []
    for indent, language, body in _BLOCK.findall(text):
        plain = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        named = _FILE.match(plain)
        found.append(Block(language=language, text=plain, file=named[1] if named else None))
    return [block for block in found if block.language in languages]


def section_of(text: str, heading: str) -> str:
    """Give what stands below a heading of any level, up to the next heading of that level or a higher one."""
    begin = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert begin is not None, f"there is no section {heading}"
    rest = text[begin.end() :]
    end = re.search(rf"^#{{1,{len(begin[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows_of(text: str) -> list[list[str]]:
    """Give the cells of each row of the tables in a text, without headings; a bar behind a backslash ends no cell."""
    rows = []
    for table in re.findall(r"(?:^\|.*\n)+", f"{text}\n", re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in table.splitlines()]
        rows += [[cell.strip() for cell in line] for line in lines[2:]]
    return rows
