"""What an app does with a backend: link accounts by client tokens, and find and make users by them."""

import asyncio
import logging
from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social import (
    AccountTaken,
    Event,
    FlowRefused,
    NotSignedIn,
    SettingsError,
    Social,
    StorageError,
)
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from tests.app import github, query_of, settings
from tests.engines import URI, Octo, corp, engine, load, request_of, settled


async def test_a_backend_shows_its_name_and_its_provider_and_no_secret() -> None:
    async with engine() as social:
        backend = social.backend("github")

    assert repr(backend) == "Backend('github', provider='github')"
    assert (backend.name, backend.title, backend.client_id) == ("github", "GitHub", "an-id")
    assert not backend.takes_form_post


# begin


def _backends(**more: object) -> dict[str, Any]:
    return {"github": {"client_id": "an-id", "client_secret": "a-secret", **more}}


async def _asked(social: Social, **more: Any) -> dict[str, str]:
    backend = social.backends()[0]
    _, url = await backend.begin(user_id="ada", redirect_uri=URI, next_path="/", **more)
    return query_of(url)


async def test_further_scope_is_asked_only_where_the_settings_allow_it() -> None:
    async with engine(backends=_backends(scope=["read:user"], further_scope=["repo"])) as social:
        asked = await _asked(social, further_scope=("repo", "admin:org"))

    assert asked["scope"] == "read:user,repo"


async def test_scope_that_was_granted_is_asked_again_while_the_settings_allow_it() -> None:
    octo, store = Octo(), MemoryRepository()
    wide = _backends(scope=["read:user"], further_scope=["repo"])
    async with engine(octo, backends=wide, database=store) as social:
        flow, _ = await social.backend("github").begin(
            user_id="ada", redirect_uri=URI, next_path="/", further_scope=("repo",)
        )
        await social.backend("github").complete(flow, {"code": "a-code"})
        row = (await store.of_user("ada"))[0]
        await store.save_tokens(_with(row, scope=("read:user", "repo", "gist")), replaces=row.version)
        again = await _asked(social)
    async with engine(octo, backends=_backends(scope=["read:user"]), database=store) as social:
        narrowed = await _asked(social)

    assert again["scope"] == "read:user,repo"
    assert narrowed["scope"] == "read:user"


async def test_consent_is_asked_for_only_while_there_is_nothing_to_renew_with() -> None:
    async with corp() as (_, fake):
        backends = {"corp": {**fake.backend_settings(), "offline": True}}
    async with corp(backends=backends) as (social, fake):
        first = await _asked(social)
        flow, url = await social.backend("corp").begin(user_id="ada", redirect_uri=URI, next_path="/")
        callback = query_of(await fake.consent(url))
        await social.backend("corp").complete(flow, callback)
        again = await _asked(social)

    assert first["prompt"] == "consent"
    assert "offline_access" in again["scope"].split()
    assert "prompt" not in again


async def test_a_provider_without_a_redirect_cannot_be_begun() -> None:
    provider = {
        "name": "tokens",
        "title": "Tokens",
        "flows": ["token"],
        "token": {"url": "https://tokens.example/token"},
        "userinfo": {"url": "https://tokens.example/me"},
    }
    backends = {"tokens": {"provider": provider, "client_id": "an-id", "client_secret": "a-secret"}}
    async with engine(backends=backends) as social:
        with pytest.raises(SettingsError) as raised:
            await _asked(social)

    assert raised.value.setting == "backends.tokens"


# complete


async def test_a_code_whose_browser_has_gone_still_gives_its_association() -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login/oauth/access_token":
            arrived.set()
            await go_on.wait()
        return github(request)

    async with Social(**settings(http_client=httpx.AsyncClient(transport=httpx.MockTransport(slow)))) as social:
        backend = social.backend("github")
        flow, _ = await backend.begin(user_id="ada", redirect_uri=URI, next_path="/")
        browser = asyncio.create_task(backend.complete(flow, {"code": "a-code"}))
        await arrived.wait()
        browser.cancel()
        with pytest.raises(asyncio.CancelledError):
            await browser
        go_on.set()
        await settled(social)

        [association] = await social.associations("ada")

    assert association.uid == "583231"


async def test_a_flow_ends_once() -> None:
    octo = Octo()
    async with engine(octo) as social:
        backend = social.backend("github")
        flow, _ = await backend.begin(user_id="ada", redirect_uri=URI, next_path="/")
        await backend.complete(flow, {"code": "a-code"})
        octo.asked.clear()

        with pytest.raises(FlowRefused) as raised:
            await backend.complete(flow, {"code": "a-code"})

    assert raised.value.reason == "spent"
    assert octo.asked == []


class Busy(MemoryRepository):
    """A store in which another process writes first, once."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        if not self.refused:
            self.refused += 1
            return False
        return await super().save_tokens(row, replaces=replaces)


async def test_linking_again_beside_another_write_is_tried_again() -> None:
    store = Busy()
    async with engine(database=store) as social:
        await social.backend("github").associate("gho_first", user_id="ada")

        association = await social.backend("github").associate("gho_second", user_id="ada")

        assert await association.get_access_token() == "gho_second"
    assert store.refused == 1


class Unlucky(MemoryRepository):
    """A store in which another process is always quicker."""

    async def add(self, row: StoredAssociation) -> bool:
        return False

    async def save_tokens(self, row: StoredAssociation, *, replaces: int) -> bool:
        return False


async def test_an_account_that_others_link_and_unlink_all_the_time_is_an_error_of_the_store() -> None:
    async with engine(database=Unlucky(), load_user=load, create_user=lambda _: "ada", sign_up="allow") as social:
        with pytest.raises(StorageError):
            await social.backend("github").associate("gho_secret", user_id="ada")
        with pytest.raises(StorageError):
            await social.backend("github").do_auth("gho_secret")


# associate


async def test_a_client_token_is_linked_to_the_user_of_the_request() -> None:
    events: list[Event] = []
    async with engine(on_event=events.append) as social:
        association = await social.bound(request_of("ada")).backend("github").associate("gho_secret")
        await settled(social)

        assert [one.id for one in await social.associations("ada")] == [association.id]
        assert await association.get_access_token() == "gho_secret"
    assert [(event.name, event.user_id) for event in events] == [("associated", "ada")]


async def test_without_a_user_a_client_token_is_linked_to_nobody_and_nobody_is_asked() -> None:
    octo = Octo()
    async with engine(octo) as social:
        with pytest.raises(NotSignedIn):
            await social.bound(request_of(None)).backend("github").associate("gho_secret")

    assert octo.asked == []


async def test_without_a_request_a_client_token_needs_a_user_to_be_named() -> None:
    async with engine(current_user=lambda connection: connection.headers["x-user"]) as social:
        with pytest.raises(NotSignedIn):
            await social.backend("github").associate("gho_secret")


async def test_a_client_token_of_another_user_s_account_is_refused() -> None:
    async with engine() as social:
        await social.backend("github").associate("gho_secret", user_id="ada")

        with pytest.raises(AccountTaken):
            await social.backend("github").associate("gho_secret", user_id="grace")

        assert await social.associations("grace") == []


# Revocation


async def test_a_revocation_runs_behind_the_caller() -> None:
    octo = Octo()
    async with engine(octo) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        await social.disconnect("ada")
        await settled(social)

    assert octo.asked[-1] == "DELETE /applications/an-id/token"


async def test_a_revocation_that_fails_is_told_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    octo, events = Octo(), list[Event]()
    octo.revoked = 503
    async with engine(octo, on_event=events.append) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        gone = await social.disconnect("ada")
        await settled(social)

        assert await social.associations("ada") == []
    failed = events[-1]
    assert (failed.name, failed.association_id) == ("revocation_failed", gone[0].id)
    assert (failed.code, failed.reason) == ("provider_unreachable", "revocation endpoint")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_tokens_that_do_not_open_are_not_revoked_and_it_is_told() -> None:
    octo, store, events = Octo(), MemoryRepository(), list[Event]()
    async with engine(octo, database=store) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
    octo.asked.clear()
    more = {"secret_key": "another-key-of-the-tests-7Rk2mZq9", "on_event": events.append}
    async with engine(octo, database=store, **more) as social:
        await social.disconnect("ada")

    assert octo.asked == []
    assert [(event.name, event.reason) for event in events][1:] == [("revocation_failed", "unreadable")]


def _with(row: StoredAssociation, **changed: Any) -> StoredAssociation:
    return replace(row, version=row.version + 1, **changed)
