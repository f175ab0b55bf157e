"""MediaWiki: who somebody is comes as a token that is signed with the app's own secret, for one request alone.

Source: https://www.mediawiki.org/wiki/OAuth/For_Developers, "Identifying the user"; the extension's MWOAuthServer.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken
from asgi_social.protocols.body import require_success
from asgi_social.protocols.client import Client, data_request, values
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.strict_json import parsed
from asgi_social.protocols.userinfo import ENDPOINT, account_from
from asgi_social.secret import same

SKEW_SECONDS = 60.0


def fetch_account(client: Client, tokens: Tokens) -> Conversation[Account]:
    """Ask the wiki who it is, and believe only what it made for this app and this very request.

    Raises:
        ProviderError: The answer is none, or not what it should be.
    """
    request = data_request(
        client, client.provider.userinfo.main, ENDPOINT, known=values(client, tokens=tokens), fallback=None
    )
    response = yield request
    require_success(response, endpoint=ENDPOINT, backend=client.name)
    [nonce] = re.findall(r'oauth_nonce="(.*?)"', request.headers["authorization"])
    claims = _signed_claims(client, response.body)
    fault = _fault(client, claims, nonce=nonce, now=response.received_at)
    if fault is not None:
        raise ProviderBroken(
            endpoint=ENDPOINT, expected="a token about who it is, made for this request", got=fault, backend=client.name
        )
    answers = {"": claims, "userinfo": claims, "token": tokens.answer, "id": {}}
    return account_from(client, answers, tokens, uid=client.provider.uid.read(answers))


def _signed_claims(client: Client, body: bytes) -> dict[str, object]:
    """Give what stands in a token that is signed with the client_secret; nothing of any other."""
    registry = jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)
    try:
        token = jws.deserialize_compact(
            body.strip(), OctKey.import_key(client.client_secret.reveal()), registry=registry
        )
        claims = parsed(token.payload)
    except (JoseError, ValueError, TypeError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _fault(client: Client, claims: Mapping[str, object], *, nonce: str, now: float) -> str | None:
    if not claims:
        return "no token signed with the client_secret"
    iat, exp, said = claims.get("iat"), claims.get("exp"), claims.get("nonce")
    if _host(claims.get("iss")) != _host(client.variables["wiki"]):
        return "one of another wiki"
    if claims.get("aud") != client.client_id:
        return "one for another app"
    if not isinstance(iat, int | float) or not isinstance(exp, int | float):
        return "one that does not say from when to when it is good"
    if iat - SKEW_SECONDS > now or exp + SKEW_SECONDS < now:
        return "one of another time"
    if not isinstance(said, str) or not same(said, nonce):
        return "one that was made for another request"
    return None


def _host(url: object) -> str | None:
    try:
        return urlsplit(str(url)).hostname
    except ValueError:
        return None
