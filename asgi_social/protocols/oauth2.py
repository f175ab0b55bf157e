"""OAuth 2.0: what is sent to and read from the authorization, token and revocation endpoints.

OpenID Connect is the same conversation with an ID token in the token answer, so it has no file of its own for this.

Source: RFC 6749, RFC 7636 (PKCE), RFC 7009 (revocation), OpenID Connect Core section 3.1.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

from asgi_social.account import Uid
from asgi_social.errors import (
    ConsentDenied,
    FlowRefused,
    ProviderBroken,
    ProviderRefused,
    SettingsError,
    TokenRefused,
    cleaned,
)
from asgi_social.protocols.body import object_in, require_success
from asgi_social.protocols.client import (
    Client,
    credentials,
    data_request,
    rendered,
    rendered_url,
    token_request,
    values,
)
from asgi_social.protocols.id_token import SKEW_SECONDS, Expected, unverified_claims, verified_claims
from asgi_social.protocols.message import Begun, Callback, Challenge, Conversation, Request, Response, Tokens
from asgi_social.protocols.userinfo import checked_answer
from asgi_social.secret import Secret

ENDPOINT = "token endpoint"
MAX_LIFETIME_SECONDS = 10 * 365 * 86400
MAX_TOKEN_CHARACTERS = 16 * 1024
# What a store takes: tokens that a provider gives once must not be lost for what comes beside them.
MAX_TOKEN_TYPE_CHARACTERS = 64
MAX_SCOPE_CHARACTERS = 8 * 1024
# What the standard, OpenID Connect and single providers call a person's "no".
DENIALS = frozenset(
    {
        "access_denied",
        "user_denied",
        "user_cancelled_login",
        "user_cancelled_authorize",
        "login_required",
        "consent_required",
        "interaction_required",
    }
)


def authorize_params(client: Client, challenge: Challenge) -> dict[str, str]:
    """Give the parameters with which the browser is sent to the authorization endpoint.

    Those of the app (``params``) and of the provider's data can add, and never replace, what the standard names.
    """
    rules = client.provider.authorize
    known = values(client, redirect_uri=challenge.redirect_uri)
    params = {**client.params, **rendered(rules.params, known)}
    if challenge.renewable:
        params |= rendered(rules.offline.params, known)
    if challenge.consent:
        params |= rendered(rules.offline.consent, known)
    standard = {
        "response_type": rules.response_type,
        "client_id": client.client_id,
        "redirect_uri": challenge.redirect_uri,
        "scope": rules.scope_sep.join(challenge.scope),
        # Where the provider drops it, it stands within the redirect_uri.
        "state": challenge.state.reveal() if rules.state_in == "query" else "",
    }
    if rules.response_mode is not None:
        standard["response_mode"] = rules.response_mode
    if client.provider.id_token is not None:
        standard["nonce"] = challenge.nonce.reveal()
    if challenge.verifier is not None:
        standard["code_challenge"] = s256(challenge.verifier)
        standard["code_challenge_method"] = "S256"
    params |= {name: text for name, text in standard.items() if text and name not in rules.drop}
    return {rules.rename.get(name, name): text for name, text in params.items()}


def begun(client: Client, params: Mapping[str, str]) -> Begun:
    """Begin a flow with these parameters; nobody has to be asked for that.

    Raises:
        SettingsError: The provider has no authorization endpoint.
    """
    if client.endpoints.authorize is None:
        raise no_redirect(client)
    return Begun(url=authorization_url(client, params))


def no_redirect(client: Client) -> SettingsError:
    """Make the error of a provider that no browser is sent to."""
    return SettingsError(
        f"{client.provider.title} cannot be associated by a redirect",
        hint="send its client token to a view that calls backend.associate",
        setting=f"backends.{client.name}",
        backend=client.name,
    )


def authorization_url(client: Client, params: Mapping[str, str]) -> str:
    """Give the address that the browser is sent to with these parameters."""
    url = client.endpoints.authorize or ""
    # quote: a space goes as %20, which everybody reads; Apple does not read a plus sign as one (goth, apple.go).
    query, fragment = urlencode(params, quote_via=quote), client.provider.authorize.fragment
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}{f'#{fragment}' if fragment else ''}"


def s256(verifier: Secret) -> str:
    """Give the code_challenge of a code_verifier (RFC 7636 section 4.2)."""
    hashed = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def read_callback(client: Client, params: Mapping[str, str]) -> Callback:
    """Read the authorization answer of a flow whose state has been checked.

    Tokens among the parameters are ignored: they come from the token endpoint alone.

    Raises:
        ConsentDenied: The person said no.
        ProviderRefused: The provider answers with another error.
        FlowRefused: There is no code, or a code and an error.

    Source: RFC 6749 sections 4.1.2 and 4.1.2.1.
    """
    rules = client.provider.callback
    error = params.get("error") or (params.get(rules.error) if rules.error else None)
    code = params.get(rules.code_param)
    if error and code:
        raise FlowRefused(
            "the answer holds both a code and an error",
            hint="start again",
            reason="state",
            backend=client.name,
        )
    if error in DENIALS:
        raise ConsentDenied(
            f"the link to {client.provider.title} was not allowed there, which answers {error!r}",
            hint="start again, and allow it, if you changed your mind",
            backend=client.name,
        )
    if error:
        text = params.get(rules.error_message or "error_description") or params.get("error_description") or ""
        raise ProviderRefused(
            endpoint="authorization endpoint",
            error=error,
            description=text,
            hint="see the provider's manual for this code",
            backend=client.name,
        )
    if not code or len(code) > MAX_TOKEN_CHARACTERS:
        raise FlowRefused("the answer holds no code", hint="start again", reason="missing", backend=client.name)
    return Callback(code=Secret(code), kept={name: params[name] for name in rules.keep if name in params})


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:
    """Spend the code, once, and give the tokens, their ID token verified.

    Raises:
        ProviderError: An error, or an answer without a usable access token or a good ID token.
    """
    fields = {
        "grant_type": "authorization_code",
        "code": callback.code.reveal(),
        "redirect_uri": challenge.redirect_uri,
    }
    if challenge.verifier is not None:
        fields["code_verifier"] = challenge.verifier.reveal()
    known = values(client, redirect_uri=challenge.redirect_uri, code=callback.code.reveal(), callback=callback.kept)
    response = yield token_request(client, client.provider.token, fields, known=known)
    try:
        tokens = tokens_from(client, response)
    except ProviderRefused as refusal:
        raise hinted(client, refusal, redirect_uri=challenge.redirect_uri) from None
    if not _is_bearer(client, tokens):
        raise ProviderBroken(
            endpoint=ENDPOINT, expected="a bearer token", got="another token_type", backend=client.name
        )
    tokens = replace(
        tokens,
        answer={**callback.kept, **tokens.answer},
        scope=challenge.scope if tokens.scope is None else tokens.scope,
    )
    claims = yield from _claims_of(client, tokens, challenge, now=response.received_at)
    return replace(tokens, claims=claims)


def _claims_of(
    client: Client, tokens: Tokens, challenge: Challenge, *, now: float
) -> Conversation[dict[str, object] | None]:
    rules = client.provider.id_token
    if rules is None:
        return None
    if tokens.id_token is None:
        if client.provider.protocol == "oidc":
            raise ProviderBroken(endpoint=ENDPOINT, expected="an ID token", got="none", backend=client.name)
        return None
    # Empty where a client, and no flow of ours, got the code, and sent none.
    nonce = challenge.nonce or None
    expected = Expected(now=now, nonce=nonce, max_age=float(rules.max_age), access_token=tokens.access_token)
    try:
        return (yield from verified_claims(client, tokens.id_token, expected=expected))
    except TokenRefused as refusal:
        # In a flow the token is the provider's doing and not the visitor's.
        raise ProviderBroken(
            endpoint=ENDPOINT,
            expected="an ID token that passes its checks",
            got=f"one that does not ({refusal.reason}: {refusal.message})",
            backend=client.name,
        ) from None


def renew(client: Client, tokens: Tokens) -> Conversation[Tokens]:
    """Spend the stored token on new ones; what the answer leaves out is None here and stays as it was in the row.

    The token type and the ID token are for :func:`suspicion` to judge, since the old tokens may be dead already.

    Raises:
        ProviderError: An error, or an answer without a usable access token.

    Source: RFC 6749 section 6.
    """
    rules = client.provider.refresh
    spent = tokens.access_token if rules.with_token == "access_token" else tokens.refresh_token
    fields = {"grant_type": rules.grant, rules.token_param: spent.reveal() if spent else ""}
    response = yield token_request(client, rules.call, fields, known=values(client, tokens=tokens))
    renewed = tokens_from(client, response)
    if renewed.expires_at is None and rules.expires_default is not None:
        return replace(renewed, expires_at=response.received_at + rules.expires_default)
    return renewed


def renewal_host(client: Client) -> str:
    """Give the host that a renewal's token goes to; the client is prepared."""
    rules = client.provider.refresh
    return urlsplit(rendered_url(client, rules.call.url, values(client)) or client.endpoints.token or "").hostname or ""


def suspicion(client: Client, old: Tokens, new: Tokens) -> Conversation[str | None]:
    """Say what is wrong with renewed tokens, in a few words; None where nothing is.

    Source: OpenID Connect Core section 12.2.
    """
    if not _is_bearer(client, new):
        return "another token_type"
    if new.id_token is None or client.provider.id_token is None:
        return None
    # It came from the token endpoint just now. A clock that is wrong must not end what is renewed under it.
    expected = Expected(now=None, nonce=None, max_age=None, access_token=new.access_token)
    try:
        claims = yield from verified_claims(client, new.id_token, expected=expected)
    except TokenRefused as refusal:
        return f"an ID token refused for its {refusal.reason}"
    changed = _changed(unverified_claims(old.id_token) if old.id_token else {}, claims)
    return f"an ID token with another {changed}" if changed else None


def _is_bearer(client: Client, tokens: Tokens) -> bool:
    """Say whether tokens are of the one type that is known here, by its name or the provider's own for it."""
    return tokens.token_type.lower() in {"bearer", client.provider.answer.token_type.lower()}


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> str | None:
    """Give the first claim that a renewed ID token may not change; what the old one does not name is not compared."""
    for name in ("sub", "iss"):
        if name in old and old[name] != new.get(name):
            return name
    for name in ("auth_time", "nonce"):  # which may be left out
        if name in old and name in new and old[name] != new[name]:
            return name
    issued = old.get("iat"), new.get("iat")
    earlier, later = (float(one) if isinstance(one, int | float) else None for one in issued)
    # Of several servers of a provider one may be a little behind.
    return "iat" if earlier is not None and later is not None and later < earlier - SKEW_SECONDS else None


def revoke(client: Client, tokens: Tokens, uid: Uid) -> Conversation[None]:
    """Tell the provider that the tokens are no longer wanted; the refresh token takes the access token with it.

    Raises:
        ProviderError: It did not confirm.

    Source: RFC 7009; or the provider's own way, in its data.
    """
    rules, known = client.provider.revoke, values(client, tokens=tokens, uid=uid)
    # Filled in once more, because an address that holds the uid was not known before.
    url = (rendered_url(client, rules.call.url, known) if rules else None) or client.endpoints.revocation
    if url is None:
        return
    endpoint = "revocation endpoint"
    if rules is None or rules.style == "rfc7009":
        form = {"token": (tokens.refresh_token or tokens.access_token).reveal()}
        headers: dict[str, str] = {}
        credentials(client, client.provider.token.auth, form=form, headers=headers)
        response = yield Request(endpoint=endpoint, method="POST", url=url, form=form, headers=headers)
        require_success(response, endpoint=endpoint, backend=client.name)
        return
    response = yield data_request(client, rules.call, endpoint, known=known, fallback=url)
    body = response.body.decode(errors="replace").strip()
    if response.status not in rules.ok or (rules.ok_body and body.replace(" ", "") not in rules.ok_body):
        require_success(response, endpoint=endpoint, backend=client.name)
        raise ProviderBroken(
            endpoint=endpoint, expected="a confirmation", got=f"status {response.status}", backend=client.name
        )


def tokens_from(client: Client, response: Response) -> Tokens:
    """Read a token answer.

    Raises:
        ProviderError: An error, in the standard's way or the provider's own, or no usable access token.

    Source: RFC 6749 sections 5.1 and 5.2.
    """
    rules = client.provider.answer
    code = client.provider.errors.code
    require_success(response, endpoint=ENDPOINT, backend=client.name, code=code)
    said = object_in(response, endpoint=ENDPOINT, backend=client.name, form=rules.format, odd_numbers="text")
    answer = checked_answer(client, said, response, ENDPOINT)
    inner = rules.path.read({"": answer}) if rules.path else answer
    answers = {"": inner, "token": inner}
    access_token = rules.access_token.read(answers)
    if not isinstance(access_token, str) or not is_token(access_token):
        raise ProviderBroken(
            endpoint=ENDPOINT,
            expected="an answer with access_token",
            got="one without" if access_token is None or access_token == "" else "another kind of access_token",
            http_status=response.status,
            backend=client.name,
        )
    token_type = answer.get("token_type") or "Bearer"
    lifetime, named = rules.expires.read(answers), rules.scope.read(answers)
    expires_at = expiry_of(lifetime, received_at=response.received_at, unit=rules.expires_unit)
    scope = scope_of(named, separator=client.provider.authorize.scope_sep)
    odd = {"lifetime": lifetime is not None and expires_at is None, "scope": named is not None and scope is None}
    return Tokens(
        access_token=Secret(access_token),
        refresh_token=_token_or_none(rules.refresh_token.read(answers)),
        id_token=_token_or_none(rules.id_token.read(answers)),
        token_type=cleaned(token_type[:MAX_TOKEN_TYPE_CHARACTERS]) if isinstance(token_type, str) else "unknown",
        scope=scope,
        expires_at=expires_at,
        answer=inner if isinstance(inner, dict) else {},
        odd=tuple(part for part in odd if odd[part]),
    )


def expiry_of(lifetime: object, *, received_at: float, unit: str = "s") -> float | None:
    """Say when an access token stops working, given what the provider says of its lifetime.

    Args:
        lifetime: As the answer has it. A string of digits counts, because some providers send one.
        received_at: Epoch seconds at which the answer had been read.
        unit: ``s`` or ``ms`` from then, or ``epoch`` or ``epoch_ms`` for a moment.

    Returns:
        Epoch seconds, or None where the provider names no lifetime, or one that is not a whole number of seconds
        between 1 and ten years. None means "unknown", not "never". It raises nothing: an odd lifetime must not cost
        the token that came with it, which a rotating provider gives only once.

    Source: RFC 6749 section 5.1 (``expires_in``).

    >>> expiry_of(3600, received_at=1_700_000_000.0)
    1700003600.0
    >>> expiry_of("soon", received_at=1_700_000_000.0) is None
    True
    """
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdigit() and len(lifetime) <= 15:
        lifetime = int(lifetime)
    if isinstance(lifetime, float) and lifetime.is_integer():
        lifetime = int(lifetime)
    if isinstance(lifetime, bool) or not isinstance(lifetime, int):
        return None
    number = lifetime / 1000 if unit.endswith("ms") else float(lifetime)
    seconds = number - received_at if unit.startswith("epoch") else number
    return received_at + seconds if 1 <= seconds <= MAX_LIFETIME_SECONDS else None


def scope_of(value: object, *, separator: str) -> tuple[str, ...] | None:
    """Read a granted scope, as text or as a list of texts; None where the answer says nothing, or something odd."""
    texts = value.replace(separator, " ").split() if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        return None
    return tuple(texts) if sum(len(one) + 1 for one in texts) <= MAX_SCOPE_CHARACTERS else None


def is_token(text: str) -> bool:
    """Say whether a text can be sent as a token: printable ASCII, no space, at most 16 KiB (RFC 6750 section 2.1)."""
    return 0 < len(text) <= MAX_TOKEN_CHARACTERS and text.isascii() and text.isprintable() and " " not in text


def hinted(client: Client, refusal: ProviderRefused, *, redirect_uri: str) -> ProviderRefused:
    """Give a provider's refusal with what to do about it; the redirect URI is spelled out where it is in question."""
    redirect_uri = redirect_uri.partition("?")[0]  # a state that stands there is for nobody to read
    hint, said = refusal.hint, f"{refusal.error} {refusal.description}".lower()
    where = f" at {client.provider.console}" if client.provider.console else ""
    register = f"register exactly {redirect_uri} as redirect URI of the app {client.client_id}{where}"
    if "redirect" in said or "callback" in said:
        hint = register
    elif refusal.error == "invalid_grant":  # RFC 6749 section 5.2: a code that has ended, or another redirect URI
        hint = f"start again; where it stays so, {register}"
    elif refusal.error in {"invalid_client", "unauthorized_client"}:
        hint = f"check client_id and client_secret of the backend {client.name}"
    return ProviderRefused(
        endpoint=refusal.endpoint,
        error=refusal.error,
        description=refusal.description,
        hint=hint,
        http_status=refusal.http_status,
        backend=client.name,
    )


def _token_or_none(value: object) -> Secret | None:
    return Secret(value) if isinstance(value, str) and is_token(value) else None
