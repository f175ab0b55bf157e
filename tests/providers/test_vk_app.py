"""VK apps in a frame: the parameters of the frame as a client token."""

from hashlib import md5
from urllib.parse import urlencode

import httpx
import pytest

from asgi_social.errors import ProviderRefused
from tests.providers.widgets import SECRET, page

PERSON = {
    "id": 424000,
    "screen_name": "ada",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "photo_50": "https://a.example",
}


def vk(request: httpx.Request) -> httpx.Response:
    """Answer as VK does to the token of one person."""
    assert request.url.path == "/method/users.get"
    if dict(request.url.params)["access_token"] != "a-token":
        return httpx.Response(200, json={"error": {"error_code": 5, "error_msg": "User authorization failed"}})
    return httpx.Response(200, json={"response": [PERSON]})


def frame(*, secret: str = SECRET, **changed: str) -> str:
    """Sign the parameters of a frame."""
    fields = {"api_id": "an-id", "viewer_id": "424000", "access_token": "a-token", "is_app_user": "1", **changed}
    signed = f"{fields['api_id']}_{fields['viewer_id']}_{secret}"
    return urlencode({"auth_key": md5(signed.encode()).hexdigest(), **fields})  # noqa: S324  # as VK does


async def test_a_frame_links_the_person_whose_access_token_it_holds() -> None:
    async with page("vk-app", vk) as one:
        association = await one.link(frame())

    assert (association.uid, association.account["username"]) == ("424000", "ada")
    assert await one.backend.do_auth(frame()) == "7"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        pytest.param(frame(secret="another app's"), "signature", id="another secret"),
        pytest.param(frame(api_id="another"), "audience", id="another app"),
        pytest.param(frame().replace("viewer_id=424000", "viewer_id=1"), "signature", id="tampered"),
        pytest.param(frame(access_token="a token"), "malformed", id="no token"),
        pytest.param("viewer_id=424000", "malformed", id="not signed"),
        pytest.param(frame(viewer_id="1"), "subject", id="the access token of another person"),
    ],
)
async def test_a_frame_that_is_not_vks_is_refused(query: str, reason: str) -> None:
    async with page("vk-app", vk) as one:
        assert await one.refusal(query) == reason


async def test_an_access_token_that_vk_does_not_know_is_told() -> None:
    async with page("vk-app", vk) as one:
        with pytest.raises(ProviderRefused, match="'5'"):
            await one.link(frame(access_token="an-old-token"))
