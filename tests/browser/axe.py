"""axe-core on the page that a visitor looks at: which rules of WCAG 2.2 AA are broken, and how many were checked."""

from collections import Counter
from pathlib import Path
from typing import Any, Literal

from tests.browser.visitor import DESKTOP, NARROW, Visitor

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COUNTS: Counter[str] = Counter()
"""Of all pages so far: how often axe ran, and what it found; told at the end of the tests."""

_SOURCE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# The driver evaluates it from outside, where the page's Content-Security-Policy does not reach.
_RUN = "tags => axe.run(document, { runOnly: { type: 'tag', values: tags } })"


async def broken_rules(person: Visitor, *, counts: Counter[str] = COUNTS) -> list[str]:
    """Give what is broken on the page, in light and dark, on a wide and a narrow window; empty where all is well."""
    await person.page.evaluate(_SOURCE.read_text(encoding="utf-8"))
    found: list[str] = []
    for width in (DESKTOP, NARROW):
        await person.page.set_viewport_size({"width": width, "height": 800})
        for scheme in _SCHEMES:
            await person.page.emulate_media(color_scheme=scheme)
            result: dict[str, Any] = await person.page.evaluate(_RUN, TAGS)
            counts.update(runs=1, violations=len(result["violations"]), passes=len(result["passes"]))
            counts.update(undecided=len(result["incomplete"]))
            found += [_told(rule, f"{person.path} {width}px {scheme}") for rule in result["violations"]]
    return found


def _told(rule: dict[str, Any], where: str) -> str:
    return f"{where}: {rule['id']}: " + "; ".join(
        f"{node['target']} {node['failureSummary']}" for node in rule["nodes"]
    )
