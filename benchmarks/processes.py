"""Processes of a benchmark: started together, let go together, and never outliving it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def together() -> None:
    """Say, in a process that was started here, that it is ready, and wait until all of them are."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


@contextlib.asynccontextmanager
async def started(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a module of the benchmarks as a process, which does not outlive this."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "ignore", "-m", module, *arguments),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_of(process: asyncio.subprocess.Process) -> str:
    """Give the next line that a process prints.

    Raises:
        SystemExit: It printed none, and its error stands above.
    """
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise SystemExit("a process of the benchmark ends too early")
    return line.decode().strip()


async def run_together(calls: Sequence[Sequence[str]]) -> list[Any]:
    """Run modules at once, each a process that calls :func:`together`, and give the JSON that each of them prints."""
    async with contextlib.AsyncExitStack() as running:
        processes = [await running.enter_async_context(started(*call)) for call in calls]
        for process in processes:
            await line_of(process)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        return [json.loads(await line_of(process)) for process in processes]
