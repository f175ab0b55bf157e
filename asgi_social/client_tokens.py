"""Client tokens: what a phone app or a page's SDK got by itself is proved, and good once where it has to be.

What was proved is kept for a minute, in this process alone, by a digest of the token.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from asgi_social.account import Account
from asgi_social.clock import Clock
from asgi_social.errors import SettingsError, TokenRefused, TooManyRequests
from asgi_social.events import Event, Events
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Once, Tokens
from asgi_social.protocols.steps import Steps
from asgi_social.protocols.variables import defaults, open_variables, with_variables
from asgi_social.secret import Secret, digest
from asgi_social.storage.repository import Flows
from asgi_social.transport import Share, Transport
from asgi_social.users import Limit, awaited
from asgi_social.verify import (
    NOTHING,
    ClientCode,
    account_of_both,
    account_of_code,
    account_of_id_token,
    client_token,
    proven_account,
    spend_key,
    traded,
)

ID_TOKEN_SECONDS = 86400.0
PROOF_SECONDS = 60.0
MAX_PROOFS = 1000
MAX_USER_CHARACTERS = 2048
MAX_URI_CHARACTERS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a client sent, as the app handed it over: nothing of it is checked yet. See ``Backend.do_auth``."""

    access_token: object = field(default=None, repr=False)
    id_token: object = field(default=None, repr=False)
    code: object = field(default=None, repr=False)
    code_verifier: object = field(default=None, repr=False)
    redirect_uri: object = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    user: object = field(default=None, repr=False)
    once: bool = False

    @property
    def is_for_once(self) -> bool:
        """Whether it is good once, or is more than tokens, so that it has to be proved each time."""
        return self.once or any(one is not None for one in (self.code, self.nonce, self.user))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    tokens: Tokens
    account: Account
    proved_at: float


class ClientTokens:
    """What the client tokens of one engine are proved by."""

    def __init__(  # noqa: PLR0913  # the parts of the engine that it works with, each by keyword
        self, *, store: Flows, transport: Transport, share: Share, limit: Limit | None, events: Events, clock: Clock
    ) -> None:
        self._store = store
        self._limit = limit
        self._transport = transport
        self._share = share
        self._proofs: OrderedDict[str, _Proof] = OrderedDict()
        self._events = events
        self._clock = clock

    async def admit(self, connection: object, *, backend: str) -> None:
        """Ask the app's own limit, before anything is looked at.

        Args:
            connection: The request's, or None outside of one.
            backend: Whose token it is.

        Raises:
            TooManyRequests: It names seconds to wait.
        """
        seconds = None if self._limit is None else await awaited(self._limit(connection, backend))
        if isinstance(seconds, int | float) and seconds > 0:
            raise TooManyRequests(
                "client tokens come too often",
                hint=f"try again in {math.ceil(seconds)} s",
                retry_after=float(seconds),
                backend=backend,
            )

    async def proven(self, client: Client, steps: Steps, sent: Sent) -> tuple[Tokens, Account]:
        """Give the account of a client token, once it is shown to be issued to this app.

        Raises:
            TokenRefused: It is bad or not ours; the app is told.
            ProviderError: The provider did not do its part.
            SettingsError: Where such a token is from is not for the app alone to say, and it has not said it.
        """
        client = _fixed(client)
        try:
            conversation = _conversation(client, steps, sent)
            if sent.is_for_once:
                tokens, account = await self._transport.converse(client, conversation)
            else:
                tokens, account = await self._shown(client, conversation, sent)
            if isinstance(sent.id_token, str) and (sent.nonce is not None or sent.once):
                tokens = replace(tokens, once=self._id_token_once(client, Secret(sent.id_token), tokens))
            await self._spend(client, tokens.once)
        except TokenRefused as refusal:
            event = Event(name="token_refused", backend=client.name, code=refusal.code, reason=refusal.reason)
            self._events.emit(replace(event, detail=refusal.detail))
            raise
        return tokens, account

    async def traded(self, client: Client, steps: Steps, tokens: Tokens) -> Tokens:
        """Trade a proved access token for one that lives longer.

        Raises:
            SettingsError: The provider has no such trade.
            ProviderError: It did not do its part.
        """
        client = _fixed(client)
        return await self._transport.converse(client, traded(client, steps, tokens))

    async def _shown(
        self, client: Client, conversation: Conversation[tuple[Tokens, Account]], sent: Sent
    ) -> tuple[Tokens, Account]:
        """Prove tokens, unless they were proved a moment ago, or just are: an app gets one with each request.

        Whose association their account is, is read each time: unlinking holds at once.
        """
        key = digest(f"proof {client.name} {sent.access_token or ''} {sent.id_token or ''}")
        kept = self._kept(key)
        if kept is not None:
            return kept
        if sent.access_token is None:  # an ID token is proved here, and nobody asked
            return await self._proved(client, conversation, key)
        return await self._share(("proof", client.name, key), partial(self._proved, client, conversation, key))

    async def _proved(
        self, client: Client, conversation: Conversation[tuple[Tokens, Account]], key: str
    ) -> tuple[Tokens, Account]:
        tokens, account = await self._transport.converse(client, conversation)
        if tokens.once is None:
            # The oldest come first, and go when the next one comes: no token stays for long.
            while self._proofs and (len(self._proofs) >= MAX_PROOFS or self._is_old(next(iter(self._proofs.values())))):
                self._proofs.popitem(last=False)
            self._proofs[key] = _Proof(tokens=tokens, account=account, proved_at=self._clock.monotonic())
        return tokens, account

    def _kept(self, key: str) -> tuple[Tokens, Account] | None:
        proof = self._proofs.get(key)
        if proof is None:
            return None
        ends = (proof.tokens.expires_at, (proof.tokens.claims or {}).get("exp"))
        now = self._clock.now()
        if self._is_old(proof) or any(isinstance(end, int | float) and end <= now for end in ends):
            del self._proofs[key]
            return None
        return proof.tokens, proof.account

    def _is_old(self, proof: _Proof) -> bool:
        return self._clock.monotonic() - proof.proved_at >= PROOF_SECONDS

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


def _fixed(client: Client) -> Client:
    """Give the client for a token that no flow brought, and that says of no host that it is from.

    Raises:
        SettingsError: Where it is from is not for the app alone to say.
    """
    client = with_variables(client, defaults(client))
    left = [*open_variables(client, "person").values(), *open_variables(client, "callback").values()]
    if left:
        raise SettingsError(
            f"whose client tokens of {client.name} are taken depends on its setting {left[0].setting}",
            hint="set it; for several, configure several backends",
            setting=f"backends.{client.name}.{left[0].setting}",
            allowed=left[0].pattern or f"a {left[0].kind}",
            backend=client.name,
        )
    return client


def _conversation(client: Client, steps: Steps, sent: Sent) -> Conversation[tuple[Tokens, Account]]:
    """Choose how what came is proved, once its form is that of tokens; nobody is asked yet."""
    beside, nonce = _beside(client, sent.user), Secret(sent.nonce) if sent.nonce is not None else None
    if sent.code is not None:
        if sent.access_token is not None or sent.id_token is not None:
            raise _malformed(client, "an authorization code comes alone, for the provider gives its tokens for it")
        verifier = None
        if sent.code_verifier is not None:
            verifier = client_token(sent.code_verifier, backend=client.name)
        code = client_token(sent.code, backend=client.name)
        where = _redirect_uri(client, sent.redirect_uri)
        return account_of_code(
            client,
            steps,
            ClientCode(code=code, code_verifier=verifier, redirect_uri=where, nonce=nonce, beside=beside),
        )
    if sent.id_token is None:
        return proven_account(client, steps, client_token(sent.access_token, backend=client.name))
    id_token = client_token(sent.id_token, backend=client.name)
    if sent.access_token is None:
        return account_of_id_token(client, id_token, nonce=nonce, beside=beside)
    tokens = Tokens(access_token=client_token(sent.access_token, backend=client.name), id_token=id_token)
    return account_of_both(client, steps, tokens, nonce=nonce, beside=beside)


def _beside(client: Client, user: object) -> Mapping[str, str]:
    """Give the names that Apple gives to a client once, for those providers whose data keep them of an answer too."""
    if user is None or "user" not in client.provider.callback.keep:
        return NOTHING
    if not isinstance(user, str) or len(user) > MAX_USER_CHARACTERS:
        raise _malformed(client, f"the user is JSON text of at most {MAX_USER_CHARACTERS} characters")
    return {"user": user}


def _redirect_uri(client: Client, value: object) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= MAX_URI_CHARACTERS and value.isprintable()):
        return value
    raise _malformed(client, f"a redirect URI is text of at most {MAX_URI_CHARACTERS} characters")


def _malformed(client: Client, message: str) -> TokenRefused:
    hint = "send what the provider gave, exactly as it did"
    return TokenRefused(message, hint=hint, reason="malformed", backend=client.name)
