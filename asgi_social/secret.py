"""Secrets: a text that never shows itself, randomness, and sealing for storage, cookies and forms.

This room knows keys and texts; what a text means, and what becomes of one that does not open, is its caller's.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Literal, NoReturn, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from itsdangerous import BadData, URLSafeSerializer

Purpose = Literal["storage", "flow", "carrier", "message"]
_PURPOSES: tuple[Purpose, ...] = ("storage", "flow", "carrier", "message")
_NONCE_BYTES = 12
T = TypeVar("T")


class Secret:
    """A text that shows itself only through :meth:`reveal`.

    ``repr``, ``str`` and every format give ``Secret(…)``; ``==`` takes the same time whatever differs; there is no
    hash and no pickle, so it becomes no cache key and crosses no process by accident.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and same(self._text, other._text)

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dict

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass what reveal() gives, on purpose")


def fraction() -> float:
    """Give a random number from 0 up to 1, which it is not: what a pause is multiplied by."""
    return secrets.randbelow(1 << 32) / (1 << 32)


def random_text(*, bits: int = 256) -> str:
    """Give unguessable URL-safe text with at least so many random bits."""
    return secrets.token_urlsafe(bits // 8)


def same(one: str, other: str) -> bool:
    """Say whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def digest(text: str) -> str:
    """Give the SHA-256 of a text in hexadecimal: a name for something that must not be written down itself."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Keys:
    """The app's ``secret_key`` settings, made into keys: the first seals and signs, all open and verify.

    A sealed value reads ``v1.<key id>.<nonce and ciphertext, base64url>``: AES-256-GCM, a key for each purpose by
    HKDF-SHA256 from each secret key, bound to a context that the caller gives again when it opens it.

    Source: RFC 5116 (AES-GCM), RFC 5869 (HKDF).
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._signing = [_derived(text, "sign") for text in reversed(secret_keys)]  # itsdangerous: newest last
        self._ids = [_derived(text, "id")[:4].hex() for text in secret_keys]
        self._ciphers: dict[tuple[str, Purpose], AESGCM] = {
            (key_id, purpose): AESGCM(_derived(text, f"seal {purpose}"))
            for key_id, text in zip(self._ids, secret_keys, strict=True)
            for purpose in _PURPOSES
        }

    def __repr__(self) -> str:
        return f"Keys({', '.join(self._ids)})"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What values begin with that were sealed with these keys, the first key's first; all differ."""
        return tuple(dict.fromkeys(f"v1.{key_id}." for key_id in self._ids))

    def is_newest(self, value: str) -> bool:
        """Say whether a value was sealed with the first key; whether it opens is not tried."""
        return value.startswith(self.prefixes[0])

    def seal(self, text: str, *, purpose: Purpose, context: str) -> str:
        """Encrypt a text so that only the same purpose and context open it.

        Args:
            text: What to hide.
            purpose: Where it goes; each purpose has a key of its own.
            context: What it is bound to, such as ``social_association/<id>/access_token``.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._ids[0], purpose].encrypt(nonce, text.encode(), context.encode())
        return f"v1.{self._ids[0]}.{base64.urlsafe_b64encode(nonce + sealed).rstrip(b'=').decode()}"

    def unseal(self, value: str, *, purpose: Purpose, context: str) -> str | None:
        """Decrypt what :meth:`seal` gave, or give None where it does not open, for whatever reason."""
        version, _, rest = value.partition(".")
        key_id, _, encoded = rest.partition(".")
        cipher = self._ciphers.get((key_id, purpose))
        if version != "v1" or cipher is None:
            return None
        try:
            sealed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode()).decode()
        except (binascii.Error, InvalidTag, ValueError):
            return None

    def sign(self, payload: Sequence[str | float], *, purpose: str) -> str:
        """Give a readable text that nobody else can make, holding the payload."""
        return str(self._serializer(purpose).dumps(list(payload)))

    def verified(self, text: str, *, purpose: str) -> list[object] | None:
        """Give the payload of a text made by :meth:`sign` for the same purpose; None for any other text."""
        try:
            payload = self._serializer(purpose).loads(text)
        except BadData:
            return None
        return payload if isinstance(payload, list) else None

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._signing,
            salt=f"asgi_social {purpose}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )


def _derived(secret_key: str, use: str) -> bytes:
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"asgi_social {use}".encode())
    return hkdf.derive(secret_key.encode())
