"""Client tokens through ``do_auth`` and ``associate``: who is let in, and what is left alone (rows SR-D01 to D06)."""

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
    Event,
    NotSignedIn,
    ProviderUnreachable,
    SettingsError,
    Social,
    TokenRefused,
    User,
)
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import START
from tests.app import app_of, browser, linked, settings
from tests.protocols.played import METADATA, OAUTH2, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, key_set, rsa_key, signed

NOW = int(START)


@dataclass
class Net:
    """A network where each provider answers a look-up and a profile, and which writes down what is asked.

    Attributes:
        look_up: Status and body of the look-up.
        profile: Status and body of the profile.
        asked: Each request.
    """

    look_up: tuple[int, object]
    profile: tuple[int, object]
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        looks_up = request.url.path in {
            "/debug_token",
            "/tokeninfo",
            "/oauth2/validate",
            f"/applications/{CLIENT_ID}/token",
        }
        status, body = self.look_up if looks_up else self.profile
        if status == 0:
            raise httpx.ConnectError("down")
        return httpx.Response(status, json=body)

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]


def social_of(provider: object, net: Callable[[httpx.Request], httpx.Response], **more: Any) -> Social:
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more.pop("backend", {})}
    return Social(**settings(net, backends={"here": backend}, **{"embedded_users": True, "sign_up": "allow", **more}))


def facebook(*, app: str = CLIENT_ID, user: str = "7", end: int = NOW + 60) -> Net:
    said = {"app_id": app, "user_id": user, "is_valid": True, "expires_at": end, "type": "USER"}
    return Net((200, {"data": said}), (200, {"id": "7"}))


def google(*, app: str = CLIENT_ID, user: str = "7", end: int = NOW + 60) -> Net:
    return Net((200, {"aud": app, "sub": user, "expires_in": str(end - NOW)}), (200, {"sub": "7"}))


def github(*, app: str = CLIENT_ID, user: str = "7") -> Net:
    return Net((200, {"app": {"client_id": app}, "user": {"id": int(user)}}), (200, {"id": 7, "login": "ada"}))


def twitch(*, app: str = CLIENT_ID, user: str = "7", end: int = NOW + 60) -> Net:
    said = {"client_id": app, "user_id": user, "expires_in": end - NOW}
    return Net((200, said), (200, {"data": [{"id": "7", "login": "ada"}]}))


NETS: dict[str, Callable[..., Net]] = {
    "facebook": facebook,
    "google-oauth2": google,
    "github": github,
    "twitch": twitch,
}
EACH = pytest.mark.parametrize("name", NETS)


async def refused(social: Social, token: Any = "a-client-token", **more: Any) -> str:
    """Give the reason for which a token is refused, and check that nothing was stored for it."""
    with pytest.raises(TokenRefused) as caught:
        await social.backend("here").do_auth(token, **more)
    repository = social.settings.database
    assert isinstance(repository, MemoryRepository)
    assert await repository.find(backend="here", authority="", uid="7") is None
    assert "client-token" not in str(caught.value)
    return str(caught.value.reason)


@EACH
async def test_a_token_of_this_app_gives_the_same_user_each_time(name: str) -> None:
    async with social_of(name, NETS[name]()) as social:
        user = await social.backend("here").do_auth("a-client-token")
        again = await social.backend("here").do_auth("another-client-token")

    assert user
    assert user.is_active
    assert user.id == again.id


@EACH
async def test_sr_d01_a_token_of_another_app_is_refused_before_any_profile_is_read(name: str) -> None:
    net = NETS[name](app="another-app")
    async with social_of(name, net) as social:
        reason = await refused(social)

    assert reason == "audience"
    assert len(net.asked) == 1


@pytest.mark.parametrize("name", ["facebook", "google-oauth2", "twitch"])
async def test_sr_d01_a_token_that_has_expired_is_refused(name: str) -> None:
    async with social_of(name, NETS[name](end=NOW - 1)) as social:
        assert await refused(social) == "expired"


@EACH
@pytest.mark.parametrize("status", [400, 401, 404])
async def test_sr_d01_a_token_that_the_provider_does_not_know_is_refused(name: str, status: int) -> None:
    net = NETS[name]()
    net.look_up = (status, {"error": "invalid_token"})
    async with social_of(name, net) as social:
        assert await refused(social) == "inactive"


async def test_sr_d01_a_token_that_the_provider_calls_inactive_is_refused() -> None:
    net = facebook()
    net.look_up = (200, {"data": {"app_id": CLIENT_ID, "user_id": "7", "is_valid": False, "type": "USER"}})
    async with social_of("facebook", net) as social:
        assert await refused(social) == "inactive"


@EACH
async def test_sr_d02_a_profile_of_another_person_is_refused(name: str) -> None:
    async with social_of(name, NETS[name](user="8")) as social:
        assert await refused(social) == "subject"


@EACH
@pytest.mark.parametrize("status", [0, 429, 500])
@pytest.mark.parametrize("place", ["look_up", "profile"])
async def test_a_provider_that_is_down_refuses_nobody(name: str, status: int, place: str) -> None:
    net = NETS[name]()
    setattr(net, place, (status, {}))
    async with social_of(name, net) as social:
        with pytest.raises(ProviderUnreachable):
            await social.backend("here").do_auth("a-client-token")


@pytest.mark.parametrize("token", [None, "", b"", b"token", 1, "a b", "a\r\nX: y", "tökên", "x" * 20_000])
async def test_sr_d03_what_is_no_token_is_refused_before_anybody_is_asked(token: object) -> None:
    net = google()
    async with social_of("google-oauth2", net) as social:
        reason = await refused(social, token)
        with pytest.raises(TokenRefused):
            await social.backend("here").do_auth(id_token=token if token is not None else "")  # type: ignore[arg-type]

    assert (reason, net.asked) == ("malformed", [])


@EACH
async def test_sr_d04_a_token_goes_where_the_data_name_and_nowhere_else(name: str) -> None:
    net = NETS[name]()
    async with social_of(name, net) as social:
        await social.backend("here").do_auth("a-client-token")

    places = [
        "".join(
            [
                "q" if "a-client-token" in request.url.query.decode() else "",
                "h" if "a-client-token" in request.headers.get("authorization", "") else "",
                "b" if "a-client-token" in request.content.decode() else "",
            ]
        )
        for request in net.asked
    ]
    expected = {"facebook": ["q", "q"], "google-oauth2": ["q", "h"], "github": ["b", "h", "h"], "twitch": ["h", "h"]}
    assert places == expected[name]


async def test_sr_d01_a_provider_without_a_proof_is_refused_unless_the_app_says_so_by_name() -> None:
    net = Net((404, {}), (200, {"id": 7}))
    async with social_of(OAUTH2, net) as social:
        reason = await refused(social)
        asked = list(net.asked)
    async with social_of(OAUTH2, net, backend={"allow_unbound_tokens": True}) as social:
        user = await social.backend("here").do_auth("a-client-token")

    assert (reason, asked) == ("unbound", [])
    assert user is not None


# ID tokens.


def openid(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=key_set() if request.url.path == "/jwks" else METADATA)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(claims(aud="a-sibling")), "audience"),
        (signed(claims(exp=NOW - 61)), "expired"),
        (signed(key=rsa_key("stranger"), kid="one"), "signature"),
        ("a.b.c", "malformed"),
    ],
)
async def test_sr_d05_an_id_token_that_is_not_ours_is_refused(token: str, reason: str) -> None:
    async with social_of(OIDC, openid) as social:
        assert await refused(social, None, id_token=token) == reason


async def test_sr_d05_an_id_token_of_another_id_of_this_app_is_taken() -> None:
    async with social_of(OIDC, openid, backend={"client_ids": ["an-ios-id"]}) as social:
        assert await social.backend("here").do_auth(id_token=signed(claims(aud="an-ios-id")))


@pytest.mark.parametrize("how", [{"nonce": "sent"}, {"once": True}], ids=["nonce", "once"])
async def test_sr_d05_a_token_with_a_nonce_or_by_wish_is_taken_one_time_also_of_many_at_once(
    how: dict[str, Any],
) -> None:
    token = signed(claims(nonce="sent"))
    async with social_of(OIDC, openid) as social:
        backend = social.backend("here")
        results = await asyncio.gather(
            *(backend.do_auth(id_token=token, **how) for _ in range(10)), return_exceptions=True
        )

    taken = [result for result in results if isinstance(result, User)]
    spent = [result.reason for result in results if isinstance(result, TokenRefused)]
    assert (len(taken), spent) == (1, ["spent"] * 9)


@pytest.mark.parametrize("seconds", [3600, 3660])
async def test_sr_d05_a_token_stays_spent_until_it_has_expired(seconds: int) -> None:
    values = settings(
        openid,
        backends={"here": {"provider": OIDC, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}},
        embedded_users=True,
    )
    async with Social(**values) as social:
        backend = social.backend("here")
        await backend.do_auth(id_token=signed(), once=True)
        values["clock"].advance(seconds)
        await backend.do_auth(id_token=signed(claims(START + 1)), once=True)  # the store forgets what is over
        with pytest.raises(TokenRefused) as caught:
            await backend.do_auth(id_token=signed(), once=True)

    assert caught.value.reason == "spent"


async def test_sr_d05_without_a_nonce_or_a_wish_a_replay_is_not_noticed() -> None:
    async with social_of(OIDC, openid) as social:
        backend = social.backend("here")

        assert await backend.do_auth(id_token=signed()) == await backend.do_auth(id_token=signed())


async def test_a_refused_token_is_told_to_the_app_by_its_reason_alone() -> None:
    events: list[Event] = []
    async with social_of(OIDC, openid, on_event=events.append) as social:
        await refused(social, None, id_token=signed(claims(aud="a-sibling")))

    assert [(event.name, event.code, event.reason, event.user_id) for event in events] == [
        ("token_refused", "token_refused", "audience", None)
    ]


# Whose account it is.


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
    net = google()
    async with social_of("google-oauth2", net, embedded_users=False, **hook) as social:
        with pytest.raises(SettingsError) as caught:
            await social.backend("here").do_auth("a-client-token")

    assert net.asked == []
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
