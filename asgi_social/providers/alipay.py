"""Alipay: one gateway for every method, whose requests the app signs with its own RSA key."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken, ProviderRefused, SettingsError
from asgi_social.protocols import oauth2, userinfo
from asgi_social.protocols.body import object_of
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Conversation, Request, Tokens
from asgi_social.protocols.oauth2 import expiry_of, is_token
from asgi_social.secret import Secret

GATEWAY = "https://openapi.alipay.com/gateway.do"
_TOKEN = "alipay.system.oauth.token"
_SUCCESS = "10000"


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:
    """Spend the code.

    Source: AspNet.Security.OAuth.Alipay, AlipayAuthenticationHandler.
    """
    fields = {"grant_type": "authorization_code", "code": callback.code.reveal()}
    tokens = yield from _tokens(client, fields)
    return replace(tokens, scope=challenge.scope)


def renew(client: Client, tokens: Tokens) -> Conversation[Tokens]:
    """Spend the refresh token, at the same method."""
    spent = tokens.refresh_token.reveal() if tokens.refresh_token else ""
    return (yield from _tokens(client, {"grant_type": "refresh_token", "refresh_token": spent}))


def fetch_account(client: Client, tokens: Tokens) -> Conversation[Account]:
    """Ask for the person of an access token."""
    answer, _ = yield from _called(
        client, "alipay.user.info.share", {"auth_token": tokens.access_token.reveal()}, endpoint=userinfo.ENDPOINT
    )
    uid = client.provider.uid.read({"": answer})
    return userinfo.account_from(client, {"": answer, "userinfo": answer}, tokens, uid=uid)


def _tokens(client: Client, fields: Mapping[str, str]) -> Conversation[Tokens]:
    answer, received_at = yield from _called(client, _TOKEN, fields, endpoint=oauth2.ENDPOINT)
    access_token, refresh_token = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(access_token, str) or not is_token(access_token):
        raise ProviderBroken(
            endpoint=oauth2.ENDPOINT, expected="an answer with access_token", got="one without", backend=client.name
        )
    return Tokens(
        access_token=Secret(access_token),
        refresh_token=Secret(refresh_token) if isinstance(refresh_token, str) and is_token(refresh_token) else None,
        expires_at=expiry_of(answer.get("expires_in"), received_at=received_at),
        answer=answer,
    )


def _called(
    client: Client, method: str, fields: Mapping[str, str], *, endpoint: str
) -> Conversation[tuple[dict[str, object], float]]:
    """Call a method of the gateway; give the object of its answer, and when that came."""
    query = {
        "app_id": client.client_id,
        "charset": "utf-8",
        "format": "JSON",
        "method": method,
        "sign_type": "RSA2",
        "timestamp": datetime.fromtimestamp(client.now, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
        **fields,
    }
    response = yield Request(
        endpoint=endpoint, method="GET", url=GATEWAY, query={**query, "sign": _signature(client, query)}
    )
    whole = object_of(response, endpoint=endpoint, backend=client.name)
    answer = whole.get(f"{method.replace('.', '_')}_response", whole.get("error_response"))
    if not isinstance(answer, dict):
        raise ProviderBroken(endpoint=endpoint, expected="the method's answer", got="another", backend=client.name)
    code = answer.get("code")
    if code not in {None, _SUCCESS}:
        raise ProviderRefused(
            endpoint=endpoint,
            error=str(answer.get("sub_code") or code),
            description=str(answer.get("sub_msg") or answer.get("msg") or ""),
            hint="see the provider's manual for this code",
            http_status=response.status,
            backend=client.name,
        )
    return answer, response.received_at


def _signature(client: Client, query: Mapping[str, str]) -> str:
    text = "&".join(f"{name}={query[name]}" for name in sorted(query) if query[name])
    return base64.b64encode(_key(client).sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()


def _key(client: Client) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(client.client_secret.reveal().strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, RSAPrivateKey):
        return key
    raise SettingsError(
        f"{client.name}: client_secret is not an RSA private key",
        hint="paste the app's private key, with its BEGIN and END lines",
        setting=f"backends.{client.name}.client_secret",
        allowed="a private key in PEM",
        backend=client.name,
    )
