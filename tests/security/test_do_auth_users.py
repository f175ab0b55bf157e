"""Whose account a client token is of: users that are found and made, and people of a request (row SR-D06)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import (
    Account,
    AccountTaken,
    NotSignedIn,
    SettingsError,
    Social,
    User,
)
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from tests.app import app_of, browser, linked, settings
from tests.protocols.played import METADATA, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, key_set, signed


def social_of(provider: object, net: Callable[[httpx.Request], httpx.Response], **more: Any) -> Social:
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more.pop("backend", {})}
    return Social(**settings(net, backends={"here": backend}, **{"embedded_users": True, "sign_up": "allow", **more}))


def openid(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=key_set() if request.url.path == "/jwks" else METADATA)


@dataclass
class People:
    """The users of an app that has its own."""

    made: list[Account] = field(default_factory=list)

    @dataclass
    class Person:
        """One of them."""

        id: int
        is_active: bool = True

    async def create_user(self, account: Account) -> int:
        """Make one; others come to run in between."""
        await asyncio.sleep(0)
        self.made.append(account)
        return len(self.made)

    def load_user(self, user_id: int) -> "People.Person | None":
        """Find one; number 3 left long ago, and number 2 may not come in."""
        assert isinstance(user_id, int)
        return None if user_id == 3 else self.Person(user_id, is_active=user_id != 2)

    def hooks(self) -> dict[str, Any]:
        """Give the settings that name these functions."""
        return {
            "embedded_users": False,
            "user_id": int,
            "load_user": self.load_user,
            "create_user": self.create_user,
        }


async def test_the_apps_own_users_are_made_and_found_by_its_hooks() -> None:
    people = People()
    async with social_of(OIDC, openid, **people.hooks()) as social:
        backend = social.backend("here")
        one, two, three = [await backend.do_auth(id_token=signed(claims(sub=sub, name=sub))) for sub in "abc"]
        again = await backend.do_auth(id_token=signed(claims(sub="a")))

    assert one == again == People.Person(1)
    assert not (two and two.is_active)
    assert three is None
    assert [(account.uid, account.fullname) for account in people.made] == [("a", "a"), ("b", "b"), ("c", "c")]


@pytest.mark.parametrize(("by_settings", "by_call"), [("refuse", None), ("allow", "refuse"), ("refuse", "refuse")])
async def test_where_sign_up_is_refused_an_account_that_is_nobodys_gives_none(by_settings: str, by_call: Any) -> None:
    people = People()
    async with social_of(OIDC, openid, sign_up=by_settings, **people.hooks()) as social:
        user = await social.backend("here").do_auth(id_token=signed(), sign_up=by_call)

        assert await social.engine.repository.find(backend="here", authority="", uid="248289761001") is None
    assert user is None
    assert people.made == []


async def test_sign_up_may_be_allowed_by_the_call() -> None:
    async with social_of(OIDC, openid, sign_up="refuse") as social:
        assert await social.backend("here").do_auth(id_token=signed(), sign_up="allow")


async def test_a_user_is_made_once_however_many_ask_at_once() -> None:
    people = People()
    async with social_of(OIDC, openid, **people.hooks()) as social:
        users = await asyncio.gather(*(social.backend("here").do_auth(id_token=signed()) for _ in range(20)))

    assert len(people.made) == 1
    assert users == [People.Person(1)] * 20


class Late(MemoryRepository):
    """A store whose answer to the first question is late."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def find(self, *, backend: str, authority: str, uid: str) -> StoredAssociation | None:
        row = await super().find(backend=backend, authority=authority, uid=uid)
        if not self.asked.is_set():
            self.asked.set()
            await self.may_answer.wait()
        return row


async def test_a_user_who_was_made_since_the_store_was_asked_is_not_made_again() -> None:
    people, store = People(), Late()
    async with social_of(OIDC, openid, database=store, **people.hooks()) as social:
        late = asyncio.create_task(social.backend("here").do_auth(id_token=signed()))
        await store.asked.wait()
        first = await social.backend("here").do_auth(id_token=signed())
        store.may_answer.set()

        assert await late == first
    assert len(people.made) == 1


async def test_an_embedded_user_is_made_once_however_many_ask_at_once() -> None:
    async with social_of(OIDC, openid) as social:
        users = await asyncio.gather(*(social.backend("here").do_auth(id_token=signed()) for _ in range(20)))

    assert len({user.id for user in users}) == 1


async def test_a_caller_who_goes_away_leaves_no_user_without_an_association() -> None:
    people, began, may_go_on = People(), asyncio.Event(), asyncio.Event()

    async def create_user(account: Account) -> int:
        began.set()
        await may_go_on.wait()
        return await people.create_user(account)

    async with social_of(OIDC, openid, **{**people.hooks(), "create_user": create_user}) as social:
        calling = asyncio.create_task(social.backend("here").do_auth(id_token=signed()))
        await began.wait()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        may_go_on.set()
        user = await social.backend("here").do_auth(id_token=signed())

    assert (user, len(people.made)) == (People.Person(1), 1)


@pytest.mark.parametrize("hook", [{}, {"create_user": lambda account: 1}])
async def test_an_app_that_does_not_say_how_users_are_found_is_told_both_ways_before_anybody_is_asked(
    hook: dict[str, Any],
) -> None:
    asked: list[httpx.Request] = []

    def network(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return openid(request)

    async with social_of(OIDC, network, embedded_users=False, **hook) as social:
        with pytest.raises(SettingsError) as caught:
            await social.backend("here").do_auth(id_token=signed())

    assert asked == []
    for name in ("load_user", "create_user", "embedded_users"):
        assert name in caught.value.hint


async def test_an_app_that_allows_sign_up_and_cannot_make_users_is_told() -> None:
    async with social_of(OIDC, openid, embedded_users=False, load_user=lambda user_id: None) as social:
        with pytest.raises(SettingsError) as caught:
            await social.backend("here").do_auth(id_token=signed())

    assert caught.value.setting == "create_user"


# In a request.


async def _by_token(request: Request) -> Response:
    user = await request.state.social.backend("github").do_auth("a-client-token")
    return JSONResponse({"user": user and user.id})


async def _link(request: Request) -> Response:
    association = await request.state.social.backend("github").associate("a-client-token")
    return JSONResponse({"user": association.user_id, "uid": association.uid})


def in_app(**more: Any) -> Social:
    def network(request: httpx.Request) -> httpx.Response:
        answers: dict[str, object] = {
            "/login/oauth/access_token": {"access_token": "t", "token_type": "bearer"},
            "/user": {"id": 7, "login": "octocat"},
            "/user/emails": [],
            "/applications/an-id/token": {"app": {"client_id": "an-id"}, "user": {"id": 7}},
        }
        return httpx.Response(200, json=answers[request.url.path])

    return Social(
        **settings(network, load_user=lambda user_id: User(id=user_id, is_active=True, username=None), **more)
    )


ROUTES = [Route("/by-token", _by_token), Route("/link", _link, methods=["POST"])]


async def test_sr_d06_a_token_of_another_person_in_a_request_changes_nothing() -> None:
    async with in_app() as social:
        app = app_of(social, routes=ROUTES)
        async with browser(app, user="ben") as ben:
            await linked(ben)
            [before] = await social.associations("ben")
        async with browser(app, user="ada") as ada:
            answer = await ada.get("/by-token")
        [after] = await social.associations("ben")

        assert answer.json() == {"user": "ben"}
        assert "set-cookie" not in answer.headers
        assert await social.associations("ada") == []
        assert await after.get_access_token() == await before.get_access_token() == "t"


async def test_a_tokens_account_is_linked_to_the_person_of_the_request() -> None:
    async with in_app() as social, browser(app_of(social, routes=ROUTES)) as ada:
        answer = await ada.post("/link")
        [association] = await social.associations("ada")

        assert answer.json() == {"user": "ada", "uid": "7"}
        assert await association.get_access_token() == "a-client-token"


async def test_an_account_of_another_person_is_not_linked_anew() -> None:
    async with in_app() as social:
        app = app_of(social, routes=ROUTES)
        async with browser(app, user="ben") as ben:
            await linked(ben)
        async with browser(app, user="ada") as ada:
            answer = await ada.post("/link")

        assert answer.status_code == 409
        assert "ben" not in answer.text
        assert await social.associations("ada") == []


async def test_nobody_who_is_not_signed_in_links_a_token() -> None:
    async with in_app() as social, browser(app_of(social, routes=ROUTES), user=None) as nobody:
        answer = await nobody.post("/link", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_outside_of_a_request_the_user_is_named() -> None:
    async with in_app() as social:
        association = await social.backend("github").associate("a-client-token", user_id="ada")
        again = await social.backend("github").associate("a-client-token", user_id="ada")
        with pytest.raises(AccountTaken):
            await social.backend("github").associate("a-client-token", user_id="ben")

    assert (association.user_id, association.uid) == ("ada", "7")
    assert again.id == association.id


async def test_outside_of_a_request_nobody_is_signed_in() -> None:
    async with in_app() as social:
        with pytest.raises(NotSignedIn):
            await social.backend("github").associate("a-client-token")


async def test_an_id_token_links_an_account_without_an_access_token() -> None:
    async with social_of(OIDC, openid) as social:
        association = await social.backend("here").associate(
            id_token=signed(claims(nonce="n")), nonce="n", user_id="ada"
        )

    assert (association.uid, association.user_id) == ("248289761001", "ada")
