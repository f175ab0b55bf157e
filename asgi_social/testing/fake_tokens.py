"""The fake provider's books: codes and tokens, what became of each, and when a whole family of them ends."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from asgi_social.clock import Clock
from asgi_social.secret import digest
from asgi_social.testing.fake_people import Person

CODE_SECONDS = 60.0
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636 section 4.1
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9]")


class Refusal(Exception):
    """The provider says no, in the words of RFC 6749 section 5.2.

    Attributes:
        error: The error code.
        description: For the developer.
        status: The HTTP status.
        challenge: What ``WWW-Authenticate`` says, or None.
    """

    def __init__(self, error: str, description: str, *, status: int = 400, challenge: str | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.challenge = challenge


@dataclass(slots=True, kw_only=True)
class Grant:
    """One person's yes to one client; all tokens that come from it are one family and end together.

    Attributes:
        person: Who said yes.
        client_id: To whom.
        scope: To what.
        auth_time: Epoch seconds at which the person signed in.
        nonce: What the client sent to find again in the ID token, or None.
        redirect_uri: Where the code went, or None where there was none.
        code_challenge: The PKCE challenge (S256), or None.
        renewable: Whether refresh tokens come with it.
        ended: Whether all its tokens are dead.
    """

    person: Person
    client_id: str
    scope: tuple[str, ...]
    auth_time: int
    nonce: str | None = None
    redirect_uri: str | None = None
    code_challenge: str | None = None
    renewable: bool = True
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Code:
    """An authorization code, good once and for a minute."""

    grant: Grant
    ends_at: float
    spent: bool = False


@dataclass(slots=True, kw_only=True)
class AccessToken:
    """An access token; its scope may be less than the grant's."""

    value: str
    grant: Grant
    scope: tuple[str, ...]
    issued_at: float
    ends_at: float | None
    revoked: bool = False


@dataclass(slots=True, kw_only=True)
class RefreshToken:
    """A refresh token; spent once it was used at a provider that rotates."""

    value: str
    grant: Grant
    issued_at: float
    spent: bool = False


class Ledger:
    """All codes and tokens of one provider, by their values.

    Attributes:
        families_lost: How many families ended because a spent refresh token was used again.
    """

    def __init__(self, *, issuer: str, clock: Clock) -> None:
        self.families_lost = 0
        self._issuer = issuer
        self._clock = clock
        self._count = 0
        self._codes: dict[str, Code] = {}
        self._access: dict[str, AccessToken] = {}
        self._refresh: dict[str, RefreshToken] = {}

    def new_code(self, grant: Grant) -> str:
        """Give a code for a grant."""
        value = self._value("code", grant)
        self._codes[value] = Code(grant=grant, ends_at=self._clock.now() + CODE_SECONDS)
        return value

    def new_access_token(self, grant: Grant, *, scope: tuple[str, ...], lifetime: int | None) -> AccessToken:
        """Give an access token, which never ends where the lifetime is None."""
        now = self._clock.now()
        ends_at = None if lifetime is None else now + lifetime
        value = self._value("access", grant)
        token = AccessToken(value=value, grant=grant, scope=scope, issued_at=now, ends_at=ends_at)
        self._access[value] = token
        return token

    def call(self, token: AccessToken, value: str) -> None:
        """Give an access token another value, such as a JWT."""
        self._access[value] = self._access.pop(token.value)
        token.value = value

    def prolong(self, value: str, lifetime: int) -> None:
        """Let an access token live for so many seconds from when it was issued."""
        self._access[value].ends_at = self._access[value].issued_at + lifetime

    def new_refresh_token(self, grant: Grant) -> str:
        """Give a refresh token of a grant's family."""
        value = self._value("refresh", grant)
        self._refresh[value] = RefreshToken(value=value, grant=grant, issued_at=self._clock.now())
        return value

    def spend_code(self, value: str, *, client_id: str, redirect_uri: str | None, verifier: str | None) -> Grant:
        """Use a code up and give its grant; one that its own client shows is spent, whatever else is wrong.

        Raises:
            Refusal: ``invalid_grant``. A code that was spent before ends its family (RFC 6749 section 4.1.2).
        """
        code = self._codes.get(value)
        if code is None or code.grant.client_id != client_id:
            raise _invalid_grant("the code is not one of this client's")
        if code.spent:
            code.grant.ended = True
            raise _invalid_grant("the code was used before, and the tokens made from it are revoked")
        code.spent = True
        if code.grant.ended or self._clock.now() >= code.ends_at:
            raise _invalid_grant("the code has expired")
        if redirect_uri != code.grant.redirect_uri:
            raise _invalid_grant("the code was sent to another redirect_uri")
        _check_verifier(verifier, challenge=code.grant.code_challenge)
        return code.grant

    def spend_refresh_token(
        self, value: str, *, client_id: str, scope: Sequence[str], rotates: bool
    ) -> tuple[Grant, str | None]:
        """Use a refresh token and give its grant and the successor, or None where it stays good.

        Args:
            value: The token.
            client_id: Who shows it.
            scope: What the access token shall be good for; empty for all that was granted.
            rotates: Whether it is good once.

        Raises:
            Refusal: ``invalid_grant``; where the token was spent before, its whole family ends
                (RFC 9700 section 4.14.2). ``invalid_scope`` where more is asked than was granted, and nothing is spent.
        """
        token = self._refresh.get(value)
        if token is None or token.grant.client_id != client_id or token.grant.ended:
            raise _invalid_grant("the refresh token is not an alive one of this client's")
        if token.spent:
            token.grant.ended = True
            self.families_lost += 1
            raise _invalid_grant("the refresh token was used before, and its whole family is revoked")
        if not set(scope) <= set(token.grant.scope):
            raise Refusal("invalid_scope", "more is asked than was granted")
        token.spent = rotates
        return token.grant, self.new_refresh_token(token.grant) if rotates else None

    def grant_of_access_token(self, value: str, *, client_id: str) -> Grant:
        """Give the grant of an access token that is traded for another; it stays as good as it was.

        Raises:
            Refusal: ``invalid_grant``.
        """
        token = self.alive_access(value)
        if token is None or token.grant.client_id != client_id:
            raise _invalid_grant("the access token is not an alive one of this client's")
        return token.grant

    def alive(self, value: str) -> AccessToken | RefreshToken | None:
        """Give the token of this value while it is good, else None."""
        return self.alive_access(value) or self._alive_refresh(value)

    def alive_access(self, value: str) -> AccessToken | None:
        """Give the access token of this value while it is good, else None."""
        token = self._access.get(value)
        if token is None or token.revoked or token.grant.ended:
            return None
        return token if token.ends_at is None or self._clock.now() < token.ends_at else None

    def alive_values_of(self, person: Person) -> list[str]:
        """Give a person's tokens that are good, access tokens first, oldest first."""
        tokens = [token for value in (*self._access, *self._refresh) if (token := self.alive(value))]
        return [token.value for token in tokens if token.grant.person == person]

    def revoke(self, value: str, *, client_id: str) -> None:
        """End an access token, or a refresh token with its whole family; what is not known is dead already.

        Raises:
            Refusal: ``unauthorized_client``: the token is another client's.

        Source: RFC 7009 sections 2.1 and 2.2.
        """
        token = self._access.get(value) or self._refresh.get(value)
        if token is None:
            return
        if token.grant.client_id != client_id:
            raise Refusal("unauthorized_client", "the token was issued to another client")
        if isinstance(token, AccessToken):
            token.revoked = True
        else:
            token.grant.ended = True

    def end_all_of(self, person: Person) -> None:
        """End every family of a person, with the codes that wait."""
        held: list[Code | AccessToken | RefreshToken] = [*self._codes.values(), *self._access.values()]
        for one in [*held, *self._refresh.values()]:
            if one.grant.person == person:
                one.grant.ended = True

    def _alive_refresh(self, value: str) -> RefreshToken | None:
        token = self._refresh.get(value)
        return None if token is None or token.spent or token.grant.ended else token

    def _value(self, kind: str, grant: Grant) -> str:
        # The issuer goes in, so that the token of one fake provider is never by chance good at another.
        self._count += 1
        name = f"fake-{kind}-{_NOT_TOKEN.sub('', grant.person.username)}-{self._count}"
        return f"{name}-{digest(f'{self._issuer} {name}')[:24]}"


def _check_verifier(verifier: str | None, *, challenge: str | None) -> None:
    if challenge is None:
        if verifier is not None:  # RFC 9700 section 2.1.1: else a challenge could be cut out on the way
            raise _invalid_grant("a code_verifier comes without a code_challenge before it")
        return
    if verifier is None or not _VERIFIER.match(verifier):
        raise _invalid_grant("the code_verifier is missing or has another form")
    if s256(verifier) != challenge:
        raise _invalid_grant("the code_verifier is not that of the code_challenge")


def s256(verifier: str) -> str:
    """Give the code_challenge of a code_verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _invalid_grant(description: str) -> Refusal:
    return Refusal("invalid_grant", description)
