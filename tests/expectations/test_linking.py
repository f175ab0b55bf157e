"""What a user expects of linking: expectations 20 to 25, where no other test holds them."""

import logging
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from asgi_social import Account, AccountTaken, Event, Social
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import ManualClock
from tests.app import app_of, browser, github, linked, query_of, settings
from tests.engines import Octo, engine, load, settled
from tests.renewing import REVOKED, Acme, at


def told(events: list[Event]) -> list[tuple[str, str, str | None, bool]]:
    """Give of each event its name, its backend, its user, and whether it names an association."""
    return [(one.name, one.backend, one.user_id, one.association_id is not None) for one in events]


async def test_sixty_accounts_of_one_person_are_all_there_oldest_first_and_go_one_by_one_by_backend_or_all() -> None:
    """Expectation 20, for a person who has many."""
    clock, uids = ManualClock(), list[int]()
    backends = {name: {"provider": "github", "client_id": "an-id", "client_secret": "s"} for name in ("one", "two")}

    def network(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/applications/an-id/token":
            return httpx.Response(200, json={"app": {"client_id": "an-id"}, "user": {"id": uids[-1]}})
        return httpx.Response(200, json={"id": uids[-1]})

    async with Social(**settings(network, backends=backends, clock=clock)) as social:
        for number in range(1, 61):
            uids.append(number)
            await social.backend("one" if number <= 30 else "two").associate(f"gho_{number}", user_id="ada")
            clock.advance(1)
        every = await social.associations("ada")

        gone = await social.disconnect("ada", association_id=every[0].id)
        of_one = await social.disconnect("ada", "one")
        rest = await social.disconnect("ada")

    assert [one.uid for one in every] == [str(number) for number in range(1, 61)]
    assert ([one.id for one in gone], len(of_one), len(rest)) == ([every[0].id], 29, 30)


def granting(*scopes: str) -> tuple[list[httpx.Request], Any]:
    """Give a GitHub that grants these scopes, one for each link, and the list of what it is asked."""
    asked: list[httpx.Request] = []
    coming = iter(scopes)

    def network(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/login/oauth/access_token":
            return httpx.Response(200, json={"access_token": "gho_x", "token_type": "bearer", "scope": next(coming)})
        return github(request)

    return asked, network


async def test_asking_for_more_scope_keeps_the_association_and_tells_what_was_granted_and_not_what_was_asked() -> None:
    """Expectation 21."""
    _, network = granting("read:user", "read:user,gist", "read:user,gist")
    backend = {"client_id": "i", "client_secret": "s", "scope": ["read:user"], "further_scope": ["gist", "repo"]}
    async with Social(**settings(network, backends={"github": backend})) as social, browser(app_of(social)) as client:
        seen = []
        for query in ("", "?scope=gist,repo", ""):
            begun = await client.get(f"/associate/github/{query}")
            asked = query_of(begun.headers["location"])
            await client.get("/complete/github/", params={"code": "c", "state": asked["state"]})
            [association] = await social.associations("ada")
            seen.append((association.id, asked["scope"], association.scope))

    assert len({one[0] for one in seen}) == 1
    assert [one[1:] for one in seen] == [
        ("read:user", ("read:user",)),
        ("read:user,gist,repo", ("read:user", "gist")),  # repo was asked for, and not granted
        ("read:user,gist", ("read:user", "gist")),  # nothing more was asked: what was granted is asked again
    ]


async def test_an_unlinking_that_the_provider_does_not_take_is_done_here_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Expectation 22: a log line and an event say so."""
    octo, events = Octo(), list[Event]()
    octo.revoked = 500
    async with engine(octo, on_event=events.append) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        with caplog.at_level(logging.INFO, logger="asgi_social"):
            await social.disconnect("ada")
            await settled(social)
        left = await social.associations("ada")

    assert left == []
    assert events[-1].name == "revocation_failed"
    assert any(record.getMessage().startswith("revocation_failed backend=github") for record in caplog.records)


async def test_linking_signing_in_and_unlinking_are_told_with_user_backend_and_association() -> None:
    """Expectation 23."""
    events: list[Event] = []
    async with engine(on_event=events.append, load_user=load) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        await social.backend("github").do_auth("gho_secret")
        await social.disconnect("ada")

    names = ["associated", "signed_in", "disconnected"]
    assert told(events) == [(name, "github", "ada", True) for name in names]
    assert len({one.association_id for one in events}) == 1


async def test_a_renewal_and_its_end_are_told_with_user_backend_and_association() -> None:
    """Expectation 23."""
    acme = Acme()
    async with at(acme) as there:
        await there.association.refresh_token()
        acme.answers.append(REVOKED)
        with pytest.raises(Exception, match="link"):
            await (await there.stored()).refresh_token()
        await there.at_rest()

    names = ["renewed", "renewal_failed", "needs_reauth"]
    assert told(there.events) == [(name, "acme", "ada", True) for name in names]


async def test_a_conflict_is_told_with_who_tried_and_not_with_whose_the_account_is() -> None:
    """Expectation 23."""
    events: list[Event] = []
    async with engine(on_event=events.append) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        with pytest.raises(AccountTaken):
            await social.backend("github").associate("gho_secret", user_id="bob")
        await settled(social)

    assert told(events)[1:] == [("account_taken", "github", "bob", False)]
    assert (events[1].code, events[1].detail) == ("account_taken", None)


@pytest.mark.parametrize("embedded", [True, False], ids=["an embedded user", "the app's own user"])
async def test_a_new_user_is_told_as_linked_and_signed_in(embedded: bool) -> None:
    """Expectation 23."""
    events: list[Event] = []
    users: Mapping[str, Any] = {"embedded_users": True}
    if not embedded:
        users = {"load_user": load, "create_user": made}
    async with engine(on_event=events.append, sign_up="allow", **users) as social:
        await social.backend("github").do_auth("gho_secret")
        await settled(social)

    assert [one.name for one in events] == ["associated", "signed_in"]
    assert len({(one.user_id, one.association_id) for one in events}) == 1
    assert all(one.user_id and one.association_id for one in events)


def made(account: Account) -> str:
    """Make a user, as an app does."""
    return f"user of {account.uid}"


async def test_nobody_is_told_as_signed_in_who_is_not() -> None:
    """Expectation 23: neither a stranger, nor a user who is gone."""
    events: list[Event] = []
    async with engine(on_event=events.append, load_user=load) as social:
        stranger = await social.backend("github").do_auth("gho_secret")
        await social.backend("github").associate("gho_secret", user_id="gone")
        gone = await social.backend("github").do_auth("gho_secret")
        await settled(social)

    assert (stranger, gone) == (None, None)
    assert [one.name for one in events] == ["associated"]


async def test_an_account_that_somebody_else_took_while_its_user_was_made_is_told_once() -> None:
    """Expectation 23: whose the account is in the end is signed in, and nothing is told of a link that was not made."""
    events, store = list[Event](), MemoryRepository()
    async with engine(on_event=events.append, database=store) as other_process:

        async def slow(account: Account) -> str:
            await other_process.backend("github").associate("gho_secret", user_id="bob")
            return made(account)

        values: dict[str, Any] = {"load_user": load, "create_user": slow, "sign_up": "allow"}
        async with engine(on_event=events.append, database=store, **values) as social:
            user = await social.backend("github").do_auth("gho_secret")
            await settled(social)

    assert user == "user bob"
    assert sorted(one.name for one in events if one.name != "disconnected") == ["associated", "signed_in"]
    assert {one.user_id for one in events} == {"bob"}


async def test_an_account_that_was_unlinked_is_linked_again_as_one_row() -> None:
    """Expectation 24."""
    store = MemoryRepository()
    async with Social(**settings(database=store)) as social, browser(app_of(social)) as client:
        await linked(client)
        await social.disconnect("ada")
        await linked(client)
        await linked(client)
        [association] = await social.associations("ada")

        token = await association.get_access_token()

    assert (token, association.status) == ("gho_secret", "active")
