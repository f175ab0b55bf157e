"""What is spared, and what is bounded: a proof that is kept for a moment, and the app's own limit."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import TokenRefused, TooManyRequests, client_tokens
from asgi_social.protocols.client import Client
from asgi_social.secret import Secret
from asgi_social.testing import ManualClock
from asgi_social.testing.clock import START
from asgi_social.verify import account_of_id_token
from tests.app import app_of, browser, settings
from tests.client_tokens import LOOK_UP, TOKEN, Expiring, Signed, both, looked_up, refusal
from tests.engines import engine, load
from tests.protocols.played import OAUTH2
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, half_hash, signed


@pytest.mark.parametrize(
    ("lifetime", "pause", "look_ups"),
    [
        pytest.param(None, 59.9, 1, id="within a minute"),
        pytest.param(None, 60, 2, id="after a minute"),
        pytest.param(3600, 59.9, 1, id="of a token that lives"),
        pytest.param(30, 29.9, 1, id="just before its end"),
        pytest.param(30, 30, 2, id="never beyond its end"),
    ],
)
async def test_a_token_that_comes_again_is_not_looked_up_again_for_a_minute(
    lifetime: int | None, pause: float, look_ups: int
) -> None:
    network, clock = Expiring(lifetime), ManualClock()
    async with looked_up(network, clock=clock) as social:
        await social.backend("here").associate(TOKEN, user_id="ada")
        clock.advance(pause)

        assert await social.backend("here").do_auth(TOKEN) == "user ada"
    assert network.look_ups == look_ups


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what was verified by a signature, in its order."""
    found: list[str] = []

    def noted(client: Client, id_token: Secret, **more: Any) -> Any:
        found.append(id_token.reveal())  # when it is played, and not before
        return (yield from account_of_id_token(client, id_token, **more))

    monkeypatch.setattr(client_tokens, "account_of_id_token", noted)
    return found


@pytest.mark.parametrize(
    ("lifetime", "pause", "times"),
    [
        pytest.param(3600, 59.9, 1, id="within a minute"),
        pytest.param(3600, 60, 2, id="after a minute"),
        pytest.param(30, 29.9, 1, id="just before its end"),
        pytest.param(30, 30, 2, id="never beyond its end, after which clocks may differ a little"),
    ],
)
async def test_an_id_token_that_comes_again_is_not_verified_again_for_a_minute(
    lifetime: int, pause: float, times: int, verified: list[str]
) -> None:
    clock, token = ManualClock(), signed(claims(exp=START + lifetime))
    async with both(Signed(), clock=clock) as social:
        await social.backend("here").associate(id_token=token, user_id="ada")
        clock.advance(pause)

        assert await social.backend("here").do_auth(id_token=token) == "user ada"
    assert verified == [token] * times


async def test_an_id_token_that_has_ended_is_refused_though_it_was_taken_a_moment_ago() -> None:
    clock, token = ManualClock(), signed(claims(exp=START - 30))  # within the skew of clocks
    async with both(Signed(), clock=clock) as social:
        taken = await social.backend("here").do_auth(id_token=token)
        clock.advance(31)

        assert (taken, await refusal(social, id_token=token)) == (None, "expired")


@pytest.mark.parametrize("more", [{"once": True}, {"nonce": "n"}, {"user": "{}"}])
async def test_what_is_good_once_or_comes_with_more_is_verified_each_time(
    more: dict[str, Any], verified: list[str]
) -> None:
    async with both(Signed()) as social:
        for number in range(2):
            token = signed(claims(nonce="n", jti=str(number)) if "nonce" in more else claims(jti=str(number)))
            await social.backend("here").do_auth(id_token=token)
            await social.backend("here").do_auth(id_token=token, **more)

    assert len(verified) == 4


async def test_a_token_that_is_kept_alone_is_not_kept_beside_another() -> None:
    token, other = signed(claims(at_hash=half_hash(TOKEN))), signed(claims(at_hash=half_hash("another-token")))
    async with both(Signed()) as social:
        await social.backend("here").do_auth(TOKEN, id_token=token)

        assert await refusal(social, access_token=TOKEN, id_token=other) == "signature"
        assert await refusal(social, access_token="another-token", id_token=token) == "signature"


async def test_another_token_is_looked_up_by_itself() -> None:
    network = Expiring()
    async with looked_up(network) as social:
        await social.backend("here").do_auth(TOKEN)
        network.app = "another-app"

        assert await refusal(social, access_token="another-token") == "audience"


async def test_a_refusal_is_not_kept() -> None:
    network = Expiring()
    network.app = "another-app"
    async with looked_up(network) as social:
        assert await refusal(social, access_token=TOKEN) == "audience"
        assert await refusal(social, access_token=TOKEN) == "audience"
    assert network.look_ups == 2


async def test_who_has_unlinked_is_not_found_by_a_proof_that_is_kept() -> None:
    network = Expiring()
    async with looked_up(network) as social:
        await social.backend("here").associate(TOKEN, user_id="ada")
        before = await social.backend("here").do_auth(TOKEN)
        await social.disconnect("ada")

        assert (before, await social.backend("here").do_auth(TOKEN)) == ("user ada", None)
    assert network.look_ups == 1


async def test_a_proof_at_one_backend_is_none_at_another() -> None:
    network = Expiring()
    provider = {**OAUTH2, "verify": [LOOK_UP]}
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    other = {**backend, "client_id": "the-id-of-the-other"}
    wanted = settings(network, backends={"here": backend, "there": other}, load_user=load)  # type: ignore[arg-type]
    async with engine(**wanted) as social:
        await social.backend("here").do_auth(TOKEN)
        with pytest.raises(TokenRefused) as caught:
            await social.backend("there").do_auth(TOKEN)

    assert caught.value.reason == "audience"


async def test_calls_with_one_token_at_once_share_one_look_up_and_one_that_is_cancelled_leaves_it_to_the_others() -> (
    None
):
    network = Expiring()
    network.held = asyncio.Event()
    async with looked_up(network) as social:
        calls = [asyncio.create_task(social.backend("here").associate(TOKEN, user_id="ada")) for _ in range(20)]
        await network.began.wait()
        calls[0].cancel()
        network.held.set()
        linked = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(linked[0], asyncio.CancelledError)
    assert len({one.id for one in linked[1:] if not isinstance(one, BaseException)}) == 1
    assert network.look_ups == 1


async def test_proofs_are_kept_of_a_thousand_tokens_and_none_beyond_a_minute() -> None:
    network, clock = Expiring(), ManualClock()
    async with looked_up(network, clock=clock) as social:
        for number in range(1001):
            await social.backend("here").do_auth(f"token-{number}")
        await social.backend("here").do_auth("token-1")
        kept = network.look_ups
        await social.backend("here").do_auth("token-0")
        again = network.look_ups
        clock.advance(60)
        await social.backend("here").do_auth("another")

        assert (kept, again) == (1001, 1002)
        assert len(social.engine.client_tokens._proofs) == 1
        assert "token" not in str(list(social.engine.client_tokens._proofs))


# The app's own limit.


async def _limited(connection: Any, backend: str) -> float | None:
    return 12.3 if connection is not None and connection.headers.get("x-user") == "eve" else None


async def _by_token(request: Request) -> Response:
    return JSONResponse(await request.state.social.backend("here").do_auth(TOKEN))


@pytest.mark.parametrize("as_page", [False, True])
async def test_a_client_token_that_comes_too_often_is_answered_with_429_before_it_is_looked_at(as_page: bool) -> None:
    network = Expiring()
    async with looked_up(network, limit_tokens=_limited) as social:
        app = app_of(social, routes=[Route("/by-token", _by_token)])
        async with browser(app, user="eve") as eve, browser(app, user="ada") as ada:
            headers = {"accept": "text/html" if as_page else "application/json"}
            refused = await eve.get("/by-token", headers=headers)
            asked = list(network.asked)
            taken = await ada.get("/by-token")
            outside = await social.backend("here").do_auth(TOKEN)

    assert (refused.status_code, refused.headers["retry-after"], asked) == (429, "13", [])
    assert "too_many_requests" in refused.text
    assert (taken.status_code, outside) == (200, None)


@pytest.mark.parametrize("said", [None, 0, -1, False])
async def test_a_limit_that_names_no_time_lets_a_token_through(said: Any) -> None:
    async with looked_up(Expiring(), limit_tokens=lambda connection, backend: said) as social:
        assert (await social.backend("here").associate(TOKEN, user_id="ada")).uid == "7"


async def test_a_limit_holds_for_linking_too() -> None:
    async with looked_up(Expiring(), limit_tokens=lambda connection, backend: 1) as social:
        with pytest.raises(TooManyRequests) as caught:
            await social.backend("here").associate(TOKEN, user_id="ada")

    assert caught.value.retry_after == 1
