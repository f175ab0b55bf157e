"""A provider on a real socket of this machine that links an account well, and answers a renewal as a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from asgi_social import Association, Social
from asgi_social.protocols.message import Conversation
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import ManualClock
from asgi_social.transport import Transport
from tests.app import settings
from tests.renewing import Acme, at, backend_at

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GOOD = b'{"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600}'
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD


@dataclass
class Talked:
    """One connection, after a request on it was read.

    Attributes:
        reader, writer: The connection.
        number: Which request of the server this is, from 1.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int


Talk = Callable[[Talked], Awaitable[None]]


@dataclass
class Server:
    """What a server saw.

    Attributes:
        url: Its root, without a slash at the end.
        requests: The bodies of the requests, in their order.
        connections: How many there were.
        left: Set when a client has closed a connection under its answer.
        ended: Set when the first connection has ended on this side.
    """

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def served(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve every request of every connection by a function, until that or the client closes it."""
    server, talking = Server(), dict[asyncio.Task[object], asyncio.StreamWriter]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking[task] = writer
        server.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                server.requests.append(await reader.readexactly(length))
                await talk(Talked(reader, writer, len(server.requests)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            server.left.set()
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            server.ended.set()
            del talking[task]

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with listening:
        server.url = f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server
        for writer in list(talking.values()):
            writer.transport.abort()
        await asyncio.gather(*talking, return_exceptions=True)


class Hasty(Transport):
    """The transport with a deadline of a moment in place of its 15 seconds, for what is about the deadline alone."""

    async def play(self, conversation: Conversation[Any], *, backend: str, seconds: float = 0.3) -> Any:
        return await super().play(conversation, backend=backend, seconds=min(seconds, 0.3))


@dataclass
class Wired:
    """An engine with a client of its own at a server, and an association there whose row can be looked at.

    Attributes:
        social: The engine.
        association: To renew.
        hasty: The same, with a deadline of a moment.
        clock: The engine's time, by hand.
        before: The row as it was.
    """

    social: Social
    association: Association[Any]
    hasty: Association[Any]
    clock: ManualClock
    repository: MemoryRepository
    before: StoredAssociation

    async def row(self) -> StoredAssociation:
        """Give the row as the store has it now."""
        row = await self.repository.get(self.before.id)
        assert row is not None
        return row


@asynccontextmanager
async def wired(url: str, *, http_client: httpx.AsyncClient | None = None) -> AsyncIterator[Wired]:
    """Open an engine whose provider's token endpoint is under this URL, and which has a linked account there."""
    clock = ManualClock()
    repository = MemoryRepository(clock=clock)
    async with at(Acme(), clock=clock, repository=repository) as there:
        row = await there.row()
    assert await repository.save_tokens(replace(row, token_host="127.0.0.1", version=2), replaces=1)
    values = settings(
        backends={"acme": backend_at({"token": {"url": f"{url}/token"}})},
        base_url="http://localhost:8000",
        database=repository,
        clock=clock,
        http_client=http_client,
    )
    async with Social(**values) as social:
        [association] = await social.associations("ada")
        before = await repository.get(row.id)
        assert before is not None
        renewals = social.engine.renewals
        transport = Hasty(clock=clock, share=renewals.background.share, development=True, http_client=http_client)
        transport.open()
        attempts = replace(renewals.attempts, transport=transport)
        hasty = Association(before, {}, replace(renewals, attempts=attempts), transport, str)
        yield Wired(social, association, hasty, clock, repository, before)
        await transport.close()
