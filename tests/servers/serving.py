"""An app behind a server of its own, as a process: started as from a shell, ended by its id, and what it said."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""How long a server may take to start, or to end."""


def uvicorn(app: str, port: int) -> list[str]:
    """Give the command that serves an app by uvicorn; ``demo()`` is a factory."""
    factory = ["--factory"] if app.endswith("()") else []
    return ["uvicorn", *factory, app.removesuffix("()"), "--port", str(port)]


def hypercorn(app: str, port: int) -> list[str]:
    """Give the command that serves an app by hypercorn, which calls what ends in ``()`` by itself."""
    return ["hypercorn", app, "--bind", f"127.0.0.1:{port}"]


SERVERS: Mapping[str, Callable[[str, int], list[str]]] = {"uvicorn": uvicorn, "hypercorn": hypercorn}


@dataclass
class Served:
    """A server that runs, or has run.

    Attributes:
        base: Its public address.
        said: The lines that it wrote to stderr.
    """

    base: str
    said: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        """What it wrote that is neither information nor a request."""
        return [line for line in self.said if re.search(r"warning|error|critical|traceback|exception", line, re.I)]


@asynccontextmanager
async def serving(
    server: str, app: str, *options: str, folder: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Serve an app on a free port, until the context ends.

    Args:
        server: One of ``SERVERS``.
        app: As the server's command names it.
        options: Further ones of the command.
        folder: Where the process runs; its database comes to lie there.
        environment: What the app reads; ``PORT`` comes besides.
    """
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "always", "-m", *SERVERS[server](app, port), *options),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": str(port), **(environment or {})},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # hypercorn's worker is a process of its own, and is not to be left behind
    )
    served = Served(f"http://localhost:{port}")
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            await _started(process.stderr, served)
        yield served
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        async with asyncio.timeout(SECONDS):
            served.said += (await process.stderr.read()).decode().splitlines()
            await process.wait()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _started(stderr: asyncio.StreamReader, served: Served) -> None:
    while line := (await stderr.readline()).decode():
        served.said.append(line.rstrip())
        if "unning on http" in line:
            return
    raise AssertionError("\n".join(["the server did not start", *served.said]))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
