"""A strict OAuth 2.0 and OpenID Connect provider as an ASGI app, for tests and demos.

It refuses what a real one would, writes down what it was asked, and does wrong only what it is told to.
"""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from asgi_social.clock import Clock, SystemClock
from asgi_social.testing.fake_answers import answer_instead, refused, spoilt
from asgi_social.testing.fake_authorize import NoWayBack, WayBack, granted, wanted, way_back, with_params
from asgi_social.testing.fake_browser import pressed
from asgi_social.testing.fake_faults import Faults, spoilt_account, spoilt_answer, spoilt_callback, spoilt_claims
from asgi_social.testing.fake_keys import key_set, signed
from asgi_social.testing.fake_lookups import introspected, token_info
from asgi_social.testing.fake_metadata import metadata_of
from asgi_social.testing.fake_pages import DENY, PERSON, consent_page, error_page, form_on, form_post_page
from asgi_social.testing.fake_people import PEOPLE, Person, claims_of, one_of
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

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}

_Handler = Callable[[RecordedRequest], Response]


class FakeProvider:
    """The provider; one instance is one issuer with its own people, clients and tokens.

    Every code and token that it makes holds ``fake-``, so that a scan of a log finds what leaked, and comes from a
    counter, so that two runs of a test print the same.

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
        self._root = issuer.removesuffix("/")
        self._path = urlsplit(self._root).path
        self._authorize_url = f"{self._root}/authorize"
        self._endpoints = self._endpoints_by_path()
        self._router = Router()
        self.add_client(client_id, client_secret, redirect_uris)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as an ASGI app."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)  # which knows the lifespan, and closes a websocket
            return
        asked = await recorded(Request(scope, receive))
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
        answer = await self._pressed(location, person, deny=deny)
        if not answer.is_redirect:
            raise ValueError("the answer goes back by form_post: consent_by_post gives it")
        return answer.headers["location"]

    async def consent_by_post(
        self, location: str, *, person: str | Person | None = None, deny: bool = False
    ) -> tuple[str, dict[str, str]]:
        """Do as :meth:`consent` with ``response_mode=form_post``, and give the URL and the form to post there."""
        answer = await self._pressed(location, person, deny=deny)
        if answer.is_redirect:
            raise ValueError("the answer goes back in a URL: consent gives it")
        return form_on(answer.text)

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
        refresh_token = self._ledger.new_refresh_token(grant)
        return self._new_tokens(grant, scope=grant.scope, nonce=nonce, refresh_token=refresh_token)

    def revoke_all(self, person: str | Person) -> None:
        """End all tokens of a person, as if access had been taken away at the provider."""
        self._ledger.end_all_of(one_of(self.people, person))

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, and publish the old one no more."""
        self._keys_made += 1

    def count(self, path: str) -> int:
        """Say how often an endpoint was asked, by its path under the issuer: ``/token``."""
        return sum(asked.path == self._path + path for asked in self.requests)

    @property
    def tokens(self) -> dict[str, list[str]]:
        """The access and refresh tokens that are good, by username."""
        return {person.username: self._ledger.alive_values_of(person) for person in self.people}

    @property
    def families_lost(self) -> int:
        """How often a refresh token that was spent came again, and ended its family."""
        return self._ledger.families_lost

    # The one dispatch, and the endpoints.

    def _endpoints_by_path(self) -> dict[str, Mapping[str, _Handler]]:
        endpoints: dict[str, Mapping[str, _Handler]] = {
            "/.well-known/openid-configuration": {"GET": self._metadata},
            "/jwks": {"GET": self._jwks},
            "/authorize": {"GET": self._authorize, "POST": self._authorize},
            "/token": {"POST": self._token},
            "/userinfo": {"GET": self._userinfo, "POST": self._userinfo},
            "/revoke": {"POST": self._revoke},
            "/introspect": {"POST": self._introspect},
            "/token-info": {"GET": self._token_info},
        }
        return {self._path + path: methods for path, methods in endpoints.items()}

    async def _answer_to(self, asked: RecordedRequest) -> ASGIApp:
        methods = self._endpoints.get(asked.path)
        if methods is None:
            return PlainTextResponse("there is nothing here", 404)
        if asked.method not in methods:
            return PlainTextResponse("not by this method", 405, {"Allow": ", ".join(methods)})
        endpoint = asked.path[len(self._path) :]
        instead = answer_instead(self.faults, endpoint)
        if instead is not None:
            return instead
        try:
            answer = methods[asked.method](asked)
        except Refusal as refusal:
            answer = refused(refusal)
        return await spoilt(self.faults, endpoint, answer, clock=self._clock)

    def _metadata(self, _: RecordedRequest) -> Response:
        return JSONResponse(metadata_of(self._root, issuer=self.faults.metadata_issuer or self.issuer))

    def _jwks(self, _: RecordedRequest) -> Response:
        return JSONResponse(key_set(self._kid))

    def _authorize(self, asked: RecordedRequest) -> Response:
        try:
            way = way_back(asked, self._clients)
        except NoWayBack as no_way:
            return error_page(str(no_way))
        try:
            return self._asked_for_consent(asked, way)
        except Refusal as refusal:
            return self._sent_back(way, {"error": refusal.error, "error_description": refusal.description})

    def _asked_for_consent(self, asked: RecordedRequest, way: WayBack) -> Response:
        wish = wanted(asked, require_pkce=self.require_pkce)
        if self.faults.error is not None:
            raise Refusal(self.faults.error, "a fault is on")
        # Only a button decides: what a GET says of a person is a stranger's word.
        button = asked.form if asked.method == "POST" else {}
        if self.faults.deny or DENY in button:
            raise Refusal("access_denied", "the person says no")
        person = next((person for person in self.people if person.sub == button.get(PERSON)), None)
        if person is None:
            return consent_page(
                asked.params, self.people, action=self._authorize_url, client=way.client.client_id, scope=wish.scope
            )
        renewable = wish.offline or self.always_refresh_token
        grant = granted(way, wish, person=person, auth_time=int(self._clock.now()), renewable=renewable)
        return self._sent_back(way, {"code": self._ledger.new_code(grant)})

    def _sent_back(self, way: WayBack, params: Mapping[str, str]) -> Response:
        state = {} if way.state is None else {"state": way.state}
        said = spoilt_callback(self.faults, {**params, **state, "iss": self.issuer})
        if way.response_mode == "form_post":
            return form_post_page(way.redirect_uri, said)
        # 303, never 307: the browser must not carry the person's form on to the app (RFC 9700 section 4.12).
        return RedirectResponse(with_params(way.redirect_uri, said), 303, _NO_STORE)

    def _token(self, asked: RecordedRequest) -> Response:
        client = self._client_of(asked)
        grants = {"authorization_code": self._tokens_for_code, "refresh_token": self._tokens_renewed}
        answer_for = grants.get(needed(asked.form, "grant_type"))
        if answer_for is None:
            raise Refusal("unsupported_grant_type", "the grant_type is not one of the metadata")
        return JSONResponse(spoilt_answer(self.faults, answer_for(client, asked.form)), headers=_NO_STORE)

    def _tokens_for_code(self, client: RegisteredClient, form: Mapping[str, str]) -> TokenAnswer:
        grant = self._ledger.spend_code(
            needed(form, "code"),
            client_id=client.client_id,
            redirect_uri=form.get("redirect_uri"),
            verifier=form.get("code_verifier"),
        )
        refresh_token = self._ledger.new_refresh_token(grant) if grant.renewable else None
        return self._new_tokens(grant, scope=grant.scope, nonce=grant.nonce, refresh_token=refresh_token)

    def _tokens_renewed(self, client: RegisteredClient, form: Mapping[str, str]) -> TokenAnswer:
        if self.faults.invalid_grant:
            raise Refusal("invalid_grant", "a fault is on")
        scope = tuple(form.get("scope", "").split())
        grant, refresh_token = self._ledger.spend_refresh_token(
            needed(form, "refresh_token"), client_id=client.client_id, scope=scope, rotates=self.rotates
        )
        # No nonce: it belonged to the sign-in (OpenID Connect Core section 12.2).
        return self._new_tokens(grant, scope=scope or grant.scope, nonce=None, refresh_token=refresh_token)

    def _userinfo(self, asked: RecordedRequest) -> Response:
        token = self._access_token_of(asked)
        claims = claims_of(token.grant.person, scope=token.scope)
        return JSONResponse(spoilt_account(self.faults, claims), headers=_NO_STORE)

    def _revoke(self, asked: RecordedRequest) -> Response:
        client = self._client_of(asked)
        self._ledger.revoke(needed(asked.form, "token"), client_id=client.client_id)
        return Response(headers=_NO_STORE)

    def _introspect(self, asked: RecordedRequest) -> Response:
        self._client_of(asked)
        token = self._ledger.alive(needed(asked.form, "token"))
        return JSONResponse(introspected(token, issuer=self.issuer), headers=_NO_STORE)

    def _token_info(self, asked: RecordedRequest) -> Response:
        said = token_info(self._access_token_of(asked), now=self._clock.now())
        return JSONResponse(said, headers=_NO_STORE)

    # What several endpoints need.

    def _new_tokens(
        self, grant: Grant, *, scope: tuple[str, ...], nonce: str | None, refresh_token: str | None
    ) -> TokenAnswer:
        access = self._ledger.new_access_token(grant, scope=scope, lifetime=self.lifetime)
        id_token = self._id_token(access, nonce=nonce) if "openid" in scope else None
        return token_answer(access, refresh_token=refresh_token, id_token=id_token)

    def _id_token(self, access: AccessToken, *, nonce: str | None) -> str:
        claims = spoilt_claims(self.faults, id_token_claims(access, issuer=self.issuer, nonce=nonce))
        return signed(claims, kid=self._kid, signature=self.faults.signature)

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

    async def _pressed(self, location: str, who: str | Person | None, *, deny: bool) -> httpx.Response:
        person = self.people[0] if who is None else one_of(self.people, who)
        button = {DENY: "yes"} if deny else {PERSON: person.sub}
        return await pressed(self.transport(), location, authorize_url=self._authorize_url, button=button)
