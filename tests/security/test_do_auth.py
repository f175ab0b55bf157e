"""Client tokens through ``do_auth`` and ``associate``: who is let in, and what is left alone (rows SR-D01 to D06)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from asgi_social import (
    Event,
    ProviderUnreachable,
    Social,
    TokenRefused,
    User,
)
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import START
from tests.app import settings
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
