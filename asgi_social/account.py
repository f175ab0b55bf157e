"""Account: one person's account at a provider, as the provider describes it, mapped to our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

Uid = NewType("Uid", str)

MAX_UID_BYTES = 255
# What a program writes where it meant "nothing"; as a uid it would make one account of many people.
_NOT_A_UID = frozenset({"None", "null", "undefined"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a provider says of an account.

    Attributes:
        uid: The account's id at the provider; names it in our table. An e-mail address or a name never does.
        authority: What the uid is local to (issuer, tenant, instance), or ``''``.
        username: The name the person goes by there, or None.
        email: The address as the provider gives it, ``''`` or None where it gives none.
        email_verified: True only where the provider's data declare that it vouches for the address, and it does.
        fullname: The whole name, or None.
        first_name: The given name, or None.
        last_name: The family name, or None.
        picture: An https address, or None.
        locale: A language tag, or None.
        extra_data: Further values that the provider's data declare; never tokens.
    """

    uid: Uid
    authority: str = ""
    username: str | None = None
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    fullname: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    picture: str | None = field(default=None, repr=False)
    locale: str | None = None
    extra_data: Mapping[str, object] = field(default_factory=dict, repr=False)


def uid_of(value: object) -> Uid | None:
    """Make a uid of what a provider answers, or give None where that names nobody.

    A whole number becomes its digits; anything else must be text. Refused are a boolean, 0, a fraction, a list, an
    object, the empty text, white space alone, the texts ``None``, ``null`` and ``undefined``, a NUL character, a lone
    surrogate, and more than 255 bytes.

    >>> uid_of(583231)
    '583231'
    >>> uid_of(True), uid_of(""), uid_of("None")
    (None, None, None)
    """
    if isinstance(value, int) and not isinstance(value, bool) and value != 0:
        value = str(value) if value.bit_length() <= 64 else ""
    if not isinstance(value, str) or not value.strip() or value in _NOT_A_UID or "\0" in value:
        return None
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        return None
    return Uid(value) if len(encoded) <= MAX_UID_BYTES else None


def https_or_none(value: object) -> str | None:
    """Give an address that a page may show a picture from, or None; ``javascript:`` and ``http:`` are none."""
    return value if isinstance(value, str) and value.startswith("https://") and len(value) <= 2048 else None
