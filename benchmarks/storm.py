"""Fifty callers, one expired token, a provider that rotates: what each package does, side by side, in one run.

The provider takes a refresh token once; one that comes again ends its whole family (RFC 9700 section 4.14.2). It acts
at once and answers after 200 ms. Each package is used in an app as its own documentation shows (``storms/``), over a
SQLite file; its callers are let in together, in one process and in four. A lone caller goes first, and shows that the
app is right. Everything in the table is counted in this run::

    pip install "asgi-social[bench]"
    python -m benchmarks.storm

Left out are httpx-oauth, which stores no tokens, and django-allauth, which stores them and renews none.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgi_social.testing import FakeProvider
from benchmarks.processes import run_together, started
from benchmarks.storms.stage import CLIENT_ID, CLIENT_SECRET

RUN_SECONDS = 120
APPS = {
    "asgi_social": ("asgi-social", "asgi_social_app"),
    "Authlib": ("authlib", "authlib_app"),
    "social-core": ("social-auth-core", "social_core_app"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one storm did.

    Attributes:
        requests: To the token endpoint.
        failed: Callers who did not get an answer of the API.
        families_lost: Families that the provider ended.
    """

    requests: int
    failed: int
    families_lost: int


def slow(app: ASGIApp, seconds: float) -> ASGIApp:
    """Give an app that acts at once, and answers so much later."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        async def later(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(seconds)
            await send(message)

        await app(scope, receive, later)

    return answering


@contextlib.asynccontextmanager
async def served(seconds: float) -> AsyncIterator[FakeProvider]:
    """Serve the provider on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as bound:
        issuer = f"http://127.0.0.1:{bound.getsockname()[1]}"
        provider = FakeProvider(issuer=issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        config = uvicorn.Config(slow(provider, seconds), lifespan="off", log_level="error", access_log=False)
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[bound]))
            while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
                await asyncio.sleep(0.01)
            try:
                yield provider
            finally:
                server.should_exit = True


async def prepared(app: str, database: str, provider: FakeProvider) -> None:
    """Let an app store tokens of a new family, whose access token has ended at the provider too."""
    provider.lifetime = 0
    tokens = provider.issue_tokens("ada", scope=("profile",))
    provider.lifetime = 3600
    async with started(f"benchmarks.storms.{app}", "prepare", database, provider.issuer) as process:
        out, _ = await process.communicate(json.dumps(tokens).encode())
    if process.returncode != 0:
        raise SystemExit(f"{app} does not store its tokens: {out.decode()}")


async def stormed(app: str, provider: FakeProvider, *, callers: Sequence[int]) -> Outcome:
    """Let so many callers into each of several processes, all at once."""
    with tempfile.TemporaryDirectory(prefix="storm-") as folder:
        path = f"{folder}/app.db"
        database = f"sqlite+aiosqlite:///{path}" if app == "asgi_social_app" else path
        await prepared(app, database, provider)
        requests, families = provider.count("/token"), provider.families_lost
        storms = [(f"benchmarks.storms.{app}", "storm", database, provider.issuer, str(count)) for count in callers]
        statuses = [status for answered in await run_together(storms) for status in answered]
    return Outcome(
        requests=provider.count("/token") - requests,
        failed=sum(status != 200 for status in statuses),
        families_lost=provider.families_lost - families,
    )


def shared(callers: int, *, processes: int) -> list[int]:
    """Spread callers over processes as evenly as it goes.

    >>> shared(50, processes=4)
    [13, 13, 12, 12]
    """
    each, more = divmod(callers, processes)
    return [each + (number < more) for number in range(processes)]


def line(*cells: object) -> None:
    """Print a line of the table."""
    sys.stdout.write("{:<22}{:>8}{:>11}{:>10}{:>15}{:>15}\n".format(*map(str, cells)))
    sys.stdout.flush()


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--answer-ms", type=int, default=200, help="after which the provider answers")
    parser.add_argument("--only", choices=APPS, nargs="*", default=list(APPS))
    asked = parser.parse_args()
    line("", "callers", "processes", "requests", "failed callers", "families lost")
    async with served(asked.answer_ms / 1000) as provider:
        for title in asked.only:
            package, app = APPS[title]
            for callers in [[1], *(shared(asked.callers, processes=count) for count in asked.processes)]:
                async with asyncio.timeout(RUN_SECONDS):
                    outcome = await stormed(app, provider, callers=callers)
                figures = outcome.requests, outcome.failed, outcome.families_lost
                line(f"{title} {version(package)}", sum(callers), len(callers), *figures)


if __name__ == "__main__":
    asyncio.run(main())
