"""What a user expects of client tokens: expectations 26 to 28, where no other test holds them."""

import logging
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from asgi_social import Event, Social, TokenRefused
from tests.app import app_of, browser, settings
from tests.engines import Octo, engine, load, settled
from tests.protocols.played import METADATA, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, key_set, signed

STRANGER = "an-app-of-a-stranger"


def openid(request: httpx.Request) -> httpx.Response:
    """Answer as an OpenID Connect provider does: its keys, or its metadata."""
    return httpx.Response(200, json=key_set() if request.url.path == "/jwks" else METADATA)


def signed_engine(network: Any = openid, provider: Any = OIDC, **more: Any) -> Social:
    """Give an engine whose backend takes ID tokens."""
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more.pop("backend", {})}
    return Social(**settings(network, backends={"here": backend}, load_user=load, **more))


async def refusal(social: Social, *tokens: str, **named: Any) -> TokenRefused:
    """Give the error for which a token is refused."""
    [backend] = social.backends()
    with pytest.raises(TokenRefused) as caught:
        await backend.do_auth(*tokens, **named)
    return caught.value


async def test_an_id_token_that_comes_as_an_access_token_is_told_apart_before_anybody_is_asked() -> None:
    """Expectation 26: a wrong kind is refused with what this provider takes."""
    asked: list[Any] = []
    async with signed_engine(asked.append) as social:
        error = await refusal(social, signed(claims()))

    assert (error.reason, asked) == ("kind", [])
    assert error.message == "this is an ID token, and came as an access token"
    assert error.hint == "this backend takes ID tokens, by do_auth(id_token=token)"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(signed(claims(aud=["an-api", CLIENT_ID], scope="openid")), id="with a scope"),
        pytest.param(signed(claims(client_id=CLIENT_ID)), id="with a client_id"),
        pytest.param(signed(claims(), typ="at+jwt"), id="of its own type"),
        pytest.param(signed(claims(aud="an-api")), id="for another audience"),
        pytest.param("an-opaque-token", id="opaque"),
        pytest.param("three.dotted.parts", id="of three parts"),
    ],
)
async def test_an_access_token_is_not_taken_for_an_id_token(token: str) -> None:
    """Expectation 26: one that is a JWT itself is none of the wrong kind."""
    async with signed_engine() as social:
        error = await refusal(social, token)

    assert error.reason == "unbound"


@pytest.mark.parametrize("token", ["ya29.an-access-token", "an-access-token", "a.b.c.d.e"])
async def test_an_access_token_that_comes_as_an_id_token_is_told_apart(token: str) -> None:
    """Expectation 26: with what this provider takes, and where a client gets it."""
    google = "google-oauth2"
    async with signed_engine(provider=google) as social:
        error = await refusal(social, id_token=token)

    assert error.reason == "kind"
    assert error.message == "this is no ID token, and came as one"
    assert "access tokens, by do_auth(token) and ID tokens, by do_auth(id_token=token)" in error.hint
    assert "a client gets them at Google (https://developers.google.com/" in error.hint


@pytest.mark.parametrize(
    ("provider", "backend", "taken"),
    [
        pytest.param("github", {}, "access tokens, by do_auth(token); a client gets them at GitHub", id="by look-up"),
        pytest.param("spotify", {}, "no client tokens", id="none"),
        pytest.param("spotify", {"allow_unbound_tokens": True}, "access tokens, by do_auth(token)", id="unbound"),
    ],
)
async def test_an_id_token_for_a_provider_without_any_says_what_is_taken(
    provider: str, backend: dict[str, Any], taken: str
) -> None:
    """Expectation 26."""
    async with signed_engine(provider=provider, backend=backend) as social:
        error = await refusal(social, id_token=signed(claims()))

    assert (error.reason, error.hint.partition("this backend takes ")[2][: len(taken)]) == ("kind", taken)


async def test_a_token_for_each_id_of_the_app_is_taken_and_for_no_other() -> None:
    """Expectation 8: those of the web, of iOS and of Android."""
    octo, users = Octo(), list[object]()
    ids = {"client_id": "an-id", "client_secret": "s", "client_ids": ["an-id-of-ios", "an-id-of-android"]}
    async with engine(octo, backends={"github": ids}, load_user=load) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        for octo.app in ("an-id", "an-id-of-ios", "an-id-of-android"):
            users.append(await social.backend("github").do_auth(f"gho_token_of_{octo.app}"))
        octo.app = "an-id-of-ios-too"
        error = await refusal(social, "gho_another_secret")

    assert (users, error.reason) == (["user ada"] * 3, "audience")


@pytest.mark.parametrize("audience", [STRANGER, "a\nb\u202e", "x" * 5000], ids=["a stranger", "odd", "endless"])
async def test_the_log_names_the_audience_that_came_and_those_accepted_and_the_answer_does_not(
    audience: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Expectation 27: of an ID token; what came is cut and cleaned, for a stranger may have written it."""
    events: list[Event] = []
    backend = {"client_ids": ["an-id-of-ios"]}
    async with signed_engine(on_event=events.append, backend=backend) as social:
        with caplog.at_level(logging.INFO, logger="asgi_social"):
            error = await refusal(social, id_token=signed(claims(aud=audience)))
            await settled(social)

    [line] = [one.getMessage() for one in caplog.records if one.getMessage().startswith("token_refused")]
    assert f"accepted: {CLIENT_ID}, an-id-of-ios" in line
    assert audience[:1] in line.partition("the token is for ")[2]
    assert (len(line) < 500, line.isprintable()) == (True, True)
    assert str(events[-1].detail) in line
    assert (error.reason, CLIENT_ID in str(error), STRANGER in str(error)) == ("audience", False, False)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"aud": [CLIENT_ID, STRANGER]}, STRANGER, id="several"),
        pytest.param({"azp": STRANGER}, STRANGER, id="azp"),
        pytest.param({"aud": {"a": 1}}, "{'a': 1}", id="no text"),
    ],
)
async def test_the_audience_is_told_whole(changed: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture) -> None:
    """Expectation 27: a list, and who got the token."""
    async with signed_engine() as social:
        with caplog.at_level(logging.INFO, logger="asgi_social"):
            await refusal(social, id_token=signed(claims(**changed)))

    assert told in caplog.text


async def test_the_audience_of_a_look_up_is_logged_and_neither_in_the_answer_nor_the_token_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Expectations 27 and 28: an opaque token of another app."""
    octo = Octo()
    octo.app = f"{STRANGER} gho_a-token-that-a-provider-repeats"

    async def view(request: Any) -> None:
        await request.state.social.backend("github").do_auth("gho_a-token-that-a-provider-repeats")

    async with engine(octo, load_user=load) as social:
        app = app_of(social, routes=[Route("/phone", view)])
        with caplog.at_level(logging.INFO, logger="asgi_social"):
            async with browser(app) as client:
                answer = await client.get("/phone", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["reason"]) == (401, "audience")
    assert STRANGER not in answer.text
    assert "an-id" not in answer.text
    assert STRANGER in caplog.text
    assert "gho_" not in caplog.text
