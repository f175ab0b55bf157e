"""The example of a task queue: a worker in a process of its own renews what an app has linked, through a real Redis."""

import asyncio
import importlib
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis.asyncio import Redis

from asgi_social import Social
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import KEY, app_of, browser
from tests.served import listener, serving

pytestmark = pytest.mark.redis

QUEUE = "queue_worker"
ROOT = Path(__file__).parents[2]
BASE = "http://localhost:8000"
REDIS = "redis://127.0.0.1:6379"


@pytest.fixture
async def queue() -> AsyncIterator[str]:
    """Give the name of a queue that nobody else has; what is left of it in Redis is removed."""
    name = f"asgi-social-{secrets.token_hex(6)}"
    yield name
    async with Redis.from_url(REDIS) as redis:
        keys = [key async for key in redis.scan_iter(f"*{name}*")]
        assert not any([await _holds_a_token(redis, key) for key in keys])
        for key in keys:
            await redis.delete(key)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/social.db"


@pytest.fixture
def clock() -> ManualClock:
    """Give the time of two hours ago."""
    return ManualClock(start=time.time() - 7200)


@pytest.fixture
async def provider(clock: ManualClock) -> AsyncIterator[FakeProvider]:
    """Give a provider on a socket."""
    with listener() as bound:
        fake = FakeProvider(issuer=f"http://127.0.0.1:{bound.getsockname()[1]}", clock=clock)
        async with serving(fake, bound):
            yield fake


@pytest.fixture
async def example(
    queue: str, database: str, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ModuleType]:
    """Import the example, with the environment that it asks for."""
    environment = {"QUEUE": queue, "REDIS_URL": REDIS, "SECRET_KEY": KEY, "BASE_URL": BASE, "SOCIAL_DATABASE": database}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("client_id", "client_secret", "issuer"):
        monkeypatch.setenv(f"ASGI_SOCIAL_OIDC_{name.upper()}", provider.backend_settings()[name])
    module = importlib.import_module(f"examples.{QUEUE}")
    yield module
    await module.broker.shutdown()
    del sys.modules[module.__name__]


async def linked(provider: FakeProvider, database: str, clock: ManualClock) -> str:
    """Link an account, and give the association's id."""
    social = Social(
        secret_key=KEY,
        base_url=BASE,
        backends={"oidc": provider.backend_settings()},
        database=database,
        clock=clock,
    )
    async with social, browser(app_of(social), base=BASE) as client:
        begun = await client.get("/associate/oidc/")
        await client.get(await provider.consent(begun.headers["location"]))
        [association] = await social.associations("ada")
    return association.id


@asynccontextmanager
async def worker() -> AsyncIterator[None]:
    """Run a worker, as its command does, which ends when it is asked to."""
    command = [sys.executable, "-m", "taskiq", "worker", f"examples.{QUEUE}:broker", "--workers", "1"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=os.environ)
    try:
        yield
        process.terminate()
        async with asyncio.timeout(40):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_worker_renews_what_is_due_and_what_it_is_told_to(
    example: ModuleType, provider: FakeProvider, database: str, clock: ManualClock
) -> None:
    association_id = await linked(provider, database, clock)
    clock.advance(7200)
    await example.broker.startup()
    async with worker():
        results = []
        for task, arguments in [
            (example.refresh_due, (10,)),
            (example.refresh_due, (10,)),
            (example.refresh_one, ("ada", association_id)),
        ]:
            sent = await task.kiq(*arguments)
            results.append(await sent.wait_result(timeout=40))

    assert [(result.is_err, result.return_value) for result in results] == [(False, 1), (False, 0), (False, "active")]
    assert provider.count("/token") == 3
    assert provider.families_lost == 0


async def test_each_minute_the_scheduler_asks_for_what_is_due(example: ModuleType) -> None:
    [source] = example.scheduler.sources
    await source.startup()

    planned = [(one.task_name, one.cron) for one in await source.get_schedules()]

    assert planned == [(example.refresh_due.task_name, "* * * * *")]


async def _holds_a_token(redis: Any, key: bytes) -> bool:
    return b"fake-" in (await redis.dump(key) or b"")
