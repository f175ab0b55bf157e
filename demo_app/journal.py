"""What has happened lately, as the setting ``on_event`` tells it; in memory, and never more than so much."""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from asgi_social import Event
from asgi_social.clock import Clock

MAX_EVENTS = 2000
Outcome = Literal["renewed", "renewal_failed", "needs_reauth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """One renewal, and how it ended."""

    at: float
    outcome: Outcome


class Journal:
    """Keeps the last events, each with its moment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[tuple[float, Event]] = deque(maxlen=MAX_EVENTS)

    def record(self, event: Event) -> None:
        """Write an event down: what ``on_event`` is set to."""
        self._events.append((self._clock.now(), event))

    def has(self, name: str, *, user_id: str) -> bool:
        """Say whether something of this name happened to a user."""
        return any(event.name == name and event.user_id == user_id for _, event in self._events)

    def renewals(self) -> list[Renewal]:
        """Give the renewals that are known, oldest first."""
        known = [(at, _outcome(event)) for at, event in self._events]
        return [Renewal(at=at, outcome=outcome) for at, outcome in known if outcome is not None]


def _outcome(event: Event) -> Outcome | None:
    match event.name:
        case "renewed" | "needs_reauth":
            return event.name
        case "renewal_failed":
            # Where the grant has ended, needs_reauth follows: one renewal, told twice.
            return None if event.reason == "invalid_grant" else event.name
    return None
