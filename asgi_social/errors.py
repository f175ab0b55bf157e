"""One tree of errors; the branch says whose fault it is.

::

    SocialError
    ├─ SettingsError          the app's settings
    │  └─ UnknownBackend
    ├─ Refused                the visitor's request; nothing was changed
    │  ├─ NotSignedIn, FlowRefused, ConsentDenied, TokenRefused, AccountTaken, LastAssociation,
    │  │  ProviderRetired
    │  │  TooManyRequests
    ├─ NeedsReauth            only the person can mend it, by linking again
    ├─ CannotRenew            there is nothing to renew with
    ├─ AssociationGone        unlinked meanwhile
    ├─ ProviderError          the provider
    │  ├─ ProviderRefused     said no
    │  ├─ ProviderBroken      answered nonsense
    │  └─ ProviderUnreachable did not answer
    └─ StorageError           the database

A program asks the class and ``code``; a human reads message and hint. No token, code, state, body or address is in one.
"""

import unicodedata
from collections.abc import Sequence
from typing import ClassVar, Literal

MAX_FOREIGN_CHARACTERS = 200

FlowReason = Literal["missing", "expired", "spent", "state", "issuer", "other_user"]
TokenReason = Literal[
    "malformed",
    "kind",
    "expired",
    "inactive",
    "audience",
    "issuer",
    "signature",
    "nonce",
    "spent",
    "subject",
    "scope",
    "unbound",
]
ReauthReason = Literal["revoked", "answer_lost", "suspect", "unreadable"]


def cleaned(text: str) -> str:
    r"""Give text that came from outside in a form that is safe on one line of a log or a page.

    Control, format (also bidirectional) and separator characters but the space become ``?``; 200 characters are kept.

    >>> cleaned("a\r\nb")
    'a??b'
    """
    # C*: control, format, surrogate, private use; Zl and Zp: the line and paragraph separators.
    safe = "".join(
        "?" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else character
        for character in text[:MAX_FOREIGN_CHARACTERS]
    )
    return safe if len(text) <= MAX_FOREIGN_CHARACTERS else safe + "…"


class SocialError(Exception):
    """What every error of this package is.

    Attributes:
        message: What happened, in the present, with names.
        hint: What to do about it.
        backend: The name of the backend concerned, or None.
        status: The HTTP status with which it is answered.
        code: A stable word for programs.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "social_error"

    def __init__(self, message: str, *, hint: str, backend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.backend = backend

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})"

    @property
    def reason(self) -> str | None:
        """The closer cause, where the class has several; else None."""
        return None


class SettingsError(SocialError):
    """The app's settings are wrong or incomplete.

    Attributes:
        setting: The dotted name, such as ``backends.github.client_id``.
        allowed: What would be right.
        problems: All the faults found, this one first, when several were reported together.
    """

    status = 500
    code = "settings"

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        setting: str,
        allowed: str = "",
        backend: str | None = None,
        problems: "Sequence[SettingsError]" = (),
    ) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.setting = setting
        self.allowed = allowed
        self.problems = tuple(problems) or (self,)


class UnknownBackend(SettingsError):
    """No backend has this name.

    Attributes:
        name: The name that was asked for.
        configured: The names there are.
    """

    status = 404
    code = "unknown_backend"

    def __init__(self, name: str, *, configured: Sequence[str], nearest: str | None = None) -> None:
        names = ", ".join(configured) or "none"
        guess = f"did you mean {nearest!r}? " if nearest else ""
        super().__init__(
            f"no backend is called {cleaned(name)!r}",
            hint=f"{guess}configured: {names}",
            setting="backends",
            allowed=names,
        )
        self.name = name
        self.configured = tuple(configured)


class Refused(SocialError):
    """The visitor's request was refused, and nothing was changed."""

    status = 400
    code = "refused"


class NotSignedIn(Refused):
    """Nobody is signed in to the app."""

    status = 401
    code = "not_signed_in"


class FlowRefused(Refused):
    """What came back to ``/complete`` is not a flow that this browser and user have open.

    Attributes:
        reason: ``missing``, ``expired``, ``spent``, ``state``, ``issuer`` or ``other_user``.
    """

    status = 400
    code = "flow_refused"

    def __init__(self, message: str, *, hint: str, reason: FlowReason, backend: str | None = None) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self._reason: FlowReason = reason

    @property
    def reason(self) -> FlowReason:
        """Which check the flow did not pass."""
        return self._reason


class ConsentDenied(Refused):
    """The person said no at the provider."""

    status = 403
    code = "consent_denied"


class TokenRefused(Refused):
    """A client token is bad, or was not issued to this app.

    Attributes:
        reason: Which check it did not pass; see ``TokenReason``.
        detail: For the log, and in no answer: such as the audience that came, and those that are accepted.
    """

    status = 401
    code = "token_refused"

    def __init__(
        self, message: str, *, hint: str, reason: TokenReason, backend: str | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self._reason: TokenReason = reason
        self.detail = detail

    @property
    def reason(self) -> TokenReason:
        """Which check the token did not pass."""
        return self._reason


class AccountTaken(Refused):
    """The account is linked to another user; whose is never said."""

    status = 409
    code = "account_taken"


class LastAssociation(Refused):
    """Unlinking would take away the user's last way in."""

    status = 409
    code = "last_association"


class ProviderRetired(Refused):
    """The service is shut down for good: what is linked is listed and unlinked, and nothing more can be linked.

    Attributes:
        since: The year or month, such as ``2019-04``.
    """

    status = 409
    code = "provider_retired"

    def __init__(self, message: str, *, hint: str, since: str, backend: str) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.since = since


class TooManyRequests(Refused):
    """The app's own limit (``limit_tokens``) says that client tokens come too often; nobody was asked.

    Attributes:
        retry_after: Seconds to wait.
    """

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, hint: str, retry_after: float, backend: str | None = None) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.retry_after = retry_after


class NeedsReauth(SocialError):
    """The association's tokens are beyond repair; only the person can mend it, by linking again.

    Attributes:
        association_id: Which association.
        since: Epoch seconds at which it was noticed.
        reason: ``revoked``, ``answer_lost``, ``suspect`` or ``unreadable``.
    """

    status = 403
    code = "needs_reauth"

    def __init__(
        self, message: str, *, hint: str, association_id: str, since: float, reason: ReauthReason, backend: str
    ) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.association_id = association_id
        self.since = since
        self._reason: ReauthReason = reason

    @property
    def reason(self) -> ReauthReason:
        """Why the tokens cannot be used."""
        return self._reason


class CannotRenew(SocialError):
    """There is nothing to renew with, or the token never expires.

    Attributes:
        association_id: Which association.
    """

    status = 409
    code = "cannot_renew"

    def __init__(self, message: str, *, hint: str, association_id: str, backend: str) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.association_id = association_id


class AssociationGone(SocialError):
    """The association was unlinked meanwhile, or never was this user's.

    Attributes:
        association_id: Which association.
    """

    status = 404
    code = "association_gone"

    def __init__(self, message: str, *, hint: str, association_id: str, backend: str | None = None) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.association_id = association_id


class ProviderError(SocialError):
    """The provider did not do its part.

    Attributes:
        endpoint: Its name, such as ``token endpoint``; never a URL.
        http_status: What it answered, or None where it did not.
    """

    status = 502
    code = "provider_error"

    def __init__(
        self, message: str, *, hint: str, endpoint: str, http_status: int | None = None, backend: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, backend=backend)
        self.endpoint = endpoint
        self.http_status = http_status


class ProviderRefused(ProviderError):
    """The provider said no, in a well-formed answer (RFC 6749 sections 4.1.2.1 and 5.2).

    Attributes:
        error: The provider's error code, cleaned.
        description: The provider's text, cleaned and cut to 200 characters; may be empty.
    """

    code = "provider_refused"

    def __init__(
        self,
        *,
        endpoint: str,
        error: str,
        description: str = "",
        hint: str,
        http_status: int | None = None,
        backend: str | None = None,
    ) -> None:
        self.error = cleaned(error)
        self.description = cleaned(description)
        text = f": {self.description}" if self.description else ""
        super().__init__(
            f"the {endpoint} answers {self.error!r}{text}",
            hint=hint,
            endpoint=endpoint,
            http_status=http_status,
            backend=backend,
        )


class ProviderBroken(ProviderError):
    """The provider answered something that the standard, or its own data, does not allow.

    Attributes:
        expected: What should have come.
        got: What came: a type or a length, never the value.
    """

    code = "provider_broken"

    def __init__(
        self,
        *,
        endpoint: str,
        expected: str,
        got: str,
        hint: str = "try again later; if it stays so, the provider's data need a change",
        http_status: int | None = None,
        backend: str | None = None,
    ) -> None:
        super().__init__(
            f"the {endpoint} answers {got} instead of {expected}",
            hint=hint,
            endpoint=endpoint,
            http_status=http_status,
            backend=backend,
        )
        self.expected = expected
        self.got = got


class ProviderUnreachable(ProviderError):
    """The provider did not answer in time, or asks to be left alone for a while.

    Attributes:
        retry_after: Seconds to wait, where it named them.
        may_have_arrived: Whether it may have acted upon the request all the same.
    """

    status = 503
    code = "provider_unreachable"

    def __init__(
        self,
        message: str,
        *,
        endpoint: str,
        may_have_arrived: bool,
        retry_after: float | None = None,
        http_status: int | None = None,
        backend: str | None = None,
    ) -> None:
        super().__init__(
            message, hint="try again in a moment", endpoint=endpoint, http_status=http_status, backend=backend
        )
        self.retry_after = retry_after
        self.may_have_arrived = may_have_arrived


class StorageError(SocialError):
    """The database did not do its part.

    Attributes:
        operation: What was tried, such as ``add``.
    """

    status = 503
    code = "storage"

    def __init__(self, message: str, *, operation: str) -> None:
        super().__init__(message, hint="look at the database; nothing is half written")
        self.operation = operation
