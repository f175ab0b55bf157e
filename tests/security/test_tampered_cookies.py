"""What is no flow cookie, however it came into the browser: row SR-K02."""

import httpx
import pytest

from asgi_social import Social
from asgi_social.errors import FlowRefused
from asgi_social.flow import Arrival, unpack
from asgi_social.pages.visitor import form_token
from asgi_social.testing import ManualClock
from tests.app import KEY, app_of, browser, settings
from tests.security.doors import (
    JSON,
    Network,
    begun_state,
    three_backends,
)


def attributes_of(line: str) -> tuple[str, dict[str, str]]:
    """Give the name of a ``Set-Cookie`` line, and its attributes in lower case."""
    pair, *rest = [part.strip() for part in line.split(";")]
    return pair.partition("=")[0], {key.lower(): text for key, _, text in (part.partition("=") for part in rest)}


# --- SR-K02: what is no cookie ---------------------------------------------------------------------------------------


async def completed_with(client: httpx.AsyncClient, state: str, cookie: str) -> httpx.Response:
    """Arrive with a Cookie header of one's own."""
    client.cookies.clear()
    return await client.get(
        "/complete/github/", params={"code": "a-code", "state": state}, headers={**JSON, "cookie": cookie}
    )


async def test_sr_k02_a_cookie_with_one_byte_changed_is_no_cookie() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        [(name, value)] = client.cookies.items()
        arrival = Arrival(
            state=state,
            issuer=None,
            backend="github",
            client_id="an-id",
            user_id="ada",
            now=social.engine.clock.now(),
            secure=True,
        )
        # The last character of base64 may hold bits that say nothing, so that it is left as it is.
        for place, character in enumerate(value[:-1]):
            changed = value[:place] + ("A" if character != "A" else "B") + value[place + 1 :]
            with pytest.raises(FlowRefused) as caught:
                unpack({name: changed}, arrival, keys=social.engine.keys)
            assert caught.value.reason == "missing"

        assert unpack({name: value}, arrival, keys=social.engine.keys).user_id == "ada"


@pytest.mark.parametrize(
    "what", ["empty", "garbage", "truncated", "no nonce", "of another key", "carrier", "form token", "stored", "4 KiB"]
)
async def test_sr_k02_a_value_of_another_purpose_or_none_is_no_cookie(what: str) -> None:
    network = Network()
    async with (
        Social(**settings(network)) as social,
        Social(**settings(network, secret_key="another-key-of-the-tests-8Hs2kLq0")) as stranger,
        browser(app_of(stranger)) as elsewhere,
        browser(app_of(social)) as client,
    ):
        state = await begun_state(client)
        [(name, value)] = client.cookies.items()
        await begun_state(elsewhere)
        keys, now = social.engine.keys, social.engine.clock.now()
        text = keys.unseal(value, purpose="flow", context="flow") or ""
        values = {
            "empty": "",
            "garbage": "x" * 200,
            "truncated": value[:-40],
            "no nonce": ".".join(value.split(".")[:2]) + ".AAAA",
            "of another key": next(iter(elsewhere.cookies.values())),
            "carrier": keys.seal(text, purpose="carrier", context="flow"),
            "form token": form_token(keys, user_id="ada", action="associate/github", now=now),
            "stored": keys.seal(text, purpose="storage", context="flow"),
            "4 KiB": value + "A" * 4096,
        }

        answer = await completed_with(client, state, f"{name}={values[what]}")

    assert (answer.status_code, answer.json()["reason"]) == (400, "missing")
    assert network.asked == []


async def test_sr_k02_a_flow_cookie_is_no_carrier_and_no_form_token() -> None:
    network = Network()
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        await begun_state(client, "posting")
        [value] = client.cookies.values()

        as_carrier = await client.get("/complete/posting/", params={"answer": value}, headers=JSON)
        del client.headers["sec-fetch-site"]
        as_token = await client.post("/associate/github/", data={"form_token": value})

    assert (as_carrier.status_code, as_carrier.json()["reason"]) == (400, "state")
    assert as_token.status_code == 403


async def test_sr_k02_a_cookie_that_comes_twice_is_never_a_500() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        state = await begun_state(client)
        [(name, value)] = client.cookies.items()

        answer = await completed_with(client, state, f"{name}={value}; {name}=garbage")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param("__Host-social_flow_a(b=1", id="name-that-no-set-cookie-can-hold"),
        pytest.param("__Host-social_flow_=1", id="prefix-alone"),
        pytest.param("__Host-social_flow_0123456789abcdef0=1", id="longer-name"),
        pytest.param("__Host-social_flow_caf\u00e9=1", id="no-ascii"),
        pytest.param("__Host-social_flow_0123456789abcdeg=1", id="no-digest"),
    ],
)
async def test_sr_k02_a_cookie_that_is_not_of_our_making_is_left_alone_at_a_start(cookie: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        answer = await client.get("/associate/github/", headers=[(b"cookie", cookie.encode("latin-1"))])

    assert answer.status_code == 303
    assert len(answer.headers.get_list("set-cookie")) == 1


async def test_sr_k02_a_flow_cookie_that_cannot_be_read_is_deleted_at_the_next_start() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        client.cookies.set("__Host-social_flow_0123456789abcdef", "garbage", domain="app.example", path="/")

        await client.get("/associate/github/")

    assert "__Host-social_flow_0123456789abcdef" not in client.cookies
    assert len(client.cookies) == 1


async def test_an_older_secret_key_still_opens_a_flow() -> None:
    clock = ManualClock()
    newer = "a-newer-key-of-the-tests-5Yt1mWb7"
    async with (
        Social(**settings(clock=clock)) as before,
        Social(**settings(clock=clock, secret_key=[newer, KEY])) as after,
    ):
        async with browser(app_of(before)) as client:
            state, cookies = await begun_state(client), client.cookies
        async with browser(app_of(after)) as client:
            client.cookies = cookies

            answer = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    assert answer.status_code == 303
