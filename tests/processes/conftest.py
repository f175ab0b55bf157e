"""The world of each database, which all tests here share: its processes take a second each to start."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.certified import CertifiedProvider, running_provider
from tests.conftest import NEEDS
from tests.databases import SERVERS
from tests.processes.inside import BASE
from tests.processes.running import several
from tests.processes.world import Street, World, engine, new_database, plain
from tests.served import listener, serving

ROTATING = (
    *("storm", "hundred", "clock", "plain", "slow", "cut", "down", "late", "limited"),
    *("crashed", "held", "unmarked", "closing", "gone", "locked"),
)
LENIENT = ("lenient", "held-lenient", "paused")


@pytest.fixture(scope="session")
def certified() -> Iterator[CertifiedProvider | None]:
    """The certified provider; None where it cannot run, and the tests that need it are not run either."""
    if not NEEDS["node"]():
        yield None
        return
    with running_provider(redirect_uris=[f"{BASE}/complete/certified/"], refresh_tokens="always") as provider:
        yield provider


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=["sqlite", *SERVERS])
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certified: CertifiedProvider | None
) -> AsyncIterator[World]:
    """One of the three databases, with four processes that serve an app on it."""
    with listener() as bound, new_database(request.param, tmp_path_factory.mktemp("world")) as database:
        street = Street(f"http://127.0.0.1:{bound.getsockname()[1]}", rotating=ROTATING, lenient=LENIENT)
        backends = street.backends()
        backends["plain"] = plain(street.fakes["plain"])
        if certified is not None:
            backends["certified"] = {
                "provider": "oidc",
                "issuer": certified.issuer,
                "client_id": certified.client_id,
                "client_secret": certified.client_secret,
            }
        async with (
            serving(street, bound),
            engine(database, backends) as social,
            # A connection for each request: one that is kept may be closed at the moment it is used again.
            httpx.AsyncClient(trust_env=False, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)) as http,
            several(4, {"database": database, "backends": backends}) as processes,
        ):
            yield World(
                database=database,
                fakes=street.fakes,
                backends=backends,
                social=social,
                http=http,
                processes=processes,
            )
