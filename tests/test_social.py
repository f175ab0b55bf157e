"""The engine, with a request or without."""

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from databases import Database

from asgi_social import AssociationGone, Event, NotSignedIn, SettingsError, Social, StorageError, UnknownBackend
from asgi_social.storage.memory import MemoryRepository
from tests.app import KEY, app_of, browser, github, linked, settings
from tests.engines import Octo, engine, request_of, settled
from tests.renewing import TABLE


class Counting(MemoryRepository):
    """A store that counts how often it is opened and closed."""

    def __init__(self, *, failures: int = 0) -> None:
        super().__init__()
        self.opened = 0
        self.closed = 0
        self._failures = failures

    async def open(self) -> None:
        await asyncio.sleep(0)
        if self._failures:
            self._failures -= 1
            raise StorageError("the database does not answer", operation="open")
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1


TWO = {
    "github": {"client_id": "an-id", "client_secret": "a-secret"},
    "acme": {"provider": TABLE, "client_id": "an-id", "client_secret": "a-secret"},
}


def two_providers(request: httpx.Request) -> httpx.Response:
    """Answer as GitHub does, and as Acme does for the same person."""
    if request.url.host != "acme.example":
        return github(request)
    answers = {"/token": {"access_token": "acme_secret", "expires_in": 3600}, "/me": {"id": 7, "username": "ada"}}
    return httpx.Response(200, json=answers[request.url.path])


# Open and close


async def test_nothing_is_opened_before_open() -> None:
    store = Counting()
    social = Social(**settings(database=store))

    assert (store.opened, social.is_open) == (0, False)


async def test_open_and_close_do_their_work_once() -> None:
    store = Counting()
    social = Social(**settings(database=store))

    await asyncio.gather(*(social.open() for _ in range(10)))
    await social.open()
    open_between = social.is_open
    await social.close()
    await social.close()

    assert (store.opened, store.closed) == (1, 1)
    assert (open_between, social.is_open) == (True, False)


async def test_a_store_that_did_not_open_is_opened_by_the_next_call() -> None:
    store = Counting(failures=1)
    social = Social(**settings(database=store))
    with pytest.raises(StorageError):
        await social.open()
    closed = social.is_open

    await social.open()
    await social.close()

    assert (closed, store.opened, store.closed) == (False, 1, 1)


async def test_an_engine_that_was_closed_opens_again() -> None:
    store = Counting()
    async with Social(**settings(database=store)) as social:
        pass
    async with social, browser(app_of(social)) as client:
        done = await linked(client)

    assert done.status_code == 303
    assert (store.opened, store.closed) == (2, 2)


async def test_an_engine_closes_also_where_its_block_raises() -> None:
    store = Counting()
    with pytest.raises(LookupError):
        async with Social(**settings(database=store)):
            raise LookupError

    assert store.closed == 1


async def test_the_app_s_own_http_client_is_not_closed() -> None:
    values = settings()
    async with Social(**values):
        pass

    assert not values["http_client"].is_closed
    await values["http_client"].aclose()


async def test_an_engine_that_is_not_open_says_what_to_write() -> None:
    social = Social(**{**settings(), "http_client": None})

    with pytest.raises(RuntimeError, match="async with social"):
        await social.backend("github").associate("gho_secret", user_id="ada")


async def test_an_engine_with_a_client_of_its_own_opens_and_closes_it() -> None:
    social = Social(**{**settings(), "http_client": None})
    async with social:
        pass

    with pytest.raises(RuntimeError, match="async with social"):
        await social.backend("github").associate("gho_secret", user_id="ada")


async def test_a_database_is_named_by_a_url_or_given(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'social.db'}"
    async with Social(**settings(database=url)) as social, browser(app_of(social)) as client:
        await linked(client)

    async with Database(url) as database, Social(**settings(database=database)) as social:
        [association] = await social.associations("ada")

        assert await association.get_access_token() == "gho_secret"


async def test_a_database_of_another_kind_is_a_fault_when_the_engine_is_made() -> None:
    with pytest.raises(SettingsError) as raised:
        Social(**settings(database="oracle://ada:hunter2@db.example/app"))

    assert raised.value.setting == "database"
    assert "hunter2" not in str(raised.value)


async def test_an_engine_shows_its_backends_and_no_secret() -> None:
    shown = repr(Social(**settings(backends=TWO)))

    assert shown == "Social(backends=['acme', 'github'])"
    assert KEY not in shown


async def test_a_key_that_was_taken_off_too_early_is_told_when_the_engine_opens(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shared = settings()
    async with Social(**shared) as social, browser(app_of(social)) as client:
        await linked(client)
    caplog.clear()

    async with Social(**{**shared, "secret_key": "a-new-key-of-the-tests-8Kd3mP6vY1", "http_client": None}):
        pass

    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "1 associations are sealed with a key that is not in secret_key: put it back, at the end of the list"
    ]


async def test_a_backend_that_takes_unbound_tokens_is_told_when_the_engine_opens(
    caplog: pytest.LogCaptureFixture,
) -> None:
    github = {"client_id": "an-id", "client_secret": "a-secret"}
    backends = {"github": github, "spotify": {**github, "allow_unbound_tokens": True}}
    async with Social(**settings(backends=backends)):
        pass

    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "spotify: allow_unbound_tokens is set, so that a client token of any other app signs its person in"
    ]


def test_an_engine_that_brings_its_own_client_serves_one_event_loop_after_another() -> None:
    social = Social(**settings(http_client=None))

    async def opened() -> bool:
        await social.open()
        return social.is_open

    assert [asyncio.run(opened()), asyncio.run(opened())] == [True, True]
    assert not social.is_open


class Stuck(MemoryRepository):
    """A store that is closed only after an engine whose background did not end was cancelled."""

    is_closed = False

    async def close(self) -> None:
        self.is_closed = True


async def test_a_close_that_is_cancelled_lets_go_of_the_store_all_the_same() -> None:
    store = Stuck()
    social = Social(**settings(database=store))
    await social.open()
    going_on = asyncio.Event()
    social.engine.background.start(going_on.wait(), name="goes on")
    closing = asyncio.create_task(social.close())
    await asyncio.sleep(0)

    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert store.is_closed
    going_on.set()


# Backends


async def test_backends_come_in_the_order_of_the_settings() -> None:
    async with engine(backends=TWO) as social:
        assert [backend.name for backend in social.backends()] == ["github", "acme"]


@pytest.mark.parametrize("name", ["gihub", "GitHub", "", "../github", "complete"])
async def test_an_unknown_backend_is_an_error_that_names_those_there_are(name: str) -> None:
    async with engine() as social:
        for give in (social.backend, social.bound(request_of("ada")).backend):
            with pytest.raises(UnknownBackend) as raised:
                give(name)

            assert (raised.value.name, raised.value.configured) == (name, ("github",))
    assert ("'github'" in raised.value.hint) == (name in {"gihub", "GitHub", "../github"})


# Whose associations


async def _both_linked(social: Social, user: str = "ada") -> None:
    async with browser(app_of(social), user=user) as client:
        await linked(client, "github")
        social.settings.clock.advance(1)  # type: ignore[attr-defined]  # the tests' app has a clock by hand
        await linked(client, "acme")


async def test_a_user_s_associations_come_oldest_first_of_one_backend_or_of_all() -> None:
    async with Social(**settings(two_providers, backends=TWO)) as social:
        await _both_linked(social)
        bound = social.bound(request_of("ada"))

        everything = (await social.associations("ada"), await bound.associations())
        of_one = (await social.associations("ada", "acme"), await bound.associations("acme"))

        assert [[one.backend for one in found] for found in everything] == [["github", "acme"]] * 2
        assert [[one.uid for one in found] for found in of_one] == [["7"]] * 2
        assert await social.associations("grace") == []
        assert await social.bound(request_of("grace")).associations() == []


async def test_associations_of_an_unknown_backend_are_an_error_and_not_none() -> None:
    async with engine() as social:
        with pytest.raises(UnknownBackend):
            await social.associations("ada", "gihub")
        with pytest.raises(UnknownBackend):
            await social.bound(request_of("ada")).associations("gihub")


async def test_nobody_has_no_associations_to_see_or_to_unlink() -> None:
    async with engine() as social:
        for call in (social.bound(request_of(None)).associations, social.bound(request_of(None)).disconnect):
            with pytest.raises(NotSignedIn):
                await call()


async def test_an_engine_without_a_user_id_is_an_error() -> None:
    async with engine() as social:
        for call in (social.associations, social.disconnect):
            with pytest.raises(SettingsError):
                await call(None)


# disconnect


async def test_disconnect_unlinks_one_all_of_a_backend_or_all_and_gives_those_that_went() -> None:
    async with Social(**settings(two_providers, backends=TWO)) as social:
        await _both_linked(social)
        bound = social.bound(request_of("ada"))
        [_, acme] = await bound.associations()

        one = await bound.disconnect(association_id=acme.id)
        await _both_linked(social)
        of_a_backend = await bound.disconnect("acme")
        await _both_linked(social)
        everything = await bound.disconnect()

        assert [association.id for association in one] == [acme.id]
        assert [association.backend for association in of_a_backend] == ["acme"]
        assert [association.backend for association in everything] == ["github", "acme"]
        assert await social.associations("ada") == []


async def test_disconnect_of_nothing_gives_nothing() -> None:
    async with engine() as social:
        assert await social.disconnect("ada") == []
        assert await social.disconnect("ada", "github") == []


async def test_an_association_of_another_user_or_another_backend_is_gone_and_stays() -> None:
    async with Social(**settings(two_providers, backends=TWO)) as social:
        await _both_linked(social)
        [first, _] = await social.associations("ada")
        refusals = []
        for user, backend, association_id in (
            ("grace", None, first.id),
            ("ada", "acme", first.id),
            ("ada", None, "no such id"),
        ):
            with pytest.raises(AssociationGone) as raised:
                await social.disconnect(user, backend, association_id)
            refusals.append(raised.value.message)

        assert len(await social.associations("ada")) == 2
    assert len(set(refusals)) == 1


async def test_each_association_that_goes_is_told_and_its_provider_too() -> None:
    octo, events = Octo(), list[Event]()
    async with engine(octo, on_event=events.append) as social:
        linked_one = await social.backend("github").associate("gho_secret", user_id="ada")
        await settled(social)
        events.clear()

        await social.disconnect("ada")
        await settled(social)

    assert [(event.name, event.backend, event.user_id, event.association_id) for event in events] == [
        ("disconnected", "github", "ada", linked_one.id)
    ]
    assert octo.asked[-1] == "DELETE /applications/an-id/token"


async def test_an_association_of_a_backend_that_is_not_configured_any_more_can_be_unlinked() -> None:
    octo, store = Octo(), MemoryRepository()
    async with engine(octo, database=store) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
    octo.asked.clear()
    async with engine(octo, database=store, backends={}) as social:
        gone = await social.disconnect("ada")

        assert [one.backend for one in gone] == ["github"]
        assert await social.associations("ada") == []
    assert octo.asked == []


async def test_what_was_unlinked_still_tells_what_it_was() -> None:
    async with engine() as social:
        await social.backend("github").associate("gho_secret", user_id="ada")

        [gone] = await social.disconnect("ada")

        assert (gone.username, gone.uid, gone.user_id) == ("octocat", "583231", "ada")
