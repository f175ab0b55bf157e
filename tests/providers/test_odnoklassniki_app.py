"""Odnoklassniki apps in a frame: the parameters of the frame as a client token."""

from hashlib import md5
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from asgi_social.errors import ProviderBroken
from asgi_social.providers.odnoklassniki_app import signature_of
from tests.providers.widgets import SECRET, page

PERSON = {"uid": "424000", "first_name": "Ada", "last_name": "Lovelace", "name": "Ada%20Lovelace"}


class Api:
    """Odnoklassniki, which knows one session."""

    def __init__(self, *, session_of: object = "424000", people: Any = (PERSON,)) -> None:
        self.session_of = session_of
        self.people = people
        self.methods: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a method, whose signature must fit."""
        asked = dict(parse_qsl(request.content.decode())) if request.method == "POST" else dict(request.url.params)
        given = asked.pop("sig")
        is_session = asked.pop("session_key", None) == "a-session"
        assert given == signature_of(asked, "a-session-secret" if is_session else SECRET)
        assert asked["application_key"] == "public-key"
        self.methods.append(asked["method"])
        body = self.session_of if is_session else self.people
        return httpx.Response(200, content=body) if isinstance(body, bytes) else httpx.Response(200, json=body)


def frame(*, secret: str = SECRET, **changed: str) -> str:
    """Sign the parameters of a frame."""
    fields = {
        "logged_user_id": "424000",
        "session_key": "a-session",
        "session_secret_key": "a-session-secret",
        "api_server": "https://evil.example/",
        **changed,
    }
    signed = f"{fields['logged_user_id']}{fields['session_key']}{secret}"
    return urlencode({"auth_sig": md5(signed.encode()).hexdigest().upper(), **fields})  # noqa: S324  # as they do


async def test_a_frame_links_the_person_whose_session_it_holds() -> None:
    api = Api()
    async with page("odnoklassniki-app", api, public_name="public-key") as one:
        association = await one.link(frame())

    said = association.account
    assert (association.uid, said["username"], said["fullname"]) == ("424000", "424000", "Ada Lovelace")
    assert api.methods == ["users.getLoggedInUser", "users.getInfo"]


@pytest.mark.parametrize(
    ("query", "reason", "api"),
    [
        pytest.param(frame(secret="another app's"), "signature", Api(), id="another app"),
        pytest.param(frame().replace("=424000", "=1"), "signature", Api(), id="tampered"),
        pytest.param("logged_user_id=424000", "malformed", Api(), id="not signed"),
        pytest.param(frame(session_secret_key=""), "malformed", Api(), id="no session secret"),
        pytest.param(frame(), "subject", Api(session_of="1"), id="the session of another"),
        pytest.param(frame(), "subject", Api(people=[PERSON | {"uid": "1"}]), id="the names of another"),
    ],
)
async def test_a_frame_that_is_not_theirs_is_refused(query: str, reason: str, api: Api) -> None:
    async with page("odnoklassniki-app", api, public_name="public-key") as one:
        assert await one.refusal(query) == reason


@pytest.mark.parametrize("people", [b"<html>", [], {}, [PERSON, PERSON], ["x"]], ids=str)
async def test_an_answer_that_is_not_about_one_person_is_told(people: Any) -> None:
    async with page("odnoklassniki-app", Api(people=people), public_name="public-key") as one:
        with pytest.raises(ProviderBroken):
            await one.link(frame())
