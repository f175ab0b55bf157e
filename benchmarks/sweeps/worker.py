"""A worker that sweeps once, as ``asgi-social refresh`` does, and says what it did and what that took.

``python -m benchmarks.sweeps.worker <database> <token_url> <renewals at once>``; it begins once its parent says so.
"""

import asyncio
import json
import resource
import sys
import time

import httpx

from asgi_social import Social
from asgi_social.refresh.sweep import Swept
from benchmarks.processes import together

AT_ONCE = 20
LOOKED_AT_EVERY = 1000


def engine(database: str, token_url: str, http: httpx.AsyncClient | None = None, *, at_once: int = AT_ONCE) -> Social:
    """Make the engine, with so many renewals at once."""
    backend = {
        "provider": "oauth2",
        "authorize_url": token_url,
        "token_url": token_url,
        "userinfo_url": token_url,
        "client_id": "an-id",
        "client_secret": "a-secret",
        "renewals_at_once": at_once,
    }
    return Social(
        secret_key="the-key-of-the-sweep-4Rt7Wq2Zx8Lm5Vc9",
        backends={"example": backend},
        base_url="http://localhost:8000",
        database=database,
        http_client=http,
    )


def cpu_seconds() -> float:
    """Give the time for which this process has had a processor."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_kib() -> int:
    """Give the most memory that this process has had at any moment (RSS), in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def main() -> None:
    """Sweep, and print the figures."""
    _, database, token_url, at_once = sys.argv
    peaks: dict[int, int] = {}

    def look(swept: Swept) -> None:
        if swept.total % LOOKED_AT_EVERY == 0:
            peaks[swept.total] = peak_kib()

    limits = httpx.Limits(max_connections=int(at_once), max_keepalive_connections=int(at_once))
    async with (
        httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as http,
        engine(database, token_url, http, at_once=int(at_once)) as social,
    ):
        together()
        began, had = time.perf_counter(), cpu_seconds()
        swept = await social.refresh_due(on_progress=look)
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - had
    figures = {
        "renewed": swept.renewed,
        "elsewhere": swept.elsewhere,
        "other": swept.total - swept.renewed - swept.elsewhere,
        "seconds": seconds,
        "cpu": cpu,
        "peaks": peaks,
        "peak": peak_kib(),
    }
    sys.stdout.write(f"{json.dumps(figures)}\n")


if __name__ == "__main__":
    asyncio.run(main())
