"""What a file is made from: its sources, and the exchange that its test plays. For people; the engine reads neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from asgi_social.providers import kinds
from asgi_social.providers.kinds import one_of
from asgi_social.providers.table import Kind, Names, Record, Table

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


def _check_day(table: Table, key: str, value: object) -> None:
    if type(value) is not date:
        raise table.wrong(key, "is no day", "a day, such as 2026-11-28")


_SOURCE = Record(
    Source,
    {"at": kinds.text, "for": kinds.text, "read": Kind(_check_day), "grade": one_of(Grade)},
    named={"for": "of"},
    required=("at", "for", "read", "grade"),
)


def _check_sources(top: Table, key: str, value: object) -> None:
    for one in top.each(key, value):
        _SOURCE.check(one)


def _sources(value: list[Mapping[str, object]], names: Names) -> tuple[Source, ...]:
    return tuple(_SOURCE.made(one, names) for one in value)


_EVIDENCE = Record(Evidence, {"sources": Kind(_check_sources, _sources), "exchange": one_of(Exchange)})


def evidence_from(values: Mapping[str, object], *, place: str) -> Evidence:
    """Read what a file says of its sources.

    Raises:
        SettingsError: A source leaves something out, or says it in another way.
    """
    said = {key: values[key] for key in ("sources", "exchange") if key in values}
    names = Names()
    _EVIDENCE.check(Table(said, place=place, names=names))
    return _EVIDENCE.made(said, names)
