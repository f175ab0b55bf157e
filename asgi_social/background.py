"""The one place that starts tasks: each is kept, reported when it fails, and awaited when the engine closes.

A task here is never a caller's own, so that a caller can be cancelled alone: the request of a browser that went away
must not cut off a renewal whose answer is on the way.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

T = TypeVar("T")

CLOSE_SECONDS = 20.0
_log = logging.getLogger("asgi_social")


class Background:
    """The tasks of one engine, on one event loop.

    Attributes:
        is_closing: Whether :meth:`close` waits for what is running; who could begin something new leaves it.
    """

    def __init__(self, *, close_seconds: float = CLOSE_SECONDS) -> None:
        """Set up.

        Args:
            close_seconds: How long :meth:`close` waits for what is running.
        """
        self._close_seconds = close_seconds
        self.is_closing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._rounds: dict[str, asyncio.Task[Any]] = {}
        self._shared: dict[tuple[str, ...], asyncio.Task[Any]] = {}

    def start(self, work: Coroutine[Any, Any, object], *, name: str) -> None:
        """Begin work that nobody waits for; what escapes it is logged by its class alone."""
        task = self._begun(work, name=name)
        task.add_done_callback(_report)

    def repeat(self, work: Callable[[], Coroutine[Any, Any, object]], *, name: str) -> None:
        """Do work again and again until the engine closes, which cuts it off; a time that fails is logged.

        Args:
            work: Called each time; it waits by itself. What must come to its end is a task of its own.
            name: For the log; work of a name that is repeated already is not begun.
        """
        if name not in self._rounds:
            self._rounds[name] = self._begun(_repeated(work, name), name=name)
            self._rounds[name].add_done_callback(lambda _: self._rounds.pop(name, None))

    async def share(self, key: tuple[str, ...], make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Join the task of this key, or begin it; all who join get its one result or its one exception.

        A caller that is cancelled leaves the task to the others; the task runs to its end even when all have left.

        Args:
            key: Names the work; the same key is never worked on twice at once.
            make: Called to begin the work, where nobody has begun it.
        """
        task = cast("asyncio.Task[T] | None", self._shared.get(key))
        if task is None:
            task = self._begun(make(), name="/".join(key))
            self._shared[key] = task
            task.add_done_callback(lambda _: self._shared.pop(key, None))
            # Where every caller has left, nobody asks for the exception; asking here keeps asyncio from reporting it
            # with a traceback, and the work itself has said what went wrong.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([task])
        return task.result()

    def is_shared(self, key: tuple[str, ...]) -> bool:
        """Say whether a task of this key is under way, which a caller of :meth:`share` would join."""
        return key in self._shared

    async def close(self) -> None:
        """Wait for what is running, at most 20 seconds, and cancel the rest."""
        self.is_closing = True
        try:
            await self._closed()
        finally:  # also where a close is cut off: an engine that is opened again renews again
            self.is_closing = False

    def abandon(self) -> None:
        """Forget the tasks of an event loop that ended without a close: they will never be done."""
        self._tasks, self._rounds, self._shared = set(), {}, {}

    async def _closed(self) -> None:
        for task in self._rounds.values():
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._close_seconds):
                while self._tasks:  # what ends may have begun something else
                    await asyncio.wait(self._tasks)
        late = set(self._tasks)
        for task in late:
            task.cancel()
        if late:
            _log.warning("%d background tasks were still running at close and are cancelled", len(late))
            await asyncio.wait(late, timeout=1)

    def _begun(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _report(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("%s ends with %s", task.get_name(), type(error).__name__)


async def _repeated(work: Callable[[], Coroutine[Any, Any, object]], name: str) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # the next round may do better, whatever this one met
            _log.error("%s ends with %s", name, type(error).__name__)  # and no traceback, which may hold a token
