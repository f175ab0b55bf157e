"""WeCom: what is told to the company's token of a person who is a member, and of one who is not."""

from typing import Any

import httpx
import pytest

from tests.app import query_of
from tests.providers.linking import linking

ANSWERS: dict[str, dict[str, Any]] = {
    "gettoken": {"errcode": 0, "access_token": "company-token"},
    "user/getuserinfo": {"errcode": 0, "userid": "ada"},
    "user/get": {"errcode": 0, "userid": "ada", "name": "Ada Lovelace"},
}


class WeCom:
    """The company's API."""

    def __init__(self, **changed: dict[str, Any]) -> None:
        self.answers = {**ANSWERS, **{name.replace("__", "/"): one for name, one in changed.items()}}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a method."""
        return httpx.Response(200, json=self.answers[request.url.path.removeprefix("/cgi-bin/")])


async def test_a_member_is_linked_within_the_company_and_no_token_is_kept() -> None:
    async with linking("workweixin", WeCom(), agent_id="1000002") as one:
        asked = query_of(await one.begun())
        assert (asked["appid"], asked["agentid"]) == ("an-id", "1000002")
        assert (await one.completed(state=asked["state"], code="a-code"))[0] == 303
        [row] = await one.social.engine.repository.of_user("ada")

    assert (row.uid, row.authority, row.access_token) == ("ada", "an-id", "")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"user__getuserinfo": {"errcode": 0, "OpenId": "o"}}, (400, "refused"), id="no member"),
        pytest.param({"gettoken": {"errcode": 40001, "errmsg": "invalid"}}, (502, "provider_refused"), id="an error"),
        pytest.param({"gettoken": {"errcode": 0}}, (502, "provider_broken"), id="no token"),
        pytest.param({"user__get": {"errcode": 0, "userid": "layla"}}, (502, "provider_broken"), id="another member"),
    ],
)
async def test_who_is_not_told_to_be_a_member_is_not_linked(
    changed: dict[str, dict[str, Any]], expected: tuple[int, str]
) -> None:
    async with linking("workweixin", WeCom(**changed), agent_id="1000002") as one:
        state = query_of(await one.begun())["state"]

        assert (await one.completed(state=state, code="a-code"))[:2] == expected
        assert await one.associations() == []
