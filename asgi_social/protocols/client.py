"""Client: a provider together with this app's registration; and how its templates and credentials become a request."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from asgi_social.errors import ProviderBroken, SettingsError, TokenRefused, cleaned
from asgi_social.expressions import Template
from asgi_social.protocols.host import HostPattern, allowed_address, host_of, host_pattern
from asgi_social.protocols.message import Request, Tokens
from asgi_social.protocols.provider import Calculation, Call, Provider, SecretJwt, TokenCall
from asgi_social.protocols.saml_idps import ServiceProvider
from asgi_social.protocols.signing import Signer, TokenPair, pair_of
from asgi_social.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The addresses in use, from the provider's data or its metadata (RFC 8414 section 2).

    Attributes:
        authorize, token, userinfo, jwks, revocation: URLs; None where there is none.
        issuer: The one issuer, where it is known beforehand.
        iss_promised: Whether every authorization answer must name the issuer (RFC 9207 section 3).
        auth_methods: How clients may authenticate at the token endpoint; empty where metadata do not say.
    """

    authorize: str | None = None
    token: str | None = None
    userinfo: str | None = None
    jwks: str | None = None
    revocation: str | None = None
    issuer: str | None = None
    iss_promised: bool = False
    auth_methods: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)  # without slots, for the sake of _changed
class Client:
    """A provider with this app's registration, as a conversation reads it.

    Attributes:
        name: The backend's name.
        provider: The provider's data.
        client_id: This app's id there.
        client_secret: What goes with it; empty where the provider wants none. Apple's is a private key in PEM.
        client_ids: Further ids of this app, accepted in client tokens only.
        scope: What is asked for by default, the provider's own default included.
        further_scope: What a link may ask for besides.
        offline: Whether the app needs refresh tokens.
        params: Further parameters of the authorization request.
        redirect_uri: Where the provider sends browsers back to, by the settings.
        variables: The provider's ``[vars]``, filled from the settings.
        settings: All other settings of the backend, for ``{setting.…}``, and those that list whom a policy admits.
        chosen: Those of the variables that the person or the provider's answer has chosen.
        api_hosts: Where access tokens may be sent, besides to the userinfo endpoint.
        allow_unbound_tokens: Whether the app takes client tokens that nothing proves to be its own.
        development: Whether plain http to a loopback host is allowed.
        former_token_hosts: Hosts of which the provider's token endpoint was, so that tokens from there go to it too.
        renewals_at_once: How many renewals are under way at most, in one process.
        now: Epoch seconds at which this conversation began.
        endpoints: The addresses in use.
        saml: This app as identity providers of SAML know it; None for a backend of another protocol.
    """

    name: str
    provider: Provider
    client_id: str
    client_secret: Secret
    client_ids: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    further_scope: tuple[str, ...] = ()
    offline: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    redirect_uri: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    chosen: frozenset[str] = frozenset()
    settings: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False)
    api_hosts: tuple[HostPattern, ...] = ()
    allow_unbound_tokens: bool = False
    development: bool = False
    former_token_hosts: tuple[str, ...] = ()
    renewals_at_once: int = 10
    now: float = 0.0
    endpoints: Endpoints = field(default_factory=Endpoints)
    saml: ServiceProvider | None = None

    @property
    def audience(self) -> tuple[str, ...]:
        """Every id under which a token may have been issued to this app."""
        return (self.client_id, *self.client_ids)

    def at(self, now: float) -> Self:
        """Give the client for a conversation that begins now."""
        return self._changed(now=now)

    def reaching(self, endpoints: Endpoints) -> Self:
        """Give the client with the addresses in use."""
        return self._changed(endpoints=endpoints)

    def _changed(self, **changes: object) -> Self:
        """Do what ``replace`` does, in a tenth of its time; it is done twice for each client token."""
        changed = object.__new__(type(self))
        changed.__dict__.update(self.__dict__, **changes)
        return changed

    def misses(self, audience: object) -> str:
        """Say, for the log, which audience a token names and which are accepted; what came is cut and cleaned."""
        return f"the token is for {cleaned(str(audience))!r}, accepted: {', '.join(self.audience)}"


def values(client: Client, *, tokens: Tokens | None = None, **more: object) -> dict[str, object]:
    """Give the names that the provider's templates may use; ``more`` are those of the moment."""
    known: dict[str, object] = {
        **client.variables,
        "client_id": client.client_id,
        "client_secret": client.client_secret.reveal(),
        "redirect_uri": client.redirect_uri,
        "now": str(int(client.now)),
        "setting": client.settings,
        **more,
    }
    if tokens is not None:
        known["access_token"] = tokens.access_token.reveal()
        known["refresh_token"] = tokens.refresh_token.reveal() if tokens.refresh_token else None
        known["token"] = tokens.answer
        known["claim"] = tokens.claims or {}
    for name, calculation in client.provider.calculations.items():
        known[name] = calculated(calculation, known)
    return known


def calculated(calculation: Calculation, known: Mapping[str, object]) -> str | None:
    """Give a signature or hash in hexadecimal; None where a placeholder of it is empty."""
    key = calculation.key.render(known) if calculation.key else ""
    data = calculation.data.render(known)
    if key is None or data is None:
        return None
    if calculation.sign == "hmac_sha256":
        text = hmac.new(key.encode(), data.encode(), hashlib.sha256).hexdigest()
    else:  # MD5 is what some providers demand, and nothing of ours hangs on it
        text = hashlib.new(calculation.sign, data.encode(), usedforsecurity=False).hexdigest()
    return text.upper() if calculation.is_upper else text


def rendered(params: Mapping[str, Template], known: Mapping[str, object]) -> dict[str, str]:
    """Fill templates; one with an empty placeholder is left out, because it is not to be sent."""
    filled = ((name, template.render(known)) for name, template in params.items())
    return {name: text for name, text in filled if text}


def rendered_url(client: Client, template: Template | None, known: Mapping[str, object]) -> str | None:
    """Fill the template of an address; every value is percent-encoded but a base URL that the app itself set."""
    if template is None:
        return None
    return template.render(known, verbatim=_verbatim(client) if template.names else None)


def _verbatim(client: Client) -> list[str]:
    return [name for name, one in client.provider.variables.items() if one.kind == "url"]


def token_request(
    client: Client, call: TokenCall, fields: Mapping[str, str], *, known: Mapping[str, object]
) -> Request:
    """Make the request to the token endpoint: the standard fields, the provider's changes, and our credentials.

    Source: RFC 6749 sections 2.3.1, 4.1.3 and 6; Apple and Stripe by their own pages, named in their data.
    """
    form = {name: text for name, text in fields.items() if name not in call.drop} | rendered(call.params, known)
    headers = rendered(call.headers, known)
    credentials(client, call.auth, form=form, headers=headers)
    form = {call.rename.get(name, name): text for name, text in form.items() if name not in call.drop}
    url = rendered_url(client, call.url, known) or client.endpoints.token or ""
    if call.method == "GET":
        return Request(endpoint="token endpoint", method="GET", url=url, query=form, headers=headers)
    if call.send == "query":
        return Request(endpoint="token endpoint", method="POST", url=url, query=form, headers=headers)
    if call.send == "json":
        return Request(endpoint="token endpoint", method="POST", url=url, json=form, headers=headers)
    return Request(endpoint="token endpoint", method="POST", url=url, form=form, headers=headers)


def credentials(client: Client, auth: str, *, form: dict[str, str], headers: dict[str, str]) -> None:
    """Add this app's credentials to a form and headers, in the way ``auth`` names."""
    secret = client.client_secret.reveal()
    if auth == "metadata":
        # OpenID Connect Core section 9 and RFC 8414: basic is the default where the metadata name none.
        methods = client.endpoints.auth_methods
        auth = "body" if methods and "client_secret_basic" not in methods else "basic"
    if not secret or auth == "none":
        form["client_id"] = client.client_id
        return
    if auth == "secret_jwt" and client.provider.token_secret is not None:
        secret = signed_secret(client, client.provider.token_secret)
        auth = "body"
    if auth in {"basic", "basic+body"}:
        headers["authorization"] = basic(client.client_id, secret)
    if auth == "bearer_secret":
        headers["authorization"] = f"Bearer {secret}"
    if auth.startswith("header:"):
        headers[auth.removeprefix("header:")] = secret
        form["client_id"] = client.client_id
    if auth in {"body", "basic+body"}:
        form["client_id"] = client.client_id
        form["client_secret"] = secret


def basic(client_id: str, client_secret: str) -> str:
    """Give the Basic header of a client (RFC 6749 section 2.3.1: both parts form-encoded before they are joined)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def signed_secret(client: Client, rules: SecretJwt) -> str:
    """Make the JWT that stands for a client secret, good for a few minutes, from the private key in the settings.

    Raises:
        SettingsError: The setting ``client_secret`` is not a private key in PEM that fits the algorithm.

    Source: Apple, "Creating a client secret".
    """
    known = values(client)
    header = {"alg": rules.alg, "kid": rules.kid.render(known) or ""}
    claims = {
        "iss": rules.iss.render(known) or "",
        "sub": rules.sub.render(known) or "",
        "aud": rules.aud.render(known) or "",
        "iat": int(client.now),
        "exp": int(client.now) + rules.lifetime,
    }
    try:
        kind = ECKey if rules.alg.startswith("ES") else RSAKey
        return jwt.encode(header, claims, kind.import_key(client.client_secret.reveal().strip()), [rules.alg])
    except (JoseError, ValueError, TypeError):
        raise SettingsError(  # from None: the cause may quote the key
            f"{client.name}: client_secret is not a private key that signs with {rules.alg}",
            hint="paste the whole .p8 file, with its BEGIN and END lines",
            setting=f"backends.{client.name}.client_secret",
            allowed="a private key in PEM",
            backend=client.name,
        ) from None


def data_request(
    client: Client, call: Call, endpoint: str, *, known: Mapping[str, object], fallback: str | None
) -> Request:
    """Make a request for the provider's own data, with the token or our credentials as its data name.

    Args:
        client: Who asks.
        call: The request as data.
        endpoint: The endpoint's name, for errors.
        known: What its templates may use, see :func:`values`.
        fallback: The address where the data name none (from metadata).
    """
    token = str(known.get("access_token") or "")
    query, headers = rendered(call.params, known), rendered(call.headers, known)
    if call.auth == "bearer":
        headers["authorization"] = f"Bearer {token}"
    elif call.auth.startswith("header:"):
        headers["authorization"] = f"{call.auth.removeprefix('header:')} {token}"
    elif call.auth.startswith("name:"):
        headers[call.auth.removeprefix("name:")] = token
    elif call.auth == "query":
        query[call.query_name] = token
    elif call.auth == "app":
        query["access_token"] = f"{client.client_id}|{client.client_secret.reveal()}"
    elif call.auth == "basic":
        headers["authorization"] = basic(client.client_id, client.client_secret.reveal())
    request = Request(
        endpoint=endpoint,
        method=call.method,
        url=_data_url(client, call, endpoint, known=known) or fallback or "",
        fixed=call.url is None or call.url.names <= {*client.variables, "client_id"} - client.chosen,
        query=query,
        headers=headers,
        form=rendered(call.form, known) if call.form is not None else None,
        json=rendered(call.json, known) if call.json is not None else None,
    )
    return signed(client, request, pair=stored_pair(client, Secret(token))) if call.auth == "oauth1" else request


def signed(
    client: Client, asked: Request, *, pair: TokenPair | None = None, more: Mapping[str, str] | None = None
) -> Request:
    """Give a request with its signature, as OAuth 1.0a wants it; it must not be changed afterwards.

    Args:
        client: Who signs.
        asked: The request.
        pair: The token that it is asked with, or None before there is one.
        more: Further parameters of the protocol.
    """
    # What is merged into the URL later is signed as if it stood there already.
    query = urlencode(asked.query, quote_via=quote)
    url = f"{asked.url}{'&' if urlsplit(asked.url).query else '?'}{query}"
    header = signer_of(client).authorization(
        asked.method, url, form=(asked.form or {}).items(), pair=pair, more=more or {}
    )
    return replace(asked, headers={**asked.headers, "authorization": header})


def signer_of(client: Client) -> Signer:
    """Give what signs this app's requests, at the moment at which its conversation began."""
    rules = client.provider.oauth1
    return Signer(
        client_id=client.client_id,
        client_secret=client.client_secret,
        method="HMAC-SHA1" if rules is None else rules.signature,
        now=client.now,
    )


def stored_pair(client: Client, access_token: Secret) -> TokenPair:
    """Read what is stored, or was sent in, as an access token of OAuth 1.0a.

    Raises:
        TokenRefused: ``malformed``: it is none.
    """
    pair = pair_of(access_token)
    if pair is not None:
        return pair
    raise TokenRefused(
        f"an access token of {client.provider.title} is a JSON object of oauth_token and oauth_token_secret",
        hint="send both, as the provider gave them; what is stored otherwise has to be linked again",
        reason="malformed",
        backend=client.name,
    )


def _data_url(client: Client, call: Call, endpoint: str, *, known: Mapping[str, object]) -> str | None:
    """Fill the address of a request; one that an answer begins has to lead to a host of the provider's data.

    Raises:
        ProviderBroken: It leads elsewhere.
    """
    if not call.hosts or call.url is None:
        return rendered_url(client, call.url, known)
    url = call.url.render(known, verbatim=[call.url.parts[0][1], *_verbatim(client)])
    allowed = [one for host in call.hosts if (one := host_pattern(host.render(known) or "")) is not None]
    host = host_of(url) if url and allowed_address(url, development=client.development) else None
    if host is None or not any(one.covers(host.name, host.port) for one in allowed):
        raise ProviderBroken(
            endpoint=endpoint,
            expected=f"an address at {' or '.join(map(str, allowed))}",
            got="another" if url else "none",
            backend=client.name,
        )
    return url
