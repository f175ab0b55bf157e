"""LoginRadius: the token that its script gives to a page is traded for an access token with the app's secret."""

from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Request, Tokens
from asgi_social.protocols.oauth2 import tokens_from
from asgi_social.protocols.proof import Proven


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Trade the token of a page, which LoginRadius takes together with the secret of the app that it made it for.

    Source: social-auth-core 7.0.0, loginradius.py.
    """
    response = yield Request(
        endpoint="token endpoint",
        method="POST",
        url=client.endpoints.token or "",
        query={"token": tokens.access_token.reveal(), "secret": client.client_secret.reveal()},
    )
    return Proven(subject=None, expires_at=None, tokens=tokens_from(client, response))
