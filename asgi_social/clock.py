"""The one seam for time: what o'clock it is, how much time went by, and waiting.

Everything else takes a :class:`Clock`, so that a test moves time by hand. Moments are epoch seconds UTC.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the rest of the package asks of time."""

    def now(self) -> float:
        """Give the moment in epoch seconds UTC; it may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Give seconds since an arbitrary point; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Give the moment in epoch seconds UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds since an arbitrary point; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)
