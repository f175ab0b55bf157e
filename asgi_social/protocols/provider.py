"""A provider as values: what the conversations read of its data.

``providers/`` makes these from TOML; the keys are described in ``docs/reference/provider_format.md``. Nothing here
decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from asgi_social.expressions import Path, Template
from asgi_social.protocols.formats import Format
from asgi_social.protocols.signing import SignatureMethod

Protocol = Literal["oauth2", "oidc", "oauth1", "openid2", "saml", "custom"]
VariableKind = Literal["label", "host", "url", "text"]
Origin = Literal["setting", "person", "callback"]
Pkce = Literal["required", "supported", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A part of the provider's addresses, such as a tenant, that the app names, the person or the provider's answer."""

    setting: str
    origin: Origin = "setting"
    param: str | None = None
    kind: VariableKind = "label"
    pattern: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None
    example: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """What is sent besides, where the app wants refresh tokens; ``consent`` only while none is stored."""

    params: Mapping[str, Template] = field(default_factory=dict)
    scope: tuple[str, ...] = ()
    consent: Mapping[str, Template] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """The authorization request (RFC 6749 section 4.1.1)."""

    url: Template | None = None
    scope: tuple[str, ...] = ()
    scope_sep: str = " "
    params: Mapping[str, Template] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    response_type: str = "code"
    response_mode: Literal["form_post"] | None = None
    state_in: Literal["query", "redirect"] = "query"
    fragment: str = ""
    pkce: Pkce = "supported"
    offline: Offline = field(default_factory=Offline)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRules:
    """What comes back at ``/complete``."""

    code_param: str = "code"
    keep: tuple[str, ...] = ()
    error: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretJwt:
    """A client secret that is a JWT, signed anew for each request (Apple)."""

    alg: str
    kid: Template
    iss: Template
    sub: Template
    aud: Template
    lifetime: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """A request to the token endpoint: the code's or the renewal's."""

    url: Template | None = None
    auth: str = "body"
    method: Literal["POST", "GET"] = "POST"
    send: Literal["form", "json", "query"] = "form"
    params: Mapping[str, Template] = field(default_factory=dict)
    headers: Mapping[str, Template] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """Where the parts of a token answer stand (RFC 6749 section 5.1)."""

    path: Path | None = None
    access_token: Path
    refresh_token: Path
    id_token: Path
    scope: Path
    expires: Path
    expires_unit: Literal["s", "ms", "epoch", "epoch_ms"] = "s"
    token_type: str = "Bearer"
    format: Format = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for the provider's own data: userinfo, a token look-up, a revocation."""

    id: str
    url: Template | None = None
    hosts: tuple[Template, ...] = ()
    method: Literal["GET", "POST", "DELETE"] = "GET"
    auth: str = "bearer"
    query_name: str = "access_token"
    params: Mapping[str, Template] = field(default_factory=dict)
    headers: Mapping[str, Template] = field(default_factory=dict)
    form: Mapping[str, Template] | None = None
    json: Mapping[str, Template] | None = None
    path: Path | None = None
    format: Format = "json"
    optional: bool = False
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Userinfo:
    """Where the account is read, and the further requests that belong to it."""

    source: Literal["request", "token", "id_token"] = "request"
    main: Call
    requests: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """A value signed or hashed from others, such as Facebook's ``appsecret_proof``, in hexadecimal."""

    sign: Literal["hmac_sha256", "sha256", "md5"] = "hmac_sha256"
    key: Template | None = None
    data: Template
    is_upper: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A condition that an account must meet, else the person is refused."""

    path: Path | None = None
    op: Literal["equals", "is_true", "any_of"] = "equals"
    value: Template | None = None
    setting: str = ""
    status_of: str = ""
    only_if: Literal["always", "uuid"] = "always"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRules:
    """How the provider tells an error inside an answer with status 200."""

    ok: Path | None = None
    ok_is: str | None = None
    code: Path | None = None
    message: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How tokens are renewed (RFC 6749 section 6), or that they are not."""

    enabled: bool = True
    call: TokenCall
    with_token: Literal["refresh_token", "access_token"] = "refresh_token"
    grant: str = "refresh_token"
    token_param: str = "refresh_token"
    rotates: bool = True
    expires_default: int | None = None
    never_expires: bool = False
    early: int | None = None
    ended: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """How tokens are revoked (RFC 7009, or the provider's own way)."""

    style: Literal["rfc7009", "own"] = "rfc7009"
    call: Call
    ok: frozenset[int] = frozenset({200, 204})
    ok_body: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How a client token is shown to be ours: by asking the provider, by its signature, or by code beside the file.

    ``bound`` is a look-up with a secret of the app, which fails for what another app was given. ``key`` is what
    payloads are signed with, which that code reads.
    """

    kind: Literal["lookup", "bound", "id_token", "code"] = "lookup"
    key: Template | None = None
    call: Call | None = None
    app: Path | None = None
    subject: Path | None = None
    active: Path | None = None
    expires: Path | None = None
    must: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """Where the provider's metadata lie (OpenID Connect Discovery section 4)."""

    endpoint: Template
    config: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenRules:
    """How the provider's ID tokens are checked (OpenID Connect Core section 3.1.3.7)."""

    issuers: tuple[Template, ...] = ()
    jwks: Template | None = None
    algs: tuple[str, ...] = ("RS256",)
    nonce: Literal["required", "off", "sha256"] = "required"
    lax: frozenset[str] = frozenset()
    max_age: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth1:
    """The request with which a flow of OAuth 1.0a begins, and how all are signed (RFC 5849 sections 2.1 and 3.4)."""

    request_url: Template | None = None
    request_method: Literal["GET", "POST"] = "GET"
    params: Mapping[str, Template] = field(default_factory=dict)
    signature: SignatureMethod = "HMAC-SHA1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenId2:
    """A provider of OpenID 2.0, and what it is asked to tell.

    Attributes:
        url: An identifier, whose provider is found by discovery.
        endpoint: The provider's endpoint, where it is known beforehand.
        allow_identity: A regular expression that claimed identifiers must match; without one each is discovered.
        attrs: Type URIs of Attribute Exchange, by the names under which their values are read.
        sreg: Names of Simple Registration.
    """

    url: Template | None = None
    endpoint: Template | None = None
    allow_identity: str | None = None
    attrs: Mapping[str, str] = field(default_factory=dict)
    sreg: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A service, the same for every app. See ``docs/reference/provider_format.md`` for each key.

    Attributes:
        templates: Every template that there is in the others.
    """

    name: str
    title: str
    protocol: Protocol
    docs: str | None = None
    console: str | None = None
    mark: str | None = None
    color: str | None = None
    retired: str | None = None
    association_only: bool = False
    code: str | None = None
    flows: frozenset[str] = frozenset({"redirect", "token"})
    variables: Mapping[str, Variable] = field(default_factory=dict)
    authorize: Authorize
    callback: CallbackRules = field(default_factory=CallbackRules)
    token: TokenCall
    answer: TokenAnswer
    userinfo: Userinfo
    uid: Path
    authority: Template
    api_hosts: tuple[Template, ...] = ()
    account: Mapping[str, Path]
    email_verified: Path | bool = False
    extra_data: tuple[tuple[str, str, bool], ...] = ()
    calculations: Mapping[str, Calculation] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    errors: ErrorRules = field(default_factory=ErrorRules)
    refresh: Refresh
    revoke: Revoke | None = None
    proofs: tuple[Proof, ...] = ()
    oidc: Oidc | None = None
    id_token: IdTokenRules | None = None
    token_secret: SecretJwt | None = None
    oauth1: OAuth1 | None = None
    openid2: OpenId2 | None = None
    credentials: frozenset[str] = frozenset({"client_id", "client_secret"})
    quirks: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
