"""What is said to a provider and what comes back, as plain values; and the shape of a conversation.

A conversation is a generator: it yields a :class:`Request`, is sent a :class:`Response`, and returns its result.
``transport`` plays one against the network, a test plays one against a list. Nothing here sends anything.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlsplit

from asgi_social.secret import Secret

T = TypeVar("T")

MAX_BODY_BYTES = 1024 * 1024
MAX_METADATA_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to a provider. Its ``repr`` shows the endpoint and the host, and nothing that was sent.

    Attributes:
        endpoint: The endpoint's name in the RFCs' words, for errors: ``token endpoint``.
        method: ``GET``, ``POST`` or ``DELETE``.
        url: Absolute, ``https`` (``http`` only to a loopback host, in development).
        query: Parameters added to the URL's query.
        headers: Further headers.
        form: A form body, or None.
        json: A JSON body, or None.
        max_bytes: The longest body that is read.
        shared: Whether the answer is public and may be kept and shared for an hour (metadata, keys).
        fixed: Whether the URL is the same for everybody, and holds no secret: what it is parsed to may be kept.
        public: Whether it may go to a host on the public internet only, for its address is not the provider's own.
        renewed: Asks, of a shared answer, for one that is not from before; honoured once a minute at most.
    """

    endpoint: str
    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    json: object = None
    max_bytes: int = MAX_BODY_BYTES
    shared: bool = False
    fixed: bool = False
    public: bool = False
    renewed: bool = False

    def __repr__(self) -> str:
        return f"Request({self.endpoint!r}, {self.method} {urlsplit(self.url).hostname})"


@lru_cache(maxsize=256)
def shared_request(endpoint: str, url: str, *, renewed: bool = False) -> Request:
    """Give the request for a public document, whose answer is kept and shared: metadata, keys. It is kept itself."""
    return Request(
        endpoint=endpoint,
        method="GET",
        url=url,
        max_bytes=MAX_METADATA_BYTES,
        shared=True,
        fixed=True,
        renewed=renewed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A provider's answer, read to its end. Its ``repr`` shows the status and the length only.

    Attributes:
        status: The HTTP status.
        headers: With lower-case names; of a repeated header the last one.
        body: The bytes, decompressed.
        received_at: Epoch seconds at which it was handed over.
        sent: The secrets of the request, for an error must not tell what the provider repeats of them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: float
    sent: tuple[Secret, ...] = ()

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


Conversation = Generator[Request, Response, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Something that is accepted one time, such as an assertion: remembered until nobody would accept it anyway.

    Attributes:
        key: A digest that names it, at most 64 characters.
        until: Epoch seconds.
    """

    key: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a token endpoint gave, or what is stored of it.

    Attributes:
        access_token: The access token.
        refresh_token: What a renewal is made with, or None.
        id_token: The ID token as it came, or None.
        token_type: As the provider writes it; ``Bearer`` where it says nothing.
        scope: What was granted; None where the provider does not say (then it is what was asked, RFC 6749
            section 5.1).
        expires_at: Epoch seconds, or None for "unknown".
        answer: The whole token answer; holds secrets, so it is not shown.
        claims: The claims of the ID token once it is verified; None without one.
        odd: What the answer says of ``lifetime`` or ``scope`` in a way that nobody can read.
        once: What these came of, where it may come a single time; None where the provider sees to that.
    """

    access_token: Secret
    refresh_token: Secret | None = None
    id_token: Secret | None = None
    token_type: str = "Bearer"
    scope: tuple[str, ...] | None = None
    expires_at: float | None = None
    answer: Mapping[str, object] = field(default_factory=dict, repr=False)
    claims: Mapping[str, object] | None = field(default=None, repr=False)
    odd: tuple[str, ...] = ()
    once: Once | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a flow sends to the authorization endpoint and must find again at its end.

    Attributes:
        redirect_uri: Exactly as it was sent; the token request repeats these bytes (RFC 6749 section 4.1.3).
        state: Good once.
        nonce: Ties an ID token to this flow (OpenID Connect Core section 3.1.2.1).
        verifier: The PKCE code_verifier (RFC 7636), or None where the provider does not take it.
        scope: What is asked for.
        renewable: Whether refresh tokens are asked for.
        consent: Whether the person's consent is asked anew, so that a refresh token comes.
        variables: What the person has chosen of the provider's variables, such as a shop.
        kept: What the beginning learned and the end must find again; it travels sealed in the flow's cookie.
        withheld: What it learned that may not go through a browser at all, such as the secret of OAuth 1's request
            token; at the end as the store gives it.
    """

    redirect_uri: str
    state: Secret
    nonce: Secret
    verifier: Secret | None
    scope: tuple[str, ...]
    renewable: bool = False
    consent: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    withheld: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """How a flow begins, once the provider was asked what it has to be asked.

    Attributes:
        url: Where the browser is sent.
        kept: See ``Challenge.kept``.
        withheld: See ``Challenge.withheld``.
    """

    url: str = field(repr=False)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    withheld: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The parameters of an answer at ``/complete``, checked as far as they can be by themselves.

    Attributes:
        code: The authorization code; empty where the answer is the proof itself.
        kept: Those further parameters that the provider's data ask to keep.
        params: All of them, for a protocol whose answer is the proof.
    """

    code: Secret
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
