"""Minecraft: a Microsoft account's token, traded for Xbox's and then for the game's, which knows the player."""

from collections.abc import Mapping

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken, Refused
from asgi_social.protocols import userinfo
from asgi_social.protocols.body import object_of
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Request, Tokens

_XBOX = "https://user.auth.xboxlive.com/user/authenticate"
_XSTS = "https://xsts.auth.xboxlive.com/xsts/authorize"
_GAME = "https://api.minecraftservices.com/authentication/login_with_xbox"
_PROFILE = "https://api.minecraftservices.com/minecraft/profile"


def fetch_account(client: Client, tokens: Tokens) -> Conversation[Account]:
    """Ask the game for the player; the tokens on the way there are kept nowhere.

    Raises:
        Refused: The person does not own the game, and so has no profile.

    Source: SocialiteProviders, Minecraft.
    """
    ticket = {
        "AuthMethod": "RPS",
        "SiteName": "user.auth.xboxlive.com",
        "RpsTicket": f"d={tokens.access_token.reveal()}",
    }
    asked = {"Properties": ticket, "RelyingParty": "http://auth.xboxlive.com", "TokenType": "JWT"}
    xbox, user = _token_of(client, "Xbox endpoint", (yield from _posted(client, "Xbox endpoint", _XBOX, asked)))
    trade = {"SandboxId": "RETAIL", "UserTokens": [xbox]}
    asked = {"Properties": trade, "RelyingParty": "rp://api.minecraftservices.com/", "TokenType": "JWT"}
    xsts, _ = _token_of(client, "XSTS endpoint", (yield from _posted(client, "XSTS endpoint", _XSTS, asked)))
    game = yield from _posted(client, "game endpoint", _GAME, {"identityToken": f"XBL3.0 x={user};{xsts}"})
    token = game.get("access_token")
    if not isinstance(token, str) or not token:
        raise _broken(client, "game endpoint", "an access_token")
    headers = {"authorization": f"Bearer {token}"}
    response = yield Request(endpoint=userinfo.ENDPOINT, method="GET", url=_PROFILE, headers=headers)
    if response.status == 404:
        raise Refused(
            "the person has no profile in the game",
            hint="choose an account that owns the game",
            backend=client.name,
        )
    profile = object_of(response, endpoint=userinfo.ENDPOINT, backend=client.name)
    uid = client.provider.uid.read({"": profile})
    return userinfo.account_from(client, {"": profile, "userinfo": profile}, tokens, uid=uid)


def _posted(client: Client, endpoint: str, url: str, body: Mapping[str, object]) -> Conversation[dict[str, object]]:
    response = yield Request(endpoint=endpoint, method="POST", url=url, json=body)
    return object_of(response, endpoint=endpoint, backend=client.name)


def _token_of(client: Client, endpoint: str, answer: Mapping[str, object]) -> tuple[str, str]:
    """Give the token of an answer, and the hash of the person that goes with it."""
    claims = answer.get("DisplayClaims")
    people = claims.get("xui") if isinstance(claims, dict) else None
    first = people[0] if isinstance(people, list) and people else None
    token, user = answer.get("Token"), first.get("uhs") if isinstance(first, dict) else None
    if not isinstance(token, str) or not isinstance(user, str):
        raise _broken(client, endpoint, "a Token and whose it is")
    return token, user


def _broken(client: Client, endpoint: str, expected: str) -> ProviderBroken:
    return ProviderBroken(endpoint=endpoint, expected=expected, got="another answer", backend=client.name)
