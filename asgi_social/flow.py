"""What must survive between ``/associate`` and ``/complete``: sealed into a cookie of its own, single-use, ten minutes.

A :class:`Flow` at ``/complete`` comes only from :func:`unpack`; there is no way to go on with an unverified one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import unquote

from asgi_social.errors import FlowReason, FlowRefused
from asgi_social.protocols.message import Challenge
from asgi_social.secret import Keys, Secret, digest, random_text
from asgi_social.storage.repository import Flows

FLOW_SECONDS = 600.0
MAX_OPEN_FLOWS = 4
MAX_COOKIES_BYTES = 6 * 1024
MAX_COOKIE_BYTES = 4096
MAX_NEXT = 2048
_NAME = "social_flow_"
_DIGEST = re.compile(r"[0-9a-f]{16}")
_MAX_STATE = 512
_MAX_DECODINGS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One trip of a browser to a provider and back; everything that counts at its end was fixed at its beginning.

    Attributes:
        backend: The backend's name.
        client_id: The registration it was begun with.
        user_id: The user who began it, as text.
        challenge: What was sent to the provider.
        next: The app's path where the flow ends, checked when it began.
        issuer: The issuer whose answer it must be, where one is known.
        iss_promised: Whether the answer must name the issuer.
        began_at: Epoch seconds.
        withholds: Whether the store keeps something of this flow that may not go through a browser.
    """

    backend: str
    client_id: str
    user_id: str
    challenge: Challenge
    next: str
    issuer: str | None
    iss_promised: bool
    began_at: float
    withholds: bool = False

    @property
    def expires_at(self) -> float:
        """Epoch seconds after which it is refused."""
        return self.began_at + FLOW_SECONDS

    @property
    def spend_key(self) -> str:
        """The name under which its state is used up: a digest, from which the state cannot be read."""
        return digest(f"flow {self.challenge.state.reveal()}")

    @property
    def keep_key(self) -> str:
        """The name under which the store keeps what is withheld; a digest too."""
        return digest(f"withheld {self.challenge.state.reveal()}")


def checked_next(value: object) -> str | None:
    """Give back a path of the app's own where a browser may be sent, or None for any other text.

    Held to what browsers make of a Location (the WHATWG URL rules), to what a layer that decodes once more would make
    of it, and to what gluing it to a base URL would: it begins with one slash, has no backslash, control character,
    empty or dot segment, plain or percent-encoded, and at most 2,048 characters. A query is data and is left alone.

    >>> checked_next("/settings?tab=social")
    '/settings?tab=social'
    >>> checked_next("//evil.example") is None
    True
    """
    if not isinstance(value, str) or not value.startswith("/") or len(value) > MAX_NEXT or "\\" in value:
        return None
    # Browsers drop tabs and newlines before they parse; a lone surrogate can be sent nowhere.
    if any(character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in value):
        return None
    path = value.partition("?")[0].partition("#")[0]
    for _ in range(_MAX_DECODINGS):  # more layers than that decode for nobody, and each costs time
        if "\\" in path or any(part in {"", ".", ".."} for part in path.split("/")[1:-1]) or path.startswith("//"):
            return None
        if path.endswith(("/.", "/..")) or any(character < " " for character in path):
            return None
        decoded = unquote(path)
        if decoded == path:
            return value
        path = decoded
    return None


def cookie_name(state: Secret, *, secure: bool) -> str:
    """Give the name of a flow's cookie, which its state leads to and does not stand in.

    The ``__Host-`` prefix keeps a sibling host from planting one (RFC 6265bis section 4.1.3.2); browsers take it over
    https only.
    """
    return _prefix(secure=secure) + digest(f"cookie {state.reveal()}")[:16]


def new_challenge(
    *, redirect_uri: str, scope: tuple[str, ...], pkce: bool, renewable: bool, consent: bool
) -> Challenge:
    """Draw what a flow sends: state and nonce of 256 random bits, and a code_verifier of 43 characters (RFC 7636)."""
    return Challenge(
        redirect_uri=redirect_uri,
        state=Secret(random_text()),
        nonce=Secret(random_text()),
        verifier=Secret(random_text()) if pkce else None,
        scope=scope,
        renewable=renewable,
        consent=consent,
    )


def pack(flow: Flow, *, keys: Keys) -> str:
    """Seal a flow into the value of its cookie.

    A browser drops a cookie of more than 4,096 bytes (RFC 6265bis section 5.6), and with it the flow; so a flow that
    long loses its ``next``, and ends at the default target.
    """
    value = _sealed(flow, keys=keys)
    name = cookie_name(flow.challenge.state, secure=True)
    return value if len(name) + len(value) <= MAX_COOKIE_BYTES else _sealed(replace(flow, next=""), keys=keys)


def _sealed(flow: Flow, *, keys: Keys) -> str:
    challenge = flow.challenge
    values = {
        "b": flow.backend,
        "c": flow.client_id,
        "u": flow.user_id,
        "r": challenge.redirect_uri,
        "s": challenge.state.reveal(),
        "n": challenge.nonce.reveal(),
        "v": challenge.verifier.reveal() if challenge.verifier else None,
        "o": list(challenge.scope),
        "k": dict(challenge.kept),
        "x": flow.next,
        "i": flow.issuer,
        "p": flow.iss_promised,
        "t": flow.began_at,
        "h": flow.withholds,
        "m": dict(challenge.variables),
    }
    return keys.seal(json.dumps(values, ensure_ascii=False, separators=(",", ":")), purpose="flow", context="flow")


async def withhold(flow: Flow, secret: Secret, *, store: Flows, keys: Keys) -> None:
    """Let the store keep, sealed, what belongs to a flow and may not go through a browser.

    Raises:
        StorageError: It does not do its part.
    """
    sealed = keys.seal(secret.reveal(), purpose="storage", context=f"social_flow/{flow.keep_key}/kept")
    await store.keep(flow.keep_key, sealed, expires_at=flow.expires_at, now=flow.began_at)


async def with_withheld(flow: Flow, *, store: Flows, keys: Keys, now: float) -> Flow:
    """Give a flow with what the store keeps of it, once; without it where it is gone, or its key is.

    Raises:
        StorageError: The store does not do its part.
    """
    sealed = await store.take(flow.keep_key, now=now)
    context = f"social_flow/{flow.keep_key}/kept"
    text = None if sealed is None else keys.unseal(sealed, purpose="storage", context=context)
    return replace(flow, challenge=replace(flow.challenge, withheld=None if text is None else Secret(text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a flow must agree with when an answer arrives at ``/complete``.

    Attributes:
        state: The answer's ``state``.
        issuer: The answer's ``iss``.
        backend: The name in the path.
        client_id: The backend's registration now.
        user_id: Who is signed in now, as text.
        now: Epoch seconds.
        secure: Whether our own addresses are https.
    """

    state: str | None
    issuer: str | None
    backend: str
    client_id: str
    user_id: str
    now: float
    secure: bool


def unpack(cookies: Mapping[str, str], arrival: Arrival, *, keys: Keys) -> Flow:
    """Give the flow that an answer at ``/complete`` belongs to, after every check that needs nobody else.

    Cheap checks from which nobody learns anything come first. That the flow was not used before is for the store to
    say, just before the code is spent.

    Args:
        cookies: The browser's.
        arrival: What came, where and for whom.
        keys: For opening the cookie.

    Raises:
        FlowRefused: With the reason.

    Source: RFC 6749 section 10.12; RFC 9207 section 2.4; RFC 9700 section 2.1.
    """
    state, backend = arrival.state, arrival.backend
    if not state or len(state) > _MAX_STATE or not state.isascii():
        raise _refused("state", "the answer holds no state, or one that is not ours", backend)
    value = cookies.get(cookie_name(Secret(state), secure=arrival.secure))
    flow = None if value is None else _opened(value, keys=keys)
    if flow is None:
        raise FlowRefused(
            "this browser has no open link for this answer",
            hint="start again; the cookie of a link lives ten minutes, in the browser and at the very address where it "
            "began (localhost and 127.0.0.1 are two, http and https too), and cookies must be allowed",
            reason="missing",
            backend=backend,
        )
    if flow.challenge.state != Secret(state):
        raise _refused("state", "the answer's state is not the one that was sent", backend)
    if arrival.now > flow.expires_at:
        raise _refused("expired", "this link was begun more than ten minutes ago", backend)
    if flow.backend != backend or flow.client_id != arrival.client_id:
        # Mix-up: an answer of one provider must not be spent at another (RFC 9700 section 4.4).
        raise _refused("issuer", "the answer came back on the path of another backend", backend)
    if flow.user_id != arrival.user_id:
        raise _refused("other_user", "another user is signed in than the one who began this link", backend)
    # RFC 9207 section 2.4: compared as strings, before anything is sent.
    named = arrival.issuer is not None or flow.iss_promised
    if flow.issuer is not None and named and arrival.issuer != flow.issuer:
        raise _refused("issuer", "the answer is not of the provider that was asked", backend)
    return flow


def superseded(cookies: Mapping[str, str], *, room: int, keys: Keys, now: float, secure: bool) -> list[str]:
    """Give the names of a browser's flow cookies to delete before one more is set.

    Those are the ones too old or unreadable, and the oldest of more than four, or of more than fit into 6 KiB.

    Args:
        cookies: The browser's.
        room: The bytes that the new one takes, name and value.
        keys: For opening them.
        now: Epoch seconds.
        secure: Whether our own addresses are https.
    """
    prefix = _prefix(secure=secure)
    # A name that is not of our making may hold what no Set-Cookie line can: it is left alone.
    ours = [name for name in cookies if name.startswith(prefix) and _DIGEST.fullmatch(name.removeprefix(prefix))]
    found = {name: _opened(cookies[name], keys=keys) for name in ours}
    alive = sorted((flow.began_at, name) for name, flow in found.items() if flow is not None and now <= flow.expires_at)
    stay: list[str] = []
    taken = room
    for _, name in reversed(alive):
        taken += len(name) + len(cookies[name])
        if len(stay) < MAX_OPEN_FLOWS - 1 and taken <= MAX_COOKIES_BYTES:
            stay.append(name)
    return [name for name in found if name not in stay]


def _prefix(*, secure: bool) -> str:
    return f"__Host-{_NAME}" if secure else _NAME


def _opened(value: str, *, keys: Keys) -> Flow | None:
    text = keys.unseal(value, purpose="flow", context="flow")
    if text is None:
        return None
    values = cast("dict[str, object]", json.loads(text))  # sealed by us: its shape is ours
    verifier = cast("str | None", values["v"])
    return Flow(
        backend=cast(str, values["b"]),
        client_id=cast(str, values["c"]),
        user_id=cast(str, values["u"]),
        challenge=Challenge(
            redirect_uri=cast(str, values["r"]),
            state=Secret(cast(str, values["s"])),
            nonce=Secret(cast(str, values["n"])),
            verifier=Secret(verifier) if verifier else None,
            scope=tuple(cast("list[str]", values["o"])),
            variables=cast("dict[str, str]", values["m"]),
            kept=cast("dict[str, str]", values["k"]),
        ),
        next=cast(str, values["x"]),
        issuer=cast("str | None", values["i"]),
        iss_promised=cast(bool, values["p"]),
        began_at=cast(float, values["t"]),
        withholds=cast(bool, values["h"]),
    )


def _refused(reason: FlowReason, message: str, backend: str) -> FlowRefused:
    hints = {
        "state": "start again from the app; the address of an answer is good once and for one browser",
        "expired": "start again, and answer at the provider within ten minutes",
        "other_user": "start again, or sign in as the user who began it",
        "issuer": "start again from the app; an answer is taken from the provider that was asked alone",
    }
    return FlowRefused(message, hint=hints[reason], reason=reason, backend=backend)
