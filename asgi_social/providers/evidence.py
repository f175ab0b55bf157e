"""What a file is made from: its sources, and the exchange that its test plays. For people; the engine reads neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

from asgi_social.providers.table import Names, Table

Grade = Literal["documentation", "code", "catalogues", "recorded"]
Exchange = Literal["recorded", "documented", "published code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where some facts of a file are from.

    Attributes:
        at: An address, or a published project with its version and file.
        of: Which facts, by the names of the tables.
        read: The day on which they were read there.
        grade: ``documentation`` (the provider's own), ``code`` (a published library's), ``catalogues`` (what several
            of them state) or ``recorded`` (an exchange).
    """

    at: str
    of: str
    read: date
    grade: Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a file is made from.

    Attributes:
        sources: In the file's order.
        exchange: What its test plays is recorded, from the documentation, or made by what published code reads; None
            where there is none.
    """

    sources: tuple[Source, ...] = ()
    exchange: Exchange | None = None


def evidence_from(values: Mapping[str, object], *, place: str) -> Evidence:
    """Read what a file says of its sources.

    Raises:
        SettingsError: A source leaves something out, or says it in another way.
    """
    top = Table({key: values[key] for key in ("sources", "exchange") if key in values}, place=place, names=Names())
    exchange = top.choice("exchange", Exchange, default="") or None
    return Evidence(
        sources=tuple(_source(one) for one in top.tables("sources")), exchange=cast("Exchange | None", exchange)
    )


def _source(table: Table) -> Source:
    day: Any = table.raw("read")
    if type(day) is not date:
        raise table.wrong("read", "is missing" if day is None else "is no day", "a day, such as 2026-11-28")
    table.require("grade")
    source = Source(
        at=table.required_text("at"),
        of=table.required_text("for"),
        read=day,
        grade=cast(Grade, table.choice("grade", Grade, default="")),
    )
    table.done()
    return source
