"""Moments and stretches of time as people read them. The club lives by UTC, and its pages say so."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def span(seconds: float) -> str:
    """Give a stretch of time in its two largest units.

    >>> span(580), span(7500), span(40), span(90000)
    ('9 min 40 s', '2 h 5 min', '40 s', '1 day')
    """
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole // MINUTE, "min", whole % MINUTE, "s")
    if whole < DAY:
        return _two(whole // HOUR, "h", whole % HOUR // MINUTE, "min")
    return f"{whole // DAY} day{'s' if whole >= 2 * DAY else ''}"


def token_end(expires_at: float | None, *, now: float) -> str:
    """Say how long a token is still good."""
    if expires_at is None:
        return "Token of unknown lifetime"
    if expires_at <= now:
        return f"Token ended {span(now - expires_at)} ago"
    return f"Token good for {span(expires_at - now)}"


def day_of(moment: float) -> str:
    """Give the day of a moment: ``Tue 24 Nov``."""
    return f"{_utc(moment):%a} {_utc(moment).day} {_utc(moment):%b}"


def time_of(moment: float) -> str:
    """Give the time of day of a moment: ``18:30``."""
    return f"{_utc(moment):%H:%M}"


def midnight_before(moment: float) -> float:
    """Give the moment at which the day of this one began."""
    return moment - moment % DAY


def weekday(moment: float) -> int:
    """Give the day of the week, 0 for Monday."""
    return _utc(moment).weekday()


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit}" + (f" {small} {small_unit}" if small else "")


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)
