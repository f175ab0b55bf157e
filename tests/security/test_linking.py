"""Whose an account is, and what linking it again does. Rows SR-L02, L03 and L05."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest

from asgi_social import Social
from asgi_social.errors import AccountTaken
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import app_of, browser, linked, settings
from tests.security.doors import (
    ISSUER,
    SECRETS,
    Network,
    corp,
    rows_of,
    three_backends,
)

# --- SR-L02, SR-L03, SR-L05: whose an account is ---------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_sr_l02_an_account_of_another_user_is_never_moved(accept: str) -> None:
    network = Network()
    async with (
        Social(**settings(network)) as social,
        browser(app_of(social)) as ada,
        browser(app_of(social), user="bob") as bob,
    ):
        await linked(ada)
        before = await rows_of(social)
        bob.headers["accept"] = accept

        answer = await linked(bob)

        assert answer.status_code == 409
        assert await rows_of(social) == before
        assert await rows_of(social, "bob") == []
        assert not [word for word in (*SECRETS, "ada", "octocat", "583231", before[0].id) if word in answer.text]
        again = await linked(ada)
        assert again.status_code == 303


async def test_sr_l02_a_client_token_moves_no_account_either() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as ada:
        await ada.get(await fake.consent((await ada.get("/associate/corp/")).headers["location"]))
        before = await rows_of(social)
        id_token = fake.issue_tokens("ada", nonce="one")["id_token"]

        with pytest.raises(AccountTaken):
            await social.backend("corp").associate(id_token=id_token, nonce="one", user_id="bob")

        assert await rows_of(social) == before


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_sr_l03_fifty_completions_for_one_account_and_two_users_end_in_one_row(
    store: str, tmp_path: Path
) -> None:
    database = MemoryRepository() if store == "memory" else f"sqlite+aiosqlite:///{tmp_path}/social.db"

    async def trip(social: Social, user: str) -> tuple[str, int, str]:
        async with browser(app_of(social), user=user) as client:
            client.headers["accept"] = "application/json"
            answer = await linked(client)
            return user, answer.status_code, "" if answer.status_code == 303 else answer.json()["code"]

    async with Social(**settings(database=database)) as social:
        ends = Counter(await asyncio.gather(*(trip(social, ("ada", "bob")[number % 2]) for number in range(50))))

        rows = {user: len(await rows_of(social, user)) for user in ("ada", "bob")}
    [owner] = [user for user, count in rows.items() if count]
    other = "bob" if owner == "ada" else "ada"
    assert rows[owner] == 1
    assert ends == {(owner, 303, ""): 25, (other, 409, "account_taken"): 25}


async def test_sr_l03_the_same_uid_at_another_backend_is_another_account() -> None:
    async with (
        Social(**settings(Network(), backends=three_backends() | {"second": three_backends()["other"]})) as social,
        browser(app_of(social)) as ada,
        browser(app_of(social), user="bob") as bob,
    ):
        first, second = await linked(ada, "other"), await linked(bob, "second")

        assert (first.status_code, second.status_code) == (303, 303)
        assert (await rows_of(social))[0].uid == (await rows_of(social, "bob"))[0].uid


async def test_sr_l05_linking_again_keeps_the_row_and_a_refresh_token_that_did_not_come_again() -> None:
    answers = [
        {"access_token": "first-access", "refresh_token": "first-refresh", "expires_in": 3600},
        {"access_token": "second-access", "expires_in": 7200},
        {"access_token": "third-access", "refresh_token": "third-refresh"},
    ]
    coming = iter(answers)
    network = Network(token=lambda _: httpx.Response(200, json=next(coming)))
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        rows = []
        for _ in answers:
            assert (await linked(client, "other")).status_code == 303
            [row] = await rows_of(social)
            rows.append(row)
            tokens = [await one.get_access_token() for one in await social.associations("ada")]

    assert len({row.id for row in rows}) == 1
    assert [row.version for row in rows] == [1, 2, 3]
    assert rows[0].refresh_token == rows[1].refresh_token != rows[2].refresh_token
    assert tokens == ["third-access"]


async def test_a_second_account_of_one_backend_is_linked_beside_the_first() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        for person in ("ada", "layla"):
            location = (await client.get("/associate/corp/")).headers["location"]
            assert (await client.get(await fake.consent(location, person=person))).status_code == 303
            clock.advance(1)

        assert [one.username for one in await social.associations("ada")] == ["ada", "layla"]
