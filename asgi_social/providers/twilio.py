"""Twilio Connect: the answer names the account that was connected, and there is no token."""

from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Conversation, Tokens
from asgi_social.secret import Secret


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:  # noqa: ARG001
    """Take the account from the answer, which nothing but the state of the flow vouches for.

    So the account is for linking alone: what a person can bring is only an id that they name by themselves.
    """
    yield from ()  # nobody is asked
    return Tokens(access_token=Secret(""), scope=(), answer={"AccountSid": callback.code.reveal()})
