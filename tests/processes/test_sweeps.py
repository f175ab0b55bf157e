"""Two workers sweep one database at once: each association is renewed by one of them (issue 5, line 11)."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from asgi_social import Social
from asgi_social.clock import SystemClock
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Secret, random_text
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import FakeProvider, Person
from asgi_social.vault import with_tokens
from tests.databases import SERVERS
from tests.processes.running import sweeping
from tests.processes.world import HOUR, engine, new_database, plain
from tests.served import listener, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

DUE = 200
PEOPLE = [Person(sub=f"person-{number}", username=f"person{number}") for number in range(DUE)]


@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
async def test_two_workers_renew_each_of_two_hundred_due_associations_exactly_once(kind: str, tmp_path: Path) -> None:
    with listener() as bound, new_database(kind, tmp_path) as database:
        fake = FakeProvider(issuer=f"http://127.0.0.1:{bound.getsockname()[1]}", people=PEOPLE)
        backends = {"plain": plain(fake)}
        setup = {"database": database, "backends": backends}
        async with serving(fake, bound), engine(database, backends) as social:
            linked = [await _linked(social, fake, person) for person in PEOPLE]
            assert all(await social.engine.repository.add_each([row for row, _ in linked]))
            async with sweeping(setup) as one, sweeping(setup) as other:
                for worker in (one, other):
                    await worker.says("reached sweep")
                await asyncio.gather(*(worker.do("open sweep") for worker in (one, other)))
                codes = [await worker.ended() for worker in (one, other)]
            repository = social.engine.repository
            left = await repository.count(backends=["plain"], due_at=SystemClock().now())

    swept = [[int(number) for number in worker.lines[-1].split()[1:]] for worker in (one, other)]
    shown = Counter(asked.form["refresh_token"] for asked in fake.requests if "/token" in asked.endpoints)
    assert codes == [0, 0]
    assert shown == Counter(refresh_token for _, refresh_token in linked)
    assert sum(renewed for renewed, *_ in swept) == DUE
    assert left == 0
    assert fake.families_lost == 0


async def _linked(social: Social, fake: FakeProvider, person: Person) -> tuple[StoredAssociation, str]:
    """Give an association whose tokens ended a moment ago, and its refresh token."""
    said = fake.issue_tokens(person, scope=["profile"])
    now = SystemClock().now()
    row = StoredAssociation(
        id=random_text(bits=128),
        user_id=person.username,
        backend="plain",
        authority="",
        uid=person.sub,
        account="",
        client_id=fake.client_id,
        access_token="",
        issued_at=now,
        since=now,
        created_at=now,
    )
    tokens = Tokens(
        access_token=Secret(said["access_token"]), refresh_token=Secret(said["refresh_token"]), expires_at=now
    )
    row = with_tokens(row, tokens, keys=social.engine.keys, now=now - HOUR)
    return await social.engine.renewals.attempts.scheduled(row), said["refresh_token"]
