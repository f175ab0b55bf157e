"""The dialect of a provider of the catalogue, made from its data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from asgi_social.testing.fake_people import CLAIMS, Person, claims_of
from asgi_social.testing.fake_requests import RecordedRequest
from asgi_social.testing.fake_tokens import Refusal
from asgi_social.testing.shaped_answers import (
    callback_in_shape,
    data_in_shape,
    gives_id_token,
    id_token_in_shape,
    refused_in_shape,
    revoked_in_shape,
    token_answer_in_shape,
    written,
)
from asgi_social.testing.shaped_oauth1 import SignedRequests, as_stored, refused
from asgi_social.testing.shaped_requests import addresses_asked, in_standard_words
from asgi_social.testing.shapes import Shape, alg_of, uid_of


@dataclass(frozen=True, slots=True)
class Shaped:
    """A :class:`~asgi_social.testing.fake_dialect.Dialect`, where each member is described, made from data."""

    shape: Shape
    default_scope: Sequence[str] = ()
    oauth1: SignedRequests | None = None

    @property
    def request_token(self) -> Callable[[RecordedRequest], Response] | None:
        """What gives one where the protocol is OAuth 1."""
        return None if self.oauth1 is None else self.oauth1.request_token

    @property
    def authorize_url(self) -> str:
        """The authorization endpoint, as the data or the metadata name it."""
        return (self.shape.client.endpoints.authorize or "").partition("?")[0]

    @property
    def alg(self) -> str:
        """The one of those declared whose key is made the fastest."""
        return alg_of(self.shape.client)

    @property
    def gives_refresh_tokens(self) -> bool:
        """Whether the data say that they are what is spent."""
        return self.shape.client.provider.refresh.enabled and self.renews_with == "refresh_token"

    @property
    def renews_with(self) -> Literal["refresh_token", "access_token"]:
        """What the data name."""
        return self.shape.client.provider.refresh.with_token

    @property
    def takes_redirect_uri(self) -> bool:
        """Whether the data do not drop it."""
        return "redirect_uri" not in self.shape.client.provider.token.drop

    @property
    def renewed_lifetime(self) -> int | None:
        """What the data know where no answer says it."""
        return self.shape.client.provider.refresh.expires_default

    @property
    def is_one_token(self) -> bool:
        """Whether the data read both at one place."""
        rules = self.shape.client.provider.answer
        return rules.id_token.source == rules.access_token.source

    def endpoints_of(self, asked: RecordedRequest) -> tuple[str, ...]:
        """Find the request among the addresses of the data."""
        return tuple(dict.fromkeys(one.endpoint for one in addresses_asked(self.shape, asked)))

    def understood(self, asked: RecordedRequest, *, now: float) -> RecordedRequest:
        """Take back what the data change."""
        if self.oauth1 is not None:
            return self.oauth1.understood(asked, now=now)
        return in_standard_words(self.shape, asked, now=now)

    def as_stored(self, token: str) -> str:
        """Give it with its secret where it has one."""
        return token if self.oauth1 is None else as_stored(token)

    def metadata(self, *, issuer: str) -> Mapping[str, object]:
        """Give what the shape publishes."""
        return {**self.shape.metadata, "issuer": issuer}

    def claims(self, person: Person, *, scope: Sequence[str]) -> dict[str, object]:  # noqa: ARG002
        """Give all: a provider's own scopes have names of which the data do not say what they open."""
        return claims_of(person, scope=list(CLAIMS))

    def uid(self, claims: Mapping[str, object]) -> str:
        """Read it where the data look."""
        return uid_of(self.shape, claims)

    def callback(self, params: Mapping[str, str], claims: Mapping[str, object]) -> dict[str, str]:
        """Rename, and add what the data keep."""
        if self.oauth1 is not None:
            return self.oauth1.callback(params, claims)
        return callback_in_shape(self.shape, params, claims)

    def gives_id_token(self, scope: Sequence[str]) -> bool:
        """Say whether the data have rules for one that comes."""
        return gives_id_token(self.shape, scope)

    def id_token(self, said: Mapping[str, object], claims: Mapping[str, object]) -> dict[str, object]:
        """Add what the data read there."""
        said = {name: one for name, one in said.items() if name != "at_hash" or not self.is_one_token}
        return id_token_in_shape(self.shape, said, claims)

    def token_answer(self, said: Mapping[str, object], claims: Mapping[str, object], *, now: float) -> Response:
        """Put each part where the data look."""
        if self.oauth1 is not None:
            return self.oauth1.token_answer(said, claims, now=now)
        answer = token_answer_in_shape(self.shape, said, claims, now=now)
        return written(answer, self.shape.client.provider.answer.format)

    def data(self, endpoints: Sequence[str], claims: Mapping[str, object], info: Mapping[str, object]) -> Response:
        """Put what is told where the data look."""
        return data_in_shape(self.shape, endpoints, claims, info)

    def revoked(self) -> Response:
        """Say it as the data want to hear it."""
        return revoked_in_shape(self.shape)

    def refused(self, refusal: Refusal) -> Response:
        """Say it where the data look for errors."""
        if self.oauth1 is not None:
            return refused(refusal)
        return refused_in_shape(self.shape, refusal)
