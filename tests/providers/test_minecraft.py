"""Minecraft: three trades of tokens, of which each may go wrong."""

from typing import Any

import httpx
import pytest

from tests.app import query_of
from tests.providers.linking import linking

XBOX = {"Token": "a-ticket", "DisplayClaims": {"xui": [{"uhs": "2535"}]}}
ANSWERS: dict[str, Any] = {
    "/oauth20_token.srf": {"access_token": "a-token", "expires_in": 3600},
    "/user/authenticate": XBOX,
    "/xsts/authorize": XBOX,
    "/authentication/login_with_xbox": {"access_token": "game-token"},
    "/minecraft/profile": {"id": "069a79f4", "name": "Ada"},
}


class Game:
    """Microsoft, Xbox and the game."""

    def __init__(self, **changed: Any) -> None:
        self.answers = {**ANSWERS, **{f"/{name.replace('__', '/')}": one for name, one in changed.items()}}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        answer = self.answers[request.url.path]
        return httpx.Response(404, json={"error": "NOT_FOUND"}) if answer is None else httpx.Response(200, json=answer)


async def test_a_player_is_linked_and_microsofts_token_is_kept() -> None:
    async with linking("minecraft", Game()) as one:
        state = query_of(await one.begun())["state"]
        assert (await one.completed(state=state, code="a-code"))[0] == 303
        [association] = await one.associations()

        assert (association.uid, await association.get_access_token()) == ("069a79f4", "a-token")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"minecraft__profile": None}, (400, "refused"), id="no game"),
        pytest.param({"user__authenticate": {"Token": "t"}}, (502, "provider_broken"), id="nobody's ticket"),
        pytest.param({"xsts__authorize": {**XBOX, "DisplayClaims": {"xui": []}}}, (502, "provider_broken"), id="none"),
        pytest.param({"user__authenticate": {**XBOX, "Token": 1}}, (502, "provider_broken"), id="no ticket"),
        pytest.param({"authentication__login_with_xbox": {}}, (502, "provider_broken"), id="no game token"),
    ],
)
async def test_a_trade_that_goes_wrong_links_nobody(changed: dict[str, Any], expected: tuple[int, str]) -> None:
    async with linking("minecraft", Game(**changed)) as one:
        state = query_of(await one.begun())["state"]

        assert (await one.completed(state=state, code="a-code"))[:2] == expected
        assert await one.associations() == []
