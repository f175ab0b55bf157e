"""Backend: a provider with this app's credentials, and what an app does with one."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

from asgi_social.account import Account
from asgi_social.association import Association
from asgi_social.client_tokens import Sent
from asgi_social.engine import Engine
from asgi_social.errors import (
    FlowRefused,
    ProviderRefused,
    ProviderRetired,
    Refused,
    SettingsError,
    StorageError,
)
from asgi_social.flow import Flow, new_challenge, with_withheld, withhold
from asgi_social.linking import Links
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Tokens
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.oauth2 import hinted, no_redirect
from asgi_social.protocols.provider import Variable
from asgi_social.protocols.steps import begun, sign_in
from asgi_social.protocols.variables import (
    chosen_by_answer,
    chosen_by_person,
    open_variables,
    with_variables,
)
from asgi_social.refresh.attempt import Renewable
from asgi_social.storage.repository import StoredAssociation
from asgi_social.users import SignUp

_WRITE_TRIES = 5

UserId = TypeVar("UserId")


class Backend(Generic[UserId]):
    """A provider together with this app's credentials there; what ``social.backend("github")`` gives.

    Attributes:
        name: The backend's name.
    """

    def __init__(
        self, name: str, renewable: Renewable, engine: Engine[UserId], *, connection: object | None = None
    ) -> None:
        self.name = name
        self._client = renewable.client
        self._steps = renewable.steps
        self._engine = engine
        self._connection = connection
        self._links = Links(
            renewable.client,
            repository=engine.repository,
            attempts=engine.renewals.attempts,
            events=engine.events,
            keys=engine.keys,
            clock=engine.clock,
        )

    def __repr__(self) -> str:
        return f"Backend({self.name!r}, provider={self._client.provider.name!r})"

    @property
    def title(self) -> str:
        """The provider's name, for people."""
        return self._client.provider.title

    @property
    def mark(self) -> str | None:
        """The name of the provider's brand mark, where there is one."""
        return self._client.provider.mark

    @property
    def has_redirect(self) -> bool:
        """Whether an account is linked by sending the browser to the provider; else by a client token alone."""
        return "redirect" in self._client.provider.flows

    @property
    def takes_form_post(self) -> bool:
        """Whether the provider answers, or may answer, by a POST from its own page."""
        return self._client.provider.authorize.response_mode == "form_post" or self._steps.may_post

    def posted(self, params: Mapping[str, str]) -> dict[str, str]:
        """Give the parameters of a post in a form that is short enough for an address."""
        return self._steps.compacted(params)

    def state_of(self, params: Mapping[str, str]) -> str | None:
        """Give the state of an answer."""
        return params.get(self._steps.state_param)

    @property
    def client_id(self) -> str:
        """This app's id at the provider."""
        return self._client.client_id

    @property
    def asks_for(self) -> dict[str, Variable]:
        """What the person has to choose before a flow can begin, such as their shop, by the names in a request."""
        return {one.setting: one for one in open_variables(self._client, "person").values()}

    def require_alive(self) -> None:
        """Raise where nothing can be linked any more.

        Raises:
            ProviderRetired: The service is shut down.
        """
        provider = self._client.provider
        if provider.retired is None:
            return
        why = f": {provider.quirks[0].removesuffix('.')}" if provider.quirks else ""
        raise ProviderRetired(
            f"{self.title} is shut down since {provider.retired}",
            hint=f"what is linked can be unlinked, and no more can be linked{why}",
            since=provider.retired,
            backend=self.name,
        )

    async def begin(
        self,
        *,
        user_id: str,
        redirect_uri: str,
        next_path: str,
        further_scope: tuple[str, ...] = (),
        named: Mapping[str, str] | None = None,
    ) -> tuple[Flow, str]:
        """Begin a flow.

        Args:
            user_id: Who begins it, as text.
            redirect_uri: Where the provider sends the browser back.
            next_path: The app's path where the flow ends, checked.
            further_scope: What is asked besides; what the settings do not allow is left out.
            named: What the person has chosen of :attr:`asks_for`.

        Returns:
            The flow, and the address to send the browser to.

        Raises:
            Refused: The person has not chosen what is to be chosen, or something that cannot be.
            ProviderError: The provider's metadata cannot be had.
            ProviderRetired: The service is shut down.
            SettingsError: The provider cannot be associated by a redirect.
        """
        self.require_alive()
        chosen = chosen_by_person(self._client, named or {})
        client = with_variables(self._now(), chosen)
        client = await self._engine.transport.converse(client, prepared(client))
        if not client.provider.flows:
            raise Refused(
                f"no account is linked by {self.title}", hint=" ".join(client.provider.quirks), backend=self.name
            )
        if "redirect" not in client.provider.flows:
            raise no_redirect(client)
        held = await self._engine.repository.of_user(user_id, backend=self.name)
        # Granted scope only grows: what was granted before is asked again, or linking anew would lose it.
        allowed = {*client.scope, *client.further_scope}
        earlier = [one for row in held for one in row.scope if one in allowed]
        asked = [one for one in further_scope if one in client.further_scope]
        challenge = new_challenge(
            redirect_uri=redirect_uri,
            scope=tuple(dict.fromkeys((*client.scope, *earlier, *asked))),
            pkce=client.provider.authorize.pkce != "off",
            renewable=client.offline,
            # Asked anew only while there is nothing to renew with, because it costs the person a click each time.
            consent=client.offline and not any(row.refresh_token and row.status == "active" for row in held),
        )
        if client.provider.authorize.state_in == "redirect":  # it gives back nothing else of ours
            redirect_uri = f"{redirect_uri}?state={challenge.state.reveal()}"
        challenge = replace(challenge, redirect_uri=redirect_uri, variables=chosen)
        begun_flow = await self._engine.transport.converse(client, begun(client, self._steps, challenge))
        flow = Flow(
            backend=self.name,
            client_id=client.client_id,
            user_id=user_id,
            challenge=replace(challenge, kept=begun_flow.kept),
            next=next_path,
            issuer=client.endpoints.issuer,
            iss_promised=client.endpoints.iss_promised,
            began_at=client.now,
            withholds=begun_flow.withheld is not None,
        )
        if begun_flow.withheld is not None:
            await withhold(flow, begun_flow.withheld, store=self._engine.repository, keys=self._engine.keys)
        return flow, begun_flow.url

    async def complete(self, flow: Flow, params: Mapping[str, str]) -> Association[UserId]:
        """End a flow: spend its state, then the code, and store the association.

        Args:
            flow: As ``flow.unpack`` gave it.
            params: The authorization answer's parameters.

        Raises:
            FlowRefused: The state was used before, or there is no code.
            ConsentDenied: The person said no at the provider.
            AccountTaken: The account is linked to another user.
            ProviderError, StorageError: Nothing is stored.
        """
        first = await self._engine.repository.spend(
            flow.spend_key, expires_at=flow.expires_at, now=self._engine.clock.now()
        )
        if not first:
            raise _answered_before(self.name)
        if flow.withholds:
            now = self._engine.clock.now()
            flow = await with_withheld(flow, store=self._engine.repository, keys=self._engine.keys, now=now)
        try:
            callback = self._steps.read_callback(with_variables(self._now(), flow.challenge.variables), params)
        except ProviderRefused as refusal:
            raise hinted(self._client, refusal, redirect_uri=flow.challenge.redirect_uri) from None
        chosen = {**flow.challenge.variables, **chosen_by_answer(self._client, params)}
        # A task of its own: when the browser goes away in between, a code that is spent still gives its association.
        key, work = ("complete", flow.spend_key), partial(self._completed, flow, callback, chosen)
        row = await self._engine.background.share(key, work)
        return self._engine.association(row)

    async def do_auth(  # noqa: PLR0913  # one name for each thing that a client may send
        self,
        access_token: str | None = None,
        *,
        id_token: str | None = None,
        nonce: str | None = None,
        once: bool = False,
        code: str | None = None,
        code_verifier: str | None = None,
        redirect_uri: str | None = None,
        user: str | None = None,
        sign_up: SignUp | None = None,
    ) -> Any:
        """Give the app's user whose account a client token is of, once the token is shown to be issued to this app.

        It signs nobody in, sets no cookie and links nothing to the user of the request; an existing association
        keeps its tokens.

        Args:
            access_token: What a phone app or a page's SDK got.
            id_token: An ID token instead; verified by its signature. With both, they must be of one app and person.
            nonce: What the client sent with its request for the ID token. Then the token is accepted one time.
            once: Accept the ID token one time, without a nonce. With neither, no replay of it is noticed.
            code: An authorization code that a native SDK got, instead of tokens; it was issued to ``client_id``.
            code_verifier: Of PKCE, where the client used it for the code.
            redirect_uri: What the client sent for the code; ``""`` is sent empty, None not at all.
            user: The JSON text that Apple gives a client beside its first token or code: names are read, no address.
            sign_up: ``allow`` makes a user where the account is nobody's; None: as the settings say.

        Returns:
            The user, as ``load_user`` gives it; None where the account is nobody's and sign-up is refused, or where
            the user is gone.

        Raises:
            TokenRefused: The token is bad or not ours; see its ``reason``.
            TooManyRequests: The app's own limit says so.
            ProviderError: The provider did not do its part.
            ProviderRetired: The service is shut down.
            SettingsError: The settings do not say how to find users, or an account of this provider signs nobody in.
        """
        if self._client.provider.association_only:
            raise SettingsError(
                f"an account of {self.title} is for linking, and signs nobody in",
                hint="link it to the user who is signed in, by the browser or by backend.associate",
                setting=f"backends.{self.name}",
                backend=self.name,
            )
        self._engine.users.require_loader()
        sent = Sent(
            access_token=access_token,
            id_token=id_token,
            nonce=nonce,
            once=once,
            code=code,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
            user=user,
        )
        tokens, account = await self._proven(sent)
        for _ in range(_WRITE_TRIES):
            row = await self._links.found(account)
            if row is not None:
                return await self._loaded(row)
            if (sign_up or self._engine.sign_up) == "refuse":
                return None
            # One at a time for an account, or calls that come together would have the app make a user each.
            key = ("sign_up", self.name, account.authority, account.uid)
            await self._engine.background.share(key, partial(self._signed_up, tokens, account))
        raise StorageError("the account was linked and unlinked again and again", operation="add")

    async def associate(  # noqa: PLR0913  # as for do_auth
        self,
        access_token: str | None = None,
        *,
        id_token: str | None = None,
        nonce: str | None = None,
        once: bool = False,
        code: str | None = None,
        code_verifier: str | None = None,
        redirect_uri: str | None = None,
        user: str | None = None,
        exchange: bool = False,
        user_id: UserId | None = None,
    ) -> Association[UserId]:
        """Link a client token's account to a user, once the token is shown to be issued to this app.

        It takes what :meth:`do_auth` takes. Of a code the refresh token is stored too, where the provider gives one.

        Args:
            access_token: What a phone app or a page's SDK got.
            id_token: An ID token instead, or beside it.
            nonce: What the client sent with its request for the ID token. Then the token is accepted one time.
            once: Accept the ID token one time, without a nonce.
            code: An authorization code that a native SDK got, instead of tokens.
            code_verifier: Of PKCE, where the client used it for the code.
            redirect_uri: What the client sent for the code.
            user: The JSON text that Apple gives a client beside its first token or code.
            exchange: Trade the access token for one that lives longer, and store that: about 60 days at Facebook.
            user_id: To whom; None: to the user of the request.

        Raises:
            NotSignedIn: Nobody is, and no user was named.
            TokenRefused: The token is bad or not ours.
            TooManyRequests: The app's own limit says so.
            AccountTaken: The account is linked to another user.
            ProviderError: The provider did not do its part.
            ProviderRetired: The service is shut down.
            SettingsError: An exchange is asked for, and the provider has none.
        """
        users = self._engine.users
        owner = users.text_of(user_id) if user_id is not None else await users.require_current(self._connection)
        sent = Sent(
            access_token=access_token,
            id_token=id_token,
            nonce=nonce,
            once=once,
            code=code,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
            user=user,
        )
        tokens, account = await self._proven(sent)
        if exchange:
            tokens = await self._engine.client_tokens.traded(self._now(), self._steps, tokens)
        return self._engine.association(await self._links.store(owner, tokens, account))

    def revoke_behind(self, row: StoredAssociation) -> None:
        """Tell the provider, behind the caller, that an association's tokens are no longer wanted; best effort."""
        if self._client.provider.retired is not None:  # nobody is there to be told
            return
        self._engine.background.start(self._engine.renewals.attempts.revoke(row), name=f"revoke {row.id}")

    async def _completed(self, flow: Flow, callback: Callback, chosen: Mapping[str, str]) -> StoredAssociation:
        client = with_variables(self._now(), chosen)
        conversation = sign_in(client, self._steps, callback, flow.challenge)
        tokens, account = await self._engine.transport.converse(client, conversation)
        once, now = tokens.once, self._engine.clock.now()
        if once is not None and not await self._engine.repository.spend(once.key, expires_at=once.until, now=now):
            raise _answered_before(self.name)
        # Kept beside the account, so that a renewal finds the same host again.
        account = replace(account, extra_data={**account.extra_data, **chosen})
        return await self._links.store(flow.user_id, tokens, account)

    async def _loaded(self, row: StoredAssociation) -> object | None:
        user = await self._engine.users.load(row.user_id)
        if user is not None:
            self._links.emit("signed_in", row)
        return user

    async def _signed_up(self, tokens: Tokens, account: Account) -> None:
        if await self._links.found(account) is None:
            made = await self._engine.users.create(account, await self._links.row("", tokens, account))
            if made and (row := await self._links.found(account)) is not None:
                self._links.emit("associated", row)

    async def _proven(self, sent: Sent) -> tuple[Tokens, Account]:
        self.require_alive()
        await self._engine.client_tokens.admit(self._connection, backend=self.name)
        return await self._engine.client_tokens.proven(self._now(), self._steps, sent)

    def _now(self) -> Client:
        return self._client.at(self._engine.clock.now())


def _answered_before(backend: str) -> FlowRefused:
    return FlowRefused(
        "this answer has been used before",
        hint="the account may be linked already; if it is not, start again",
        reason="spent",
        backend=backend,
    )
