"""A process from the test's side: begun, talked with, and ended by its id whatever becomes of the test."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.served import listener

SECONDS = 30.0
"""How long a test waits for anything: far longer than it takes, for the machine may be busy."""

_ROOT = Path(__file__).parents[2]


class Running:
    """A process that runs.

    Attributes:
        base: Where its app is, where it has one.
        process: It.
        lines: What it said on stdout so far.
    """

    def __init__(self, base: str, process: asyncio.subprocess.Process) -> None:
        self.base = base
        self.process = process
        self.lines: list[str] = []
        self._said = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def do(self, *orders: str) -> None:
        """Tell it to do something, and wait until it has."""
        assert self.process.stdin is not None
        for order in orders:
            times = self.lines.count(f"did {order}") + 1
            self.process.stdin.write(f"{order}\n".encode())
            await self.says(f"did {order}", times=times)

    async def says(self, line: str, *, times: int = 1) -> None:
        """Wait until it has said a line so often."""
        try:
            async with asyncio.timeout(SECONDS), self._said:
                await self._said.wait_for(lambda: self.lines.count(line) >= times or self._reading.done())
        except TimeoutError:
            pass
        assert self.lines.count(line) >= times, f"it never said {line!r}, but\n" + "\n".join(self.lines)

    async def kill(self) -> None:
        """End it by signal 9."""
        self.process.kill()
        await self.process.wait()

    async def ended(self, *, seconds: float = SECONDS) -> int:
        """Wait until it has ended by itself, and give how."""
        async with asyncio.timeout(seconds):
            await self._reading
            return await self.process.wait()

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            async with self._said:
                self.lines.append(line.decode().rstrip("\n"))
                self._said.notify_all()
        async with self._said:
            self._said.notify_all()


@asynccontextmanager
async def served(setup: Mapping[str, Any]) -> AsyncIterator[Running]:
    """Serve the app by uvicorn, in a process; it may not be ready yet, and its socket is open already."""
    with listener() as bound:
        command = ("uvicorn", "tests.processes.app:app", "--log-level", "warning", "--fd", str(bound.fileno()))
        async with _running(command, setup, bound=bound) as running:
            yield running


@asynccontextmanager
async def several(count: int, setup: Mapping[str, Any]) -> AsyncIterator[Sequence[Running]]:
    """Serve the app in so many processes, all of which are ready."""
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(served(setup)) for _ in range(count)]
        for process in processes:
            await process.says("opened")
        yield processes


def sweeping(setup: Mapping[str, Any]) -> AbstractAsyncContextManager[Running]:
    """Begin a worker, as ``served`` begins an app."""
    return _running(("tests.processes.sweep",), setup)


@asynccontextmanager
async def _running(
    command: Sequence[str], setup: Mapping[str, Any], *, bound: socket.socket | None = None
) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        cwd=_ROOT,
        env={"PATH": os.environ["PATH"], "PROCESS_SETUP": json.dumps(setup)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        pass_fds=[] if bound is None else [bound.fileno()],
    )
    running = Running("" if bound is None else f"http://127.0.0.1:{bound.getsockname()[1]}", process)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.ended()
