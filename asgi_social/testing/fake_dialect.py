"""How the fake provider is asked and answers: a dialect, of which the standard's own is here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from asgi_social.testing.fake_answers import refused
from asgi_social.testing.fake_authorize import DEFAULT_SCOPE
from asgi_social.testing.fake_metadata import metadata_of
from asgi_social.testing.fake_people import Person, claims_of
from asgi_social.testing.fake_requests import RecordedRequest
from asgi_social.testing.fake_tokens import Refusal

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Dialect(Protocol):
    """What differs from provider to provider; what the words mean, and who may say them, does not."""

    @property
    def authorize_url(self) -> str:
        """The authorization endpoint, without a query."""

    @property
    def alg(self) -> str:
        """What ID tokens are signed with."""

    @property
    def default_scope(self) -> Sequence[str]:
        """What is granted to a client that asks for nothing in particular."""

    @property
    def gives_refresh_tokens(self) -> bool:
        """Whether there are any."""

    @property
    def renews_with(self) -> Literal["refresh_token", "access_token"]:
        """What is spent on new tokens."""

    @property
    def takes_redirect_uri(self) -> bool:
        """Whether the request with the code repeats the redirect_uri."""

    @property
    def renewed_lifetime(self) -> int | None:
        """Seconds that a renewed token lives, where its answer does not say so."""

    @property
    def request_token(self) -> Callable[[RecordedRequest], Response] | None:
        """What gives a request token, where the app asks for one before it sends the browser (OAuth 1); else None."""

    @property
    def is_one_token(self) -> bool:
        """Whether the ID token is the access token too."""

    def endpoints_of(self, asked: RecordedRequest) -> tuple[str, ...]:
        """Give what is asked for, by the paths under an issuer; the first says what is done."""

    def understood(self, asked: RecordedRequest, *, now: float) -> RecordedRequest:
        """Give the request in the standard's words; raises ``Refusal``."""

    def as_stored(self, token: str) -> str:
        """Give a token as the engine stores it."""

    def metadata(self, *, issuer: str) -> Mapping[str, object]:
        """Give the metadata document, which names this issuer."""

    def claims(self, person: Person, *, scope: Sequence[str]) -> dict[str, object]:
        """Give what a scope opens of a person, by the standard's names."""

    def uid(self, claims: Mapping[str, object]) -> str:
        """Give the uid that the engine reads of what is told about a person."""

    def callback(self, params: Mapping[str, str], claims: Mapping[str, object]) -> dict[str, str]:
        """Give the parameters that go back to the app."""

    def gives_id_token(self, scope: Sequence[str]) -> bool:
        """Say whether an ID token comes for a scope."""

    def id_token(self, said: Mapping[str, object], claims: Mapping[str, object]) -> dict[str, object]:
        """Give the claims of an ID token, made of those that it has by itself and of the person's."""

    def token_answer(self, said: Mapping[str, object], claims: Mapping[str, object], *, now: float) -> Response:
        """Give a token answer."""

    def data(self, endpoints: Sequence[str], claims: Mapping[str, object], info: Mapping[str, object]) -> Response:
        """Give what is told of the account, and of the token."""

    def revoked(self) -> Response:
        """Give the confirmation of a revocation."""

    def refused(self, refusal: Refusal) -> Response:
        """Give a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The dialect of the standards, at paths under an issuer."""

    root: str
    alg: str
    default_scope: Sequence[str] = DEFAULT_SCOPE
    gives_refresh_tokens: bool = True
    renews_with: Literal["refresh_token", "access_token"] = "refresh_token"
    takes_redirect_uri: bool = True
    renewed_lifetime: int | None = None
    request_token: Callable[[RecordedRequest], Response] | None = None
    is_one_token: bool = False

    @property
    def authorize_url(self) -> str:
        """The authorization endpoint."""
        return f"{self.root}/authorize"

    def endpoints_of(self, asked: RecordedRequest) -> tuple[str, ...]:
        """Give the path under the issuer."""
        path = urlsplit(self.root).path
        return (asked.path.removeprefix(path),) if asked.path.startswith(f"{path}/") else ()

    def understood(self, asked: RecordedRequest, *, now: float) -> RecordedRequest:  # noqa: ARG002  # as others need it
        """Give the request."""
        return asked

    def as_stored(self, token: str) -> str:
        """Give the token."""
        return token

    def metadata(self, *, issuer: str) -> Mapping[str, object]:
        """Give the metadata document."""
        return metadata_of(self.root, issuer=issuer, alg=self.alg)

    def claims(self, person: Person, *, scope: Sequence[str]) -> dict[str, object]:
        """Give the claims of OpenID Connect Core section 5.4."""
        return claims_of(person, scope=scope)

    def uid(self, claims: Mapping[str, object]) -> str:
        """Give the subject."""
        return str(claims["sub"])

    def callback(self, params: Mapping[str, str], claims: Mapping[str, object]) -> dict[str, str]:  # noqa: ARG002
        """Give the parameters."""
        return dict(params)

    def gives_id_token(self, scope: Sequence[str]) -> bool:
        """Say whether ``openid`` is in the scope."""
        return "openid" in scope

    def id_token(self, said: Mapping[str, object], claims: Mapping[str, object]) -> dict[str, object]:  # noqa: ARG002
        """Give the claims of the token alone; the person's are for the userinfo endpoint."""
        return dict(said)

    def token_answer(
        self,
        said: Mapping[str, object],
        claims: Mapping[str, object],  # noqa: ARG002
        *,
        now: float,  # noqa: ARG002
    ) -> Response:
        """Give the answer (RFC 6749 section 5.1)."""
        return JSONResponse(dict(said), headers=NO_STORE)

    def data(self, endpoints: Sequence[str], claims: Mapping[str, object], info: Mapping[str, object]) -> Response:
        """Give the userinfo answer, or that of the look-up."""
        return JSONResponse(dict(info if endpoints[0] == "/token-info" else claims), headers=NO_STORE)

    def revoked(self) -> Response:
        """Give an empty answer (RFC 7009 section 2.2)."""
        return Response(headers=NO_STORE)

    def refused(self, refusal: Refusal) -> Response:
        """Give the answer of RFC 6749 section 5.2."""
        return refused(refusal)
