"""Shopify: OAuth 2.0 at the shop, whose answer is signed with the app's secret."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from asgi_social.errors import FlowReason, FlowRefused
from asgi_social.protocols import oauth2
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback
from asgi_social.secret import same

MAX_AGE_SECONDS = 86400.0
SKEW_SECONDS = 60.0


def read_callback(client: Client, params: Mapping[str, str]) -> Callback:
    """Read the answer of the shop where the flow began, once its signature fits.

    Raises:
        FlowRefused: It is not signed by Shopify for this app, is older than a day, or of another shop.

    Source: https://shopify.dev/docs/apps/build/authentication-authorization, on the hmac parameter; ShopifyAPI 12.7.0.
    """
    if "code" in params:  # an error is not signed
        signed = "&".join(sorted(f"{_key(name)}={_text(text)}" for name, text in params.items() if name != "hmac"))
        expected = hmac.new(client.client_secret.reveal().encode(), signed.encode(), sha256).hexdigest()
        if not same(params.get("hmac", ""), expected):
            raise _refused(client, "issuer", "the answer is not signed by Shopify for this app")
        made_at = params.get("timestamp", "")
        is_moment = made_at.isascii() and made_at.isdigit() and len(made_at) <= 12
        if not is_moment or not -SKEW_SECONDS <= client.now - int(made_at) <= MAX_AGE_SECONDS:
            raise _refused(client, "expired", "the answer is older than a day")
        if params.get("shop") != client.variables.get("shop"):
            raise _refused(client, "issuer", "the answer is of another shop than the one that was asked")
    return oauth2.read_callback(client, params)


def _text(text: str) -> str:
    return text.replace("%", "%25").replace("&", "%26")


def _key(name: str) -> str:
    return _text(name).replace("=", "%3D")


def _refused(client: Client, reason: FlowReason, message: str) -> FlowRefused:
    return FlowRefused(message, hint="start again", reason=reason, backend=client.name)
