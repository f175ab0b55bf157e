"""What the app keeps beside the engine, and what every view may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from asgi_social.clock import Clock
from demo_app.journal import Journal
from demo_app.services import Service, made_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Club:
    """The state of the app.

    Attributes:
        services: The made-up services, by name.
        journal: What has happened lately.
        clock: The time.
    """

    services: Mapping[str, Service]
    journal: Journal
    clock: Clock


def opened(base: str, *, clock: Clock) -> Club:
    """Found the club at an address."""
    return Club(services=made_up(base, clock=clock), journal=Journal(clock), clock=clock)


def club_of(request: Request) -> Club:
    """Give the club that a request came to."""
    club: Club = request.app.state.club
    return club
