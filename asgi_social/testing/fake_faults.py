"""What the fake provider can do wrong, each by one switch, and what becomes of a value that it says."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from asgi_social.testing.fake_keys import Signature

T = TypeVar("T")

AS_IT_IS: Final = object()
"""The value of a switch that is off, where None would be something to say."""

WRONG_STATE = "fake-wrong-state"
WRONG_ISSUER = "https://other-issuer.example"


@dataclass(slots=True, kw_only=True)
class Faults:
    """The fake provider's faults; all are off, and any number may be on together.

    A switch named by a thing takes what is said instead of it (``nonce="other"``); one that begins with ``no_`` or
    ``wrong_``, or names an event, is True or False. ``fake.faults = Faults()`` turns all off.

    Attributes:
        deny: The person says no before a page is shown.
        error: The error code that the app gets before a page is shown.
        callback_issuer: Another ``iss`` in the redirect.
        no_callback_issuer: No ``iss`` in the redirect.
        wrong_state: Another ``state`` in the redirect.
        down: Each endpoint that the app asks by itself answers 503, and does nothing.
        limited: Each of them answers 429, with a ``Retry-After`` of so many seconds.
        token_status: The token endpoint answers this status; nothing is spent.
        retry_after: The ``Retry-After`` that goes with any status set here.
        token_body: Bytes and content type that the token endpoint answers, with 200 (or ``token_status``). Without
            ``token_status`` the provider has acted: what was shown is spent, and the new tokens are lost.
        invalid_client: The client is not taken for who it is, wherever it authenticates itself.
        invalid_grant: A renewal is refused; nothing is spent.
        no_access_token: None in the token answer.
        no_refresh_token: None in the token answer.
        token_type: Another one in the token answer.
        expires_in: Any JSON value in the token answer, None (null) too.
        hang: The token endpoint acts, sets ``hanging``, and answers once ``release`` is set; so it does for a client
            that has gone away.
        hanging: Set as soon as one request hangs.
        release: Lets those that hang go on.
        nonce: Another one in ID tokens.
        no_nonce: None in ID tokens.
        audience: Another one in ID tokens, a text or a list.
        id_token_sub: Another ``sub`` in ID tokens.
        wrong_issuer: Another ``iss`` in ID tokens.
        signed_by_other_key: ID tokens are signed with a key that is not published, under the name of one that is.
        alg_none: ID tokens are not signed.
        userinfo_status: What the userinfo endpoint answers.
        userinfo_sub: Another ``sub`` in its answer.
        no_userinfo_sub: None in its answer.
        no_email: No e-mail address in its answer.
        revocation_status: What the revocation endpoint answers; nothing is revoked.
        metadata_issuer: Another issuer in the metadata document.
        redirect_to: A URL to which the endpoints in ``where`` redirect (307), without acting.
        huge_body: So many bytes are the answer of the endpoints in ``where``; they have acted.
        drip: The endpoints in ``where`` answer one byte a second, by the clock handed in.
        cut: The connection of the endpoints in ``where`` breaks off, ``before`` they act or ``after``, with half of
            the answer sent.
        where: The paths, under the issuer, of the endpoints that the four switches above are about.
    """

    deny: bool = False
    error: str | None = None
    callback_issuer: str | None = None
    no_callback_issuer: bool = False
    wrong_state: bool = False
    down: bool = False
    limited: int | None = None
    token_status: int | None = None
    retry_after: int | str | None = None
    token_body: tuple[bytes, str] | None = None
    invalid_client: bool = False
    invalid_grant: bool = False
    no_access_token: bool = False
    no_refresh_token: bool = False
    token_type: str | None = None
    expires_in: object = AS_IT_IS
    hang: bool = False
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    nonce: str | None = None
    no_nonce: bool = False
    audience: str | Sequence[str] | None = None
    id_token_sub: str | None = None
    wrong_issuer: bool = False
    signed_by_other_key: bool = False
    alg_none: bool = False
    userinfo_status: int | None = None
    userinfo_sub: str | None = None
    no_userinfo_sub: bool = False
    no_email: bool = False
    revocation_status: int | None = None
    metadata_issuer: str | None = None
    redirect_to: str | None = None
    huge_body: int | None = None
    drip: bool = False
    cut: Literal["before", "after"] | None = None
    where: Sequence[str] = ("/token", "/userinfo")

    @property
    def signature(self) -> Signature:
        """Whose signature ID tokens bear."""
        if self.alg_none:
            return "none"
        return "stranger" if self.signed_by_other_key else "own"


def spoilt_callback(faults: Faults, params: Mapping[str, str]) -> dict[str, str]:
    """Give the parameters of the redirect back with their faults."""
    said = dict(params)
    if faults.wrong_state:
        said["state"] = WRONG_STATE
    if faults.callback_issuer is not None:
        said["iss"] = faults.callback_issuer
    return _without(said, {"iss": faults.no_callback_issuer})


def spoilt_answer(faults: Faults, answer: Mapping[str, object]) -> dict[str, object]:
    """Give a token answer with its faults."""
    said = dict(answer)
    if faults.token_type is not None:
        said["token_type"] = faults.token_type
    if faults.expires_in is not AS_IT_IS:
        said["expires_in"] = faults.expires_in
    left_out = {"access_token": faults.no_access_token, "refresh_token": faults.no_refresh_token}
    return _without(said, left_out)


def spoilt_claims(faults: Faults, claims: Mapping[str, object]) -> dict[str, object]:
    """Give the claims of an ID token with their faults."""
    wrong_issuer = WRONG_ISSUER if faults.wrong_issuer else None
    instead = {"iss": wrong_issuer, "sub": faults.id_token_sub, "aud": faults.audience, "nonce": faults.nonce}
    said = {**claims, **{name: value for name, value in instead.items() if value is not None}}
    return _without(said, {"nonce": faults.no_nonce})


def spoilt_account(faults: Faults, claims: Mapping[str, object]) -> dict[str, object]:
    """Give a userinfo answer with its faults."""
    said = dict(claims)
    if faults.userinfo_sub is not None:
        said["sub"] = faults.userinfo_sub
    return _without(said, {"sub": faults.no_userinfo_sub, "email": faults.no_email, "email_verified": faults.no_email})


def _without(values: Mapping[str, T], left_out: Mapping[str, bool]) -> dict[str, T]:
    return {name: value for name, value in values.items() if not left_out.get(name)}
