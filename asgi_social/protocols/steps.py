"""The steps of a provider, chosen once when the app starts, and the conversations made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from asgi_social.account import Account, Uid
from asgi_social.protocols import oauth1, oauth2, openid2, proof, saml, userinfo
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Begun, Callback, Challenge, Conversation, Tokens
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.proof import Proven
from asgi_social.protocols.provider import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What can be said to a provider. One with code of its own replaces single steps, by these names.

    ``authorize_params``, ``read_callback`` and ``compacted`` are pure; the others are conversations. ``begin`` is None
    where the browser is simply sent to the authorization endpoint with ``authorize_params``.

    Attributes:
        may_post: Whether an answer may come by a POST from the provider's own page, whatever was asked for.
        compacted: Gives the parameters of such a post in a form that is short enough for an address.
        state_param: What the protocol calls the state.
    """

    begin: Callable[[Client, Challenge], Conversation[Begun]] | None = None
    authorize_params: Callable[[Client, Challenge], Mapping[str, str]] = oauth2.authorize_params
    read_callback: Callable[[Client, Mapping[str, str]], Callback] = oauth2.read_callback
    exchange_code: Callable[[Client, Callback, Challenge], Conversation[Tokens]] = oauth2.exchange_code
    fetch_account: Callable[[Client, Tokens], Conversation[Account]] = userinfo.fetch_account
    renew: Callable[[Client, Tokens], Conversation[Tokens]] = oauth2.renew
    revoke: Callable[[Client, Tokens, Uid], Conversation[None]] = oauth2.revoke
    may_post: bool = False
    compacted: Callable[[Mapping[str, str]], dict[str, str]] = dict
    state_param: str = "state"
    prove: Callable[[Client, Tokens], Conversation[Proven]] = proof.prove


def steps_by_protocol(protocol: Protocol) -> Steps:
    """Give the steps that all providers of a protocol have, but for those with steps of their own."""
    if protocol == "oauth1":
        return Steps(begin=oauth1.begin, read_callback=oauth1.read_callback, exchange_code=oauth1.exchange_code)
    if protocol == "openid2":
        return Steps(
            begin=openid2.begin,
            read_callback=openid2.read_callback,
            exchange_code=openid2.exchange_code,
            may_post=True,  # section 5.2: an answer that is too long for an address is posted
        )
    if protocol == "saml":
        return Steps(
            begin=saml.begin,
            read_callback=saml.read_callback,
            exchange_code=saml.exchange_code,
            may_post=True,
            compacted=saml.compacted,
            state_param="RelayState",
        )
    return Steps()


def begun(client: Client, steps: Steps, challenge: Challenge) -> Conversation[Begun]:
    """Give the address that the browser is sent to, and what the end of the flow must know; the client is prepared.

    Raises:
        SettingsError: The provider has no authorization endpoint.
        ProviderError: A provider that has to be asked first did not do its part.
    """
    if steps.begin is not None:
        return (yield from steps.begin(client, challenge))
    return oauth2.begun(client, steps.authorize_params(client, challenge))


def sign_in(
    client: Client, steps: Steps, callback: Callback, challenge: Challenge
) -> Conversation[tuple[Tokens, Account]]:
    """Spend the code of a flow, and ask whose account the tokens are."""
    client = yield from prepared(client)
    tokens = yield from steps.exchange_code(client, callback, challenge)
    account = yield from steps.fetch_account(client, tokens)
    return tokens, account


def revocation(client: Client, steps: Steps, tokens: Tokens, uid: Uid) -> Conversation[None]:
    """Revoke tokens, where the provider has a way to."""
    client = yield from prepared(client)
    yield from steps.revoke(client, tokens, uid)
