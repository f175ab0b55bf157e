"""How one provider is treated by this process: so many renewals at once, and ever fewer attempts while it is down.

What is kept in the row (``next_attempt_at``) spares one association further attempts; this spares the provider those of
all the others. Each backend is by itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from asgi_social.clock import Clock
from asgi_social.errors import ProviderUnreachable
from asgi_social.refresh.schedule import MAX_BACKOFF_SECONDS, backoff_seconds

# So many associations in a row, or the trouble may be one association's own.
PATIENCE = 3
PROBE_SECONDS = 15.0
CREDENTIALS_SECONDS = 600.0


@dataclass(slots=True, kw_only=True)
class _Standing:
    failures: int = 0
    closed_until: float | None = None  # not None until an answer comes after an outage
    are_credentials_refused: bool = False
    turns: asyncio.Semaphore
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)


class Limits:
    """Who may ask which provider now."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._standings: dict[str, _Standing] = {}

    def seconds_closed(self, backend: str) -> float:
        """Give the seconds for which a backend's provider is left alone; 0 where it is not."""
        standing = self._standings.get(backend)
        until = standing.closed_until if standing else None
        return 0.0 if until is None else max(0.0, until - self._clock.monotonic())

    def are_credentials_refused(self, backend: str) -> bool:
        """Say whether a backend's provider did not take this app's own credentials when it was last asked."""
        standing = self._standings.get(backend)
        return standing is not None and standing.are_credentials_refused

    @asynccontextmanager
    async def turn(self, backend: str, *, at_once: int) -> AsyncIterator[None]:
        """Wait until fewer than ``at_once`` renewals of a backend are under way, and be one of them.

        After an outage one goes first, and the others follow once it was answered.

        Raises:
            ProviderUnreachable: The provider is left alone for now; ``retry_after`` says for how long.
        """
        standing = self._standing(backend, at_once=at_once)
        self._require_open(backend)
        async with standing.turns:
            self._require_open(backend)  # it may have gone down while this one waited
            if standing.closed_until is None:
                yield
                return
            probe = standing.closed_until = self._clock.monotonic() + PROBE_SECONDS
            try:
                yield
            finally:
                self._give_back(probe, standing)

    def answered(self, backend: str) -> None:
        """Take note that the provider does its part."""
        standing = self._standings[backend]
        standing.failures, standing.closed_until, standing.are_credentials_refused = 0, None, False

    def failed(self, backend: str, *, retry_after: float | None) -> None:
        """Take note that the provider did not do its part.

        Args:
            backend: Whose.
            retry_after: The seconds that it asked to be left alone for, which is heeded at once.
        """
        standing = self._standings[backend]
        standing.failures += 1
        wait = 0.0 if standing.failures < PATIENCE else backoff_seconds(standing.failures - PATIENCE + 1)
        if seconds := min(max(wait, retry_after or 0.0), MAX_BACKOFF_SECONDS):
            standing.closed_until = self._clock.monotonic() + seconds

    def credentials_refused(self, backend: str) -> bool:
        """Leave the provider alone for ten minutes, for no association can be renewed; True the first time in a row."""
        standing = self._standings[backend]
        is_news, standing.are_credentials_refused = not standing.are_credentials_refused, True
        standing.closed_until = self._clock.monotonic() + CREDENTIALS_SECONDS
        return is_news

    def _give_back(self, probe: float, standing: _Standing) -> None:
        """Let the next one go first, where the provider was not asked after all."""
        if standing.closed_until == probe:
            standing.closed_until = self._clock.monotonic()

    def _require_open(self, backend: str) -> None:
        if (seconds := self.seconds_closed(backend)) > 0:
            raise ProviderUnreachable(
                f"the token endpoint is left alone for {seconds:.0f} s more, after it did not do its part",
                endpoint="token endpoint",
                may_have_arrived=False,
                retry_after=seconds,
                backend=backend,
            )

    def _standing(self, backend: str, *, at_once: int) -> _Standing:
        standing = self._standings.get(backend)
        if standing is None:
            standing = self._standings[backend] = _Standing(turns=asyncio.Semaphore(at_once))
        elif standing.loop is not asyncio.get_running_loop():
            # A semaphore belongs to the loop it was waited for in.
            standing.loop, standing.turns = asyncio.get_running_loop(), asyncio.Semaphore(at_once)
        return standing
