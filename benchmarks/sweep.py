"""What a sweep costs: memory, renewals a second of one worker and of two, and what claiming rows costs a database.

``memory``: associations that are due, on PostgreSQL; one worker sweeps 10,000 of them and another 100,000, and the peak
of each is printed. ``throughput``: a provider that answers after 200 ms, 20 renewals at once for each worker; one
worker, then two. ``claims``: the lease alone against batches by SKIP LOCKED, as the engine does it (``claims.py``).

Provider, database and workers share one machine, so its load is printed too. Everything is removed at the end::

    pip install "asgi-social[bench]"
    python -m benchmarks.sweep                          # ten minutes and more
    python -m benchmarks.sweep memory --rows 2000 8000  # a minute

On two cores, 20 at once keep one worker and the database busy already, and the machine holds a second one back. What
workers cost each other shows where it does not: ``throughput --at-once 8``.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asgi_social import Social
from benchmarks.databases import Kind, analyzed, fresh
from benchmarks.processes import line_of, run_together, started
from benchmarks.rows import expired, linked
from benchmarks.sweeps import claims
from benchmarks.sweeps.worker import AT_ONCE, engine

BATCH = 1000


@dataclass(slots=True)
class Provider:
    """The provider's process.

    Attributes:
        token_url: Where it is.
        figures: What it says at its end.
    """

    token_url: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What workers did that swept together.

    Attributes:
        rate: Renewals a second of all of them.
        provider_cpu: What the provider used of a core.
        workers: The figures of each (``sweeps/worker.py``).
    """

    rate: float
    provider_cpu: float
    workers: list[dict[str, Any]]


@asynccontextmanager
async def provider(milliseconds: float) -> AsyncIterator[Provider]:
    """Give a provider that answers after so long."""
    async with started("benchmarks.sweeps.provider", str(milliseconds)) as process:
        there = Provider(f"http://127.0.0.1:{await line_of(process)}/token")
        yield there
        assert process.stdin is not None
        process.stdin.close()
        there.figures = json.loads(await line_of(process))


async def fill(social: Social, count: int) -> None:
    """Store so many associations that are due, each with tokens of its own."""
    for begin in range(0, count, BATCH):
        uids = [f"{begin}-{number}" for number in range(min(BATCH, count - begin))]
        rows = [linked(uid, access_token=f"a-{uid}", refresh_token=f"r-{uid}", social=social) for uid in uids]
        await social.engine.repository.add_each([expired(row) for row in rows])


async def swept(kind: Kind, *, rows: int, milliseconds: float, workers: int, at_once: int) -> Round:
    """Let workers sweep a new database at once, each until nothing is due."""
    async with fresh(kind) as database, provider(milliseconds) as there:
        async with engine(database, there.token_url) as social:
            await fill(social, rows)
        await analyzed(database)
        figures = await run_together([("benchmarks.sweeps.worker", database, there.token_url, str(at_once))] * workers)
    assert all(one["other"] == 0 for one in figures), figures
    assert there.figures["renewals"] == rows, "not every row was renewed, or one twice"
    assert there.figures["again"] == 0, "a refresh token was shown twice"
    seconds = max(one["seconds"] for one in figures)
    return Round(rate=rows / seconds, provider_cpu=there.figures["cpu"] / seconds, workers=figures)


async def memory(asked: argparse.Namespace) -> None:
    """Print the peaks of workers that sweep few and many."""
    say(f"memory of one worker, {asked.database}, a provider that answers at once")
    for rows in asked.rows:
        done = await swept(asked.database, rows=rows, milliseconds=0, workers=1, at_once=asked.at_once)
        [worker] = done.workers
        steps = [(int(count), kib) for count, kib in worker["peaks"].items() if count.rstrip("0") in {"1", "2", "5"}]
        way = ", ".join(f"{kib / 1024:.1f} after {count:,}" for count, kib in steps)
        say(f"  {rows:>8,} renewed: peak {worker['peak'] / 1024:.1f} MiB ({way}); {done.rate:.0f} a second; {load()}")


async def throughput(asked: argparse.Namespace) -> None:
    """Print the renewals a second of one worker and of two, in turn."""
    at_once = f"{asked.at_once} at once for each worker"
    say(f"renewals a second, {asked.database}, a provider that answers after 200 ms, {at_once}")
    ratios = []
    for _ in range(asked.times):
        rates = []
        for workers in (1, 2):
            rows = asked.renewals * workers
            done = await swept(asked.database, rows=rows, milliseconds=200, workers=workers, at_once=asked.at_once)
            rates.append(done.rate)
            shares = " and ".join(f"{one['cpu'] / one['seconds']:.0%}" for one in done.workers)
            met = sum(one["renewed"] + one["elsewhere"] for one in done.workers) - rows
            say(
                f"  {workers} worker{'s' * (workers > 1)}: {done.rate:.1f} a second; of a core: {shares}, the provider "
                f"{done.provider_cpu:.0%}; {met} of {rows} rows met twice; {load()}"
            )
        ratios.append(rates[1] / rates[0])
        say(f"  two workers do {ratios[-1]:.2f} times as much as one")


async def claiming(asked: argparse.Namespace) -> None:
    """Print what the two ways to claim a row cost."""
    for kind in ("postgresql", "mariadb"):
        for milliseconds, rows in ((0, asked.claims), (200, asked.renewals * 2)):
            what = f"{milliseconds} ms of a provider" if milliseconds else "nothing"
            say(f"claims a second of two workers, {kind}, 20 at once each, {what} for a row")
            for way in claims.WAYS * asked.times:
                say(await claimed(kind, way, rows=rows, milliseconds=milliseconds))


async def claimed(kind: Kind, way: str, *, rows: int, milliseconds: int) -> str:
    """Let two workers claim all rows of a new database, and say what it took."""
    async with fresh(kind) as database:
        async with engine(database, "http://127.0.0.1:9/token") as social:
            await fill(social, rows)
        await analyzed(database)
        figures = await run_together([("benchmarks.sweeps.claims", database, way, str(milliseconds))] * 2)
    assert sum(one["claimed"] for one in figures) == rows, "a row was claimed twice, or never"
    seconds = max(one["seconds"] for one in figures)
    statements, wasted = (sum(one[name] for one in figures) for name in ("statements", "wasted"))
    cpu = sum(one["cpu"] for one in figures) / seconds
    return (
        f"  {way}: {rows / seconds:.0f} a second; {statements / rows:.2f} statements a claim, "
        f"{wasted} of {statements} wasted; of a core: {cpu:.0%}; {load()}"
    )


def load() -> str:
    """Say how much the machine has to do."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main() -> None:
    """Do what was asked for."""
    parts = {"memory": memory, "throughput": throughput, "claims": claiming}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[], help=f"of {', '.join(parts)}; none: all")
    parser.add_argument("--database", choices=["postgresql", "mariadb"], default="postgresql")
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000], help="of memory")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="of memory and throughput, for each worker")
    parser.add_argument("--renewals", type=int, default=2000, help="of throughput, for each worker")
    parser.add_argument("--claims", type=int, default=10_000, help="of claims, where nothing is done with a row")
    parser.add_argument("--times", type=int, default=2, help="how often throughput and claims are measured")
    asked = parser.parse_args()
    say(load())
    for name in asked.parts or parts:
        await parts[name](asked)


if __name__ == "__main__":
    asyncio.run(main())
