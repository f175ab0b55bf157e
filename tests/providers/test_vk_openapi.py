"""VK Open API: the cookie of its script as a client token."""

from hashlib import md5
from urllib.parse import urlencode

import pytest

from asgi_social.testing.clock import START
from tests.providers.widgets import SECRET, page


def cookie(*, secret: str = SECRET, **changed: str) -> dict[str, str]:
    """Sign what VK says of a person."""
    fields = {"expire": str(int(START) + 3600), "mid": "424000", "secret": "oauth", "sid": "a-session", **changed}
    text = "".join(f"{name}={fields[name]}" for name in ("expire", "mid", "secret", "sid"))
    return {**fields, "sig": md5(f"{text}{secret}".encode()).hexdigest()}  # noqa: S324  # as VK does


async def test_a_cookie_links_the_person_that_it_names_and_no_name_beside_it_is_read() -> None:
    async with page("vk-openapi") as one:
        association = await one.link(urlencode(cookie() | {"first_name": "Mallory", "nickname": "root"}))

    assert (association.uid, association.account["username"]) == ("424000", "424000")
    assert association.account["first_name"] is None


async def test_a_cookie_is_taken_once() -> None:
    async with page("vk-openapi") as one:
        await one.link(urlencode(cookie()))

        assert await one.refusal(urlencode(cookie())) == "spent"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param(cookie() | {"mid": "1"}, "signature", id="tampered"),
        pytest.param(cookie(secret="another app's"), "signature", id="another app"),
        pytest.param(cookie(expire=str(int(START))), "expired", id="ended"),
        pytest.param(cookie(expire="never"), "malformed", id="no moment"),
        pytest.param({"mid": "424000"}, "malformed", id="not signed"),
    ],
)
async def test_a_cookie_that_is_not_vks_is_refused(fields: dict[str, str], reason: str) -> None:
    async with page("vk-openapi") as one:
        assert await one.refusal(urlencode(fields)) == reason
