"""A token endpoint that takes its time: as little of a server as there can be, so that it costs its machine little.

As a process of its own it prints its port, and once its input ends: how many renewals it did, how many refresh tokens
came a second time, and what it cost.
"""

import asyncio
import json
import resource
import sys
from urllib.parse import parse_qs


class Endpoint:
    """What became of the refresh tokens.

    Attributes:
        renewals: How many requests came.
        again: How many of them showed a refresh token that was spent.
    """

    def __init__(self, *, seconds: float) -> None:
        self.seconds = seconds
        self.renewals = 0
        self.again = 0
        self._spent: set[str] = set()

    def answer_to(self, body: bytes) -> bytes:
        """Spend the refresh token, and give the whole answer."""
        self.renewals += 1
        [token] = parse_qs(body.decode())["refresh_token"]
        self.again += token in self._spent
        self._spent.add(token)
        number = self.renewals
        said = {"access_token": f"a-new-{number}", "refresh_token": f"r-new-{number}", "expires_in": 3600}
        text = json.dumps({**said, "token_type": "Bearer"}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
        return head.encode() + text


class Connection(asyncio.Protocol):
    """One connection, on which one request follows the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._came = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer it in due time once it is a whole request."""
        self._came += data
        head, end, body = self._came.partition(b"\r\n\r\n")
        if not end:
            return
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) < int(length.partition(b":")[2]):
            return
        self._came = b""
        answer = self._endpoint.answer_to(body)
        asyncio.get_running_loop().call_later(self._endpoint.seconds, self._transport.write, answer)


async def main() -> None:
    """Serve until the input ends."""
    endpoint = Endpoint(seconds=float(sys.argv[1]) / 1000)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(endpoint), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"renewals": endpoint.renewals, "again": endpoint.again, "cpu": used.ru_utime + used.ru_stime}
    sys.stdout.write(f"{json.dumps(figures)}\n")


if __name__ == "__main__":
    asyncio.run(main())
