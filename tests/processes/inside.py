"""What the processes of these tests are made of: an engine, gates that a test closes and opens, and a clock it sets.

A process reads ``PROCESS_SETUP`` (JSON: ``database`` and ``backends``) from its environment. It tells by lines on
stdout, and is told by lines on stdin: ``close <gate>``, ``open <gate>``, ``clock <seconds wrong>``, each of which it
answers by ``did <line>``. The end of stdin kills it, so that it never outlives the tests.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from asgi_social import Event, Social
from asgi_social.clock import SystemClock
from asgi_social.storage.repository import LeaseSeconds, Repository, StoredAssociation
from asgi_social.storage.sql import SqlRepository
from tests.app import KEY

BASE = "http://localhost:9401"
"""The public address of the app, where nothing listens: what is linked is linked in the process of the tests."""


def tell(line: str) -> None:
    """Say something to the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Gates:
    """Where a process waits, once somebody has closed the gate and until it is opened."""

    def __init__(self) -> None:
        self._closed: dict[str, asyncio.Event] = {}

    def close(self, name: str) -> None:
        """Hold whoever comes from now on."""
        self._closed[name] = asyncio.Event()

    def open(self, name: str) -> None:
        """Let go of those who wait, and of whoever comes."""
        self._closed.pop(name).set()

    async def through(self, name: str) -> None:
        """Go through, or say that the gate is reached and wait."""
        if (opened := self._closed.get(name)) is not None:
            tell(f"reached {name}")
            await opened.wait()


class Gated:
    """A repository with a gate before and after each write of a renewal; beyond that it is the one within."""

    def __init__(self, within: Repository, gates: Gates) -> None:
        self._within = within
        self._gates = gates

    def __getattr__(self, name: str) -> Any:
        return getattr(self._within, name)

    async def lease(
        self, association_id: str, *, version: int, lease_id: str, seconds: LeaseSeconds
    ) -> StoredAssociation | None:
        async with self._around("lease", association_id):
            leased = await self._within.lease(association_id, version=version, lease_id=lease_id, seconds=seconds)
        if leased is None:
            tell(f"refused the lease {association_id}")
        return leased

    async def mark_sent(self, association_id: str, *, version: int, lease_id: str) -> bool:
        async with self._around("mark_sent", association_id):
            return await self._within.mark_sent(association_id, version=version, lease_id=lease_id)

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        async with self._around("save_tokens", row.id):
            return await self._within.save_tokens(row, replaces=replaces)

    @asynccontextmanager
    async def _around(self, what: str, association_id: str) -> AsyncIterator[None]:
        await self._gates.through(f"before {what} {association_id}")
        yield
        await self._gates.through(f"after {what} {association_id}")


class WrongClock(SystemClock):
    """The machine's clock, and so many seconds."""

    def __init__(self) -> None:
        self.seconds_wrong = 0.0

    def now(self) -> float:
        return super().now() + self.seconds_wrong


class Inside:
    """The engine of this process, and what listens to the test."""

    def __init__(self) -> None:
        setup = json.loads(os.environ["PROCESS_SETUP"])
        self.gates = Gates()
        self._clock = WrongClock()
        self._unread = b""
        self.social = Social(
            secret_key=KEY,
            base_url=BASE,
            backends=setup["backends"],
            database=cast(Repository, Gated(SqlRepository(setup["database"]), self.gates)),
            clock=self._clock,
            on_event=_told,
        )

    def listen(self) -> None:
        """Do what stdin says from now on."""
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._read)

    def _read(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        if not data:
            os.kill(os.getpid(), signal.SIGKILL)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._do(line.decode())

    def _do(self, line: str) -> None:
        order, _, what = line.partition(" ")
        if order == "clock":
            self._clock.seconds_wrong = float(what)
        else:
            {"close": self.gates.close, "open": self.gates.open}[order](what)
        tell(f"did {line}")


def _told(event: Event) -> None:
    tell(f"event {event.name} {event.association_id} {event.reason}")
