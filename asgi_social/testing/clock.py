"""A clock that a test moves by hand."""

import asyncio

START = 1_800_000_000.0


class ManualClock:
    """A :class:`~asgi_social.clock.Clock` on which no time goes by until :meth:`advance` is called.

    It belongs to one event loop, as whoever sleeps on it does.
    """

    def __init__(self, *, start: float = START) -> None:
        self._start = start
        self._passed = 0.0
        self._sleepers: dict[asyncio.Future[None], float] = {}
        self._asleep = asyncio.Event()

    def now(self) -> float:
        """Give the moment in epoch seconds UTC."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Give the seconds that went by since the clock was made."""
        return self._passed

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been advanced by so many seconds; without any, let the others run once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        wake_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers[wake_up] = self._passed + seconds
        self._asleep.set()
        try:
            await wake_up
        finally:
            self._forget(wake_up)

    def advance(self, seconds: float) -> None:
        """Let time go by, and wake whoever has slept long enough, in the order in which they are due.

        They run when the caller next awaits; one that goes to sleep again sleeps from the moment reached here.

        Raises:
            ValueError: The seconds are negative, and a clock does not go back.
        """
        if seconds < 0:
            raise ValueError(f"a clock goes forward, not by {seconds} seconds")
        self._passed += seconds
        for wake_up, due_at in sorted(self._sleepers.items(), key=lambda sleeper: sleeper[1]):
            if due_at <= self._passed:
                self._forget(wake_up)
                # A sleeper that was cancelled in this very turn of the loop is done, and not yet away from the list.
                if not wake_up.done():
                    wake_up.set_result(None)

    async def until_asleep(self) -> None:
        """Return once somebody sleeps on this clock, so that an advance is not too early for them."""
        await self._asleep.wait()

    def _forget(self, wake_up: asyncio.Future[None]) -> None:
        self._sleepers.pop(wake_up, None)
        if not self._sleepers:
            self._asleep.clear()
