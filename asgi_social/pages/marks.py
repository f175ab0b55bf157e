"""Brand marks: one path each, drawn in the colour of the text, so that they are right in light and dark.

The kept set lies in ``marks/``; ``scripts/marks`` takes it from Simple Icons. A service whose mark is not there has the
first letter of its name instead.
"""

import re
from functools import cache
from importlib.resources import files

from markupsafe import Markup

_PATH = re.compile(r'<path d="([MmLlHhVvCcSsQqTtAaZz0-9eE ,.+-]+)"/>')


@cache
def mark(name: str | None, title: str) -> Markup:
    """Give the mark of a service, for a page; screen readers pass it over, because the name stands beside it.

    Args:
        name: The mark's file in ``marks/`` without ``.svg``; None for a service that has none.
        title: The service's name.
    """
    source = files("asgi_social.pages").joinpath(f"marks/{name}.svg") if name and name.isalnum() else None
    drawn = _PATH.search(source.read_text(encoding="utf-8")) if source is not None and source.is_file() else None
    if drawn is None:
        return Markup('<span class="mark" aria-hidden="true">{}</span>').format(title[:1].upper())
    # The path is one of our own files, and was held against what a path may be.
    return Markup('<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>').format(drawn[1])
