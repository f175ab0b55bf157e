"""A strict OAuth 2.0 and OpenID Connect provider as an ASGI app, for tests and demos.

It refuses what a real one would, writes down what it was asked, and does wrong only what it is told to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social.clock import Clock, SystemClock
from asgi_social.testing.fake_answers import answer_instead, spoilt
from asgi_social.testing.fake_authorize import NoWayBack, WayBack, granted, wanted, way_back, with_params
from asgi_social.testing.fake_browser import pressed
from asgi_social.testing.fake_dialect import NO_STORE, Dialect, Standard
from asgi_social.testing.fake_faults import Faults, spoilt_account, spoilt_answer, spoilt_callback, spoilt_claims
from asgi_social.testing.fake_keys import key_set, signed
from asgi_social.testing.fake_lookups import introspected, token_info
from asgi_social.testing.fake_pages import DENY, PERSON, consent_page, error_page, form_on, form_post_page
from asgi_social.testing.fake_people import CLAIMS, PEOPLE, Person, one_of
from asgi_social.testing.fake_requests import (
    RecordedRequest,
    RegisteredClient,
    authenticated,
    bearer_token,
    needed,
    recorded,
    unknown_token,
)
from asgi_social.testing.fake_token_answer import TokenAnswer, id_token_claims, token_answer
from asgi_social.testing.fake_tokens import AccessToken, Grant, Ledger, Refusal
from asgi_social.testing.fake_transport import InProcessTransport

_Handler = Callable[[RecordedRequest], Response]


class FakeProvider:
    """The provider; one instance is one issuer with its own people, clients and tokens.

    Every code and token that it makes holds ``fake-``, so that a scan of a log finds what leaked, and comes from a
    counter, so that two runs of a test print the same. Beside its attributes it is given a ``clock``, the ``alg`` that
    its ID tokens are signed with, and a ``dialect``, which is the standard's unless :func:`fakes_of` makes it.

    Attributes:
        issuer: What it calls itself; its endpoints are under the path of this URL.
        client_id: The first client's name.
        client_secret: The first client's secret.
        people: Who has an account.
        lifetime: Seconds that a new access token lives, or None for ever; then no answer says ``expires_in``.
        rotates: Whether a refresh token is good once, and its reuse ends the family.
        require_pkce: Whether a request without a code_challenge is refused.
        always_refresh_token: Whether refresh tokens come without ``offline_access`` or ``access_type=offline``.
        faults: What it does wrong.
        requests: What it was asked, oldest first; what it has no endpoint for, too.
    """

    def __init__(  # noqa: PLR0913  # each is a setting with a default, by its name alone
        self,
        *,
        issuer: str = "http://127.0.0.1:9400",
        client_id: str = "fake-client",
        client_secret: str = "fake-secret",
        redirect_uris: Sequence[str] | None = None,
        people: Sequence[Person] = PEOPLE,
        clock: Clock | None = None,
        lifetime: int | None = 3600,
        rotates: bool = True,
        require_pkce: bool = False,
        always_refresh_token: bool = True,
        alg: str = "RS256",
        dialect: Dialect | None = None,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.client_secret = client_secret
        self.people = tuple(people)
        self.lifetime = lifetime
        self.rotates = rotates
        self.require_pkce = require_pkce
        self.always_refresh_token = always_refresh_token
        self.faults = Faults()
        self.requests: list[RecordedRequest] = []
        self._clock = clock or SystemClock()
        self._ledger = Ledger(issuer=issuer, clock=self._clock)
        self._clients: dict[str, RegisteredClient] = {}
        self._keys_made = 1
        self._path = urlsplit(issuer).path.removesuffix("/")
        self._dialect = dialect or Standard(root=issuer.removesuffix("/"), alg=alg)
        self._endpoints = self._handlers()
        self._router = Router()
        self.add_client(client_id, client_secret, redirect_uris)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as an ASGI app."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)  # which knows the lifespan, and closes a websocket
            return
        asked = await recorded(Request(scope, receive))
        asked = replace(asked, endpoints=self._dialect.endpoints_of(asked))
        self.requests.append(asked)
        answer = await self._answer_to(asked)
        await answer(scope, receive, send)

    # What an app and a test do with it.

    def backend_settings(self) -> dict[str, str]:
        """Give the settings of a backend that uses this provider."""
        return {
            "provider": "oidc",
            "issuer": self.issuer,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    def add_client(self, client_id: str, client_secret: str, redirect_uris: Sequence[str] | None = None) -> None:
        """Register a client; without redirect_uris its codes may be sent anywhere."""
        client = RegisteredClient(client_id=client_id, client_secret=client_secret, redirect_uris=redirect_uris)
        self._clients[client_id] = client

    def transport(self) -> httpx.AsyncBaseTransport:
        """Give a transport that reaches this provider in the same process, whatever the host of the URL."""
        return InProcessTransport(self)

    async def consent(self, location: str, *, person: str | Person | None = None, deny: bool = False) -> str:
        """Play the browser at the provider, and give the URL that leads back to the app.

        Args:
            location: Where the app has sent the browser.
            person: Who says yes, by username or sub; None for the first.
            deny: The person says no.

        Raises:
            ValueError: The provider sends nobody back; or it does so by a form, see :meth:`consent_by_post`.
        """
        url, form = await self.sends_back(location, person=person, deny=deny)
        if form is not None:
            raise ValueError("the answer goes back by form_post: consent_by_post gives it")
        return url

    async def consent_by_post(
        self, location: str, *, person: str | Person | None = None, deny: bool = False
    ) -> tuple[str, dict[str, str]]:
        """Do as :meth:`consent` with ``response_mode=form_post``, and give the URL and the form to post there."""
        url, form = await self.sends_back(location, person=person, deny=deny)
        if form is None:
            raise ValueError("the answer goes back in a URL: consent gives it")
        return url, form

    async def sends_back(
        self, location: str, *, person: str | Person | None = None, deny: bool = False
    ) -> tuple[str, dict[str, str] | None]:
        """Do as :meth:`consent`, and give the URL with the form to post there, or None where it is to be opened."""
        found = self.people[0] if person is None else one_of(self.people, person)
        button = {DENY: "yes"} if deny else {PERSON: found.sub}
        answer = await pressed(self.transport(), location, authorize_url=self._dialect.authorize_url, button=button)
        return (answer.headers["location"], None) if answer.is_redirect else form_on(answer.text)

    def issue_tokens(
        self,
        person: str | Person,
        *,
        client_id: str | None = None,
        scope: Sequence[str] = ("openid", "profile", "email"),
        nonce: str | None = None,
    ) -> TokenAnswer:
        """Give tokens as if a phone app had got them by itself.

        Faults of ID tokens are in them, those of the token endpoint are not.

        Args:
            person: Who signed in there, by username or sub.
            client_id: The app's registration, which need not be known here; None for the first client.
            scope: What was granted.
            nonce: For the ID token, which comes with the scope ``openid``.
        """
        grant = Grant(
            person=one_of(self.people, person),
            client_id=client_id or self.client_id,
            scope=tuple(scope),
            auth_time=int(self._clock.now()),
            nonce=nonce,
        )
        refresh_token = self._ledger.new_refresh_token(grant) if self._dialect.gives_refresh_tokens else None
        given = self._new_tokens(grant, scope=grant.scope, nonce=nonce, refresh_token=refresh_token)
        given["access_token"] = self._dialect.as_stored(given["access_token"])
        return given

    def revoke_all(self, person: str | Person) -> None:
        """End all tokens of a person, as if access had been taken away at the provider."""
        self._ledger.end_all_of(one_of(self.people, person))

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and publish the old one no more."""
        self._keys_made += 1

    def count(self, path: str) -> int:
        """Say how often an endpoint was asked, by its path under the issuer: ``/token``."""
        return sum(path in asked.endpoints for asked in self.requests)

    def answers_at(self, method: str, url: str) -> bool:
        """Say whether something of this provider is at a URL; with a query, where one tells its addresses apart."""
        base, _, query = url.partition("?")
        asked = RecordedRequest(method=method, url=base, path=urlsplit(url).path, query=dict(parse_qsl(query)))
        return bool(self._dialect.endpoints_of(asked))

    def uid_of(self, person: str | Person) -> str:
        """Give the uid by which the engine knows a person's account here."""
        return self._dialect.uid(self._dialect.claims(one_of(self.people, person), scope=list(CLAIMS)))

    @property
    def tokens(self) -> dict[str, list[str]]:
        """The access and refresh tokens that are good, by username."""
        alive = {person.username: self._ledger.alive_values_of(person) for person in self.people}
        return {name: [self._dialect.as_stored(value) for value in values] for name, values in alive.items()}

    @property
    def families_lost(self) -> int:
        """How often a refresh token that was spent came again, and ended its family."""
        return self._ledger.families_lost

    # The one dispatch, and the endpoints.

    def _handlers(self) -> dict[str, Mapping[str, _Handler]]:
        request_token = self._dialect.request_token
        return {
            "/.well-known/openid-configuration": {"GET": self._metadata},
            "/jwks": {"GET": self._jwks},
            "/authorize": {"GET": self._authorize, "POST": self._authorize},
            "/token": {"POST": self._token},
            "/userinfo": {"GET": self._data, "POST": self._data},
            "/revoke": {"POST": self._revoke},
            "/introspect": {"POST": self._introspect},
            "/token-info": {"GET": self._data},
            **({} if request_token is None else {"/request-token": {"GET": request_token, "POST": request_token}}),
        }

    async def _answer_to(self, asked: RecordedRequest) -> ASGIApp:
        endpoint = asked.endpoints[0] if asked.endpoints else ""
        # A further request for the account has a name of its own behind this one.
        methods = self._endpoints.get("/userinfo" if endpoint.startswith("/userinfo/") else endpoint)
        if methods is None:
            return PlainTextResponse("there is nothing here", 404)
        instead = answer_instead(self.faults, endpoint)
        if instead is not None:
            return instead
        try:
            asked = self._dialect.understood(asked, now=self._clock.now())
            if asked.method not in methods:
                return PlainTextResponse("not by this method", 405, {"Allow": ", ".join(methods)})
            answer = methods[asked.method](asked)
        except Refusal as refusal:
            answer = self._dialect.refused(refusal)
        return await spoilt(self.faults, endpoint, answer, clock=self._clock)

    def _metadata(self, _: RecordedRequest) -> Response:
        issuer = self.faults.metadata_issuer or self.issuer
        return JSONResponse(dict(self._dialect.metadata(issuer=issuer)))

    def _jwks(self, _: RecordedRequest) -> Response:
        return JSONResponse(key_set(self._kid, self._dialect.alg))

    def _authorize(self, asked: RecordedRequest) -> Response:
        try:
            way = way_back(asked, self._clients)
        except NoWayBack as no_way:
            return error_page(str(no_way))
        try:
            return self._asked_for_consent(asked, way)
        except Refusal as refusal:
            return self._sent_back(way, {"error": refusal.error, "error_description": refusal.description}, {})

    def _asked_for_consent(self, asked: RecordedRequest, way: WayBack) -> Response:
        wish = wanted(asked, require_pkce=self.require_pkce, default_scope=self._dialect.default_scope)
        if self.faults.error is not None:
            raise Refusal(self.faults.error, "a fault is on")
        # Only a button decides: what a GET says of a person is a stranger's word.
        button = asked.form if asked.method == "POST" else {}
        if self.faults.deny or DENY in button:
            raise Refusal("access_denied", "the person says no")
        person = next((person for person in self.people if person.sub == button.get(PERSON)), None)
        if person is None:
            return consent_page(
                asked.params,
                self.people,
                action=self._dialect.authorize_url,
                client=way.client.client_id,
                scope=wish.scope,
            )
        renewable = (wish.offline or self.always_refresh_token) and self._dialect.gives_refresh_tokens
        grant = granted(way, wish, person=person, auth_time=int(self._clock.now()), renewable=renewable)
        if not self._dialect.takes_redirect_uri:
            grant.redirect_uri = None
        return self._sent_back(way, {"code": self._ledger.new_code(grant)}, self._claims_of(person))

    def _sent_back(self, way: WayBack, params: Mapping[str, str], claims: Mapping[str, object]) -> Response:
        state = {} if way.state is None else {"state": way.state}
        said = self._dialect.callback({**params, **state, "iss": self.issuer}, claims)
        said = spoilt_callback(self.faults, said)
        if way.response_mode == "form_post":
            return form_post_page(way.redirect_uri, said)
        # 303, never 307: the browser must not carry the person's form on to the app (RFC 9700 section 4.12).
        return RedirectResponse(with_params(way.redirect_uri, said), 303, NO_STORE)

    def _token(self, asked: RecordedRequest) -> Response:
        client = self._client_of(asked)
        grants = {"authorization_code": self._tokens_for_code, "refresh_token": self._tokens_renewed}
        answer_for = grants.get(needed(asked.form, "grant_type"))
        if answer_for is None:
            raise Refusal("unsupported_grant_type", "the grant_type is not one of the metadata")
        said, person = answer_for(client, asked.form)
        spoilt_said = spoilt_answer(self.faults, dict(said))
        return self._dialect.token_answer(spoilt_said, self._claims_of(person), now=self._clock.now())

    def _tokens_for_code(self, client: RegisteredClient, form: Mapping[str, str]) -> tuple[TokenAnswer, Person]:
        grant = self._ledger.spend_code(
            needed(form, "code"),
            client_id=client.client_id,
            redirect_uri=form.get("redirect_uri"),
            verifier=form.get("code_verifier"),
        )
        refresh_token = self._ledger.new_refresh_token(grant) if grant.renewable else None
        said = self._new_tokens(grant, scope=grant.scope, nonce=grant.nonce, refresh_token=refresh_token)
        return said, grant.person

    def _tokens_renewed(self, client: RegisteredClient, form: Mapping[str, str]) -> tuple[TokenAnswer, Person]:
        if self.faults.invalid_grant:
            raise Refusal("invalid_grant", "a fault is on")
        scope, refresh_token = tuple(form.get("scope", "").split()), None
        if self._dialect.renews_with == "access_token":
            grant = self._ledger.grant_of_access_token(needed(form, "access_token"), client_id=client.client_id)
        else:
            grant, refresh_token = self._ledger.spend_refresh_token(
                needed(form, "refresh_token"), client_id=client.client_id, scope=scope, rotates=self.rotates
            )
        # No nonce: it belonged to the sign-in (OpenID Connect Core section 12.2).
        said = self._new_tokens(grant, scope=scope or grant.scope, nonce=None, refresh_token=refresh_token)
        if self._dialect.renewed_lifetime is not None:
            self._ledger.prolong(said["access_token"], self._dialect.renewed_lifetime)
            said.pop("expires_in", None)
        return said, grant.person

    def _data(self, asked: RecordedRequest) -> Response:
        token = self._access_token_of(asked)
        claims = self._dialect.claims(token.grant.person, scope=token.scope)
        info = token_info(token, now=self._clock.now())
        return self._dialect.data(asked.endpoints, spoilt_account(self.faults, claims), info)

    def _revoke(self, asked: RecordedRequest) -> Response:
        client = self._client_of(asked)
        if asked.uid is None:
            self._ledger.revoke(needed(asked.form, "token"), client_id=client.client_id)
            return self._dialect.revoked()
        for person in self.people:
            if self.uid_of(person) == asked.uid:
                self._ledger.end_all_of(person)
        return self._dialect.revoked()

    def _introspect(self, asked: RecordedRequest) -> Response:
        self._client_of(asked)
        token = self._ledger.alive(needed(asked.form, "token"))
        return JSONResponse(introspected(token, issuer=self.issuer), headers=NO_STORE)

    # What several endpoints need.

    def _new_tokens(
        self, grant: Grant, *, scope: tuple[str, ...], nonce: str | None, refresh_token: str | None
    ) -> TokenAnswer:
        access = self._ledger.new_access_token(grant, scope=scope, lifetime=self.lifetime)
        id_token = self._id_token(access, nonce=nonce) if self._dialect.gives_id_token(scope) else None
        if id_token is not None and self._dialect.is_one_token:
            self._ledger.call(access, id_token)
        return token_answer(access, refresh_token=refresh_token, id_token=id_token)

    def _id_token(self, access: AccessToken, *, nonce: str | None) -> str:
        alg, person = self._dialect.alg, self._claims_of(access.grant.person)
        said = self._dialect.id_token(id_token_claims(access, issuer=self.issuer, alg=alg, nonce=nonce), person)
        claims = spoilt_claims(self.faults, said)
        return signed(claims, kid=self._kid, alg=alg, signature=self.faults.signature, secret=self.client_secret)

    def _claims_of(self, person: Person) -> dict[str, object]:
        """Give what a provider may say of a person where no scope decides."""
        claims = self._dialect.claims(person, scope=list(CLAIMS))
        return spoilt_account(Faults(no_email=self.faults.no_email), claims)

    @property
    def _kid(self) -> str:
        return f"key-{self._keys_made}"

    def _client_of(self, asked: RecordedRequest) -> RegisteredClient:
        return authenticated(asked, {} if self.faults.invalid_client else self._clients)

    def _access_token_of(self, asked: RecordedRequest) -> AccessToken:
        token = self._ledger.alive_access(bearer_token(asked))
        if token is None:
            raise unknown_token()
        return token
