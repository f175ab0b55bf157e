"""The renewals of the last hour as columns of five minutes: the numbers, and where each bar stands in the picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from demo_app.journal import Outcome, Renewal
from demo_app.moments import time_of

STEP_SECONDS, STEPS = 300, 12
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

WIDTH, HEIGHT = 480.0, 200.0
_LEFT, _TOP, _BOTTOM = 34.0, 12.0, 28.0
_GAP = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Five minutes: when they began, and how many renewals ended in which way."""

    starts_at: float
    counts: Mapping[Outcome, int]

    @property
    def total(self) -> int:
        """How many renewals there were."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A piece of a column, as a rectangle of the picture."""

    outcome: Outcome
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text at an axis; for the upper axis, a line goes with it."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The picture.

    Attributes:
        columns: The numbers, oldest first.
        bars: The rectangles, none of which is empty.
        ticks: Counts, at the left.
        hours: Times of day, below.
    """

    columns: Sequence[Column]
    bars: Sequence[Bar]
    ticks: Sequence[Label]
    hours: Sequence[Label]

    def total(self, outcome: Outcome) -> int:
        """Say how many renewals of the hour ended so."""
        return sum(column.counts[outcome] for column in self.columns)


def chart_of(renewals: Sequence[Renewal], *, now: float) -> Chart:
    """Draw the renewals of the last hour; the last column is the five minutes that now belongs to."""
    columns = _columns(renewals, now=now)
    top = _round_up(max(column.total for column in columns))
    width = (WIDTH - _LEFT) / STEPS
    bars = [
        bar for at, column in enumerate(columns) for bar in _stacked(column, x=_LEFT + at * width, width=width, top=top)
    ]
    ticks = [Label(text=str(count), x=_LEFT - 6, y=_height_at(count, top)) for count in sorted({0, top // 2, top})]
    hours = [
        Label(text=time_of(column.starts_at), x=_LEFT + at * width + _GAP / 2, y=HEIGHT - 8)
        for at, column in enumerate(columns)
        if at % 3 == 0
    ]
    return Chart(columns=columns, bars=bars, ticks=ticks, hours=hours)


def _columns(renewals: Sequence[Renewal], *, now: float) -> list[Column]:
    first = math.floor(now / STEP_SECONDS) * STEP_SECONDS - (STEPS - 1) * STEP_SECONDS
    counts: list[dict[Outcome, int]] = [dict.fromkeys(OUTCOMES, 0) for _ in range(STEPS)]
    for renewal in renewals:
        at = math.floor((renewal.at - first) / STEP_SECONDS)
        if 0 <= at < STEPS:
            counts[at][renewal.outcome] += 1
    return [Column(starts_at=first + at * STEP_SECONDS, counts=held) for at, held in enumerate(counts)]


def _stacked(column: Column, *, x: float, width: float, top: int) -> list[Bar]:
    bars, below = [], 0
    for outcome in OUTCOMES:
        if count := column.counts[outcome]:
            y = _height_at(below + count, top)
            height = _height_at(below, top) - y
            bars.append(Bar(outcome=outcome, x=x + _GAP / 2, y=y, width=width - _GAP, height=height))
        below += count
    return bars


def _height_at(count: int, top: int) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * count / top, 1)


def _round_up(count: int) -> int:
    """Give an even number for the top of the axis, so that the line in the middle is a whole one."""
    return max(4, count + count % 2)
