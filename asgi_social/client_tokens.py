"""Client tokens: what a phone app or a page's SDK got by itself is proved, and good once where it has to be."""

from dataclasses import dataclass, field, replace

from asgi_social.account import Account
from asgi_social.clock import Clock
from asgi_social.errors import TokenRefused
from asgi_social.events import Event, Events
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Once, Tokens
from asgi_social.protocols.steps import Steps
from asgi_social.secret import Secret
from asgi_social.storage.repository import Flows
from asgi_social.transport import Transport
from asgi_social.verify import account_of_id_token, client_token, proven_account, spend_key

ID_TOKEN_SECONDS = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a client sent, as the app handed it over: nothing of it is checked yet. See ``Backend.do_auth``."""

    access_token: object = field(default=None, repr=False)
    id_token: object = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    once: bool = False


class ClientTokens:
    """What the client tokens of one engine are proved by."""

    def __init__(self, *, store: Flows, transport: Transport, events: Events, clock: Clock) -> None:
        self._store = store
        self._transport = transport
        self._events = events
        self._clock = clock

    async def proven(self, client: Client, steps: Steps, sent: Sent) -> tuple[Tokens, Account]:
        """Give the account of a client token, once it is shown to be issued to this app.

        Raises:
            TokenRefused: It is bad or not ours; the app is told.
            ProviderError: The provider did not do its part.
        """
        try:
            if sent.id_token is None:
                token = client_token(sent.access_token, backend=client.name)
                conversation = proven_account(client, steps, token)
            else:
                token = client_token(sent.id_token, backend=client.name)
                nonce = Secret(sent.nonce) if sent.nonce is not None else None
                conversation = account_of_id_token(client, token, nonce=nonce)
            tokens, account = await self._transport.play(conversation, backend=client.name)
            if sent.id_token is not None and (sent.nonce is not None or sent.once):
                tokens = replace(tokens, once=self._id_token_once(client, token, tokens))
            await self._spend(client, tokens.once)
        except TokenRefused as refusal:
            event = Event(name="token_refused", backend=client.name, code=refusal.code, reason=refusal.reason)
            self._events.emit(replace(event, detail=refusal.detail))
            raise
        return tokens, account

    def _id_token_once(self, client: Client, id_token: Secret, tokens: Tokens) -> Once:
        end = (tokens.claims or {}).get("exp")
        expires_at = float(end) if isinstance(end, int | float) else self._clock.now() + ID_TOKEN_SECONDS
        # Kept a little beyond its end, as long as the skew of clocks lets it pass.
        return Once(key=spend_key(client, id_token), until=expires_at + 120)

    async def _spend(self, client: Client, once: Once | None) -> None:
        if once is None or await self._store.spend(once.key, expires_at=once.until, now=self._clock.now()):
            return
        raise TokenRefused(
            "the client token has been used before",
            hint="get a new token from the provider",
            reason="spent",
            backend=client.name,
        )
