"""A way to a database server that a test cuts and mends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Carries bytes between whoever connects and a server on this machine, while it is whole.

    Attributes:
        port: Where it listens; the same before and after it was cut.
    """

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Let whoever connects through from now on."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End every connection in whatever it is doing, and refuse new ones."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, there_writer}
        async with asyncio.TaskGroup() as group:
            group.create_task(_carry(reader, there_writer))
            group.create_task(_carry(there_reader, writer))
        self._open -= {writer, there_writer}


@asynccontextmanager
async def proxy(to: int) -> AsyncIterator[Proxy]:
    """Give a proxy to a port of this machine, which is whole at first."""
    one = Proxy(to)
    await one.mend()
    try:
        yield one
    finally:
        await one.cut()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
