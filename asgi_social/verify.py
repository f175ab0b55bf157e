"""Is this client token ours? The proof, and the refusal.

A token that some other app got for the same person must not let that person in here. So nothing is read of an account
before the provider, or a signature, has named this app; where neither can, the token is refused.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken, ProviderError, ProviderRefused, SettingsError, TokenReason, TokenRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import Expected, is_id_token, verified_claims
from asgi_social.protocols.message import Callback, Challenge, Conversation, Tokens
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.oauth2 import is_token, read_callback
from asgi_social.protocols.steps import Steps
from asgi_social.protocols.userinfo import SAME_SUBJECT, account_of_claims
from asgi_social.secret import Secret

NOTHING: Mapping[str, str] = MappingProxyType({})
# RFC 6749 section 5.2, and GitHub's and WeChat's own. Any other refusal is for the app's makers to mend.
_BAD_CODES = frozenset({"invalid_grant", "bad_verification_code", "40029", "40163"})


def client_token(value: object, *, backend: str) -> Secret:
    """Take what a client sent as a token, before anything is asked of anybody.

    Raises:
        TokenRefused: ``malformed``: not a text of printable ASCII without spaces, of at most 16 KiB.
    """
    if isinstance(value, str) and is_token(value):
        return Secret(value)
    got = f"{len(value)} characters" if isinstance(value, str) else f"a {type(value).__name__}"
    raise TokenRefused(
        f"a token is printable ASCII without spaces, at most 16 KiB; this is {got}",
        hint="send the token exactly as the provider gave it",
        reason="malformed",
        backend=backend,
    )


def proven_account(client: Client, steps: Steps, access_token: Secret) -> Conversation[tuple[Tokens, Account]]:
    """Show that an access token was issued to this app, then ask whose account it is.

    Raises:
        TokenRefused: With the reason; ``unbound`` where the provider has no look-up and the app does not take the risk.
        ProviderError: The provider did not do its part.
    """
    _require_access_token(client, access_token)
    client = yield from prepared(client)
    tokens = Tokens(access_token=access_token, token_type=client.provider.answer.token_type)
    tokens, subject = yield from _shown(client, steps, tokens)
    account = yield from _account(client, steps, tokens)
    if subject is not None and subject != account.uid:
        raise _of_two_people(client)
    return tokens, account


def _shown(client: Client, steps: Steps, tokens: Tokens) -> Conversation[tuple[Tokens, str | None]]:
    """Show that an access token was issued to this app; give what it holds, and whom the proof names."""
    if client.allow_unbound_tokens and not {proof.kind for proof in client.provider.proofs} - {"id_token"}:
        return tokens, None
    proven = yield from steps.prove(client, tokens)
    if proven.tokens is None and proven.expires_at is not None:
        tokens = replace(tokens, expires_at=proven.expires_at)
    return proven.tokens or tokens, proven.subject


def _account(client: Client, steps: Steps, tokens: Tokens) -> Conversation[Account]:
    try:
        return (yield from steps.fetch_account(client, tokens))
    except (ProviderRefused, ProviderBroken) as error:
        raise _judged(client, error) from None


def account_of_id_token(
    client: Client,
    id_token: Secret,
    *,
    nonce: Secret | None,
    access_token: Secret | None = None,
    beside: Mapping[str, str] = NOTHING,
) -> Conversation[tuple[Tokens, Account]]:
    """Verify an ID token that a client got by itself, and read its account from the claims.

    Args:
        client: Whose ids the audience must be.
        id_token: As it came.
        nonce: What the client sent to the provider, or None where it sent none. Without one, no replay is noticed.
        access_token: The one that came with it, for ``at_hash``.
        beside: What the provider gives beside its tokens, by the names of its answers.

    Raises:
        TokenRefused: With the reason; ``kind`` where the provider has no ID tokens.
        ProviderError: The provider's keys cannot be had.
    """
    proof = next((proof for proof in client.provider.proofs if proof.kind == "id_token"), None)
    if proof is None:
        raise _wrong_kind(client, f"{client.provider.title} has no ID tokens that can be proved here")
    if id_token.reveal().count(".") != 2:  # RFC 7515 section 3.1: a signed JWT has three parts
        raise _wrong_kind(client, "this is no ID token, and came as one")
    client = yield from prepared(client)
    if nonce is not None and client.provider.id_token is not None and client.provider.id_token.nonce == "off":
        # Where a flow has TLS to vouch for its ID token, here there would be nothing in the nonce's place.
        raise _refused("nonce", f"{client.provider.title} puts no nonce into its ID tokens", client)
    expected = Expected(now=client.now, nonce=nonce, max_age=None, access_token=access_token)
    claims = yield from verified_claims(client, id_token, expected=expected)
    # There is no access token: this one gives an account and nothing to call the provider with.
    tokens = Tokens(access_token=Secret(""), answer=beside, claims=claims)
    return tokens, account_of_claims(client, claims, tokens, subject=proof.subject)


def account_of_both(
    client: Client,
    steps: Steps,
    tokens: Tokens,
    *,
    nonce: Secret | None,
    beside: Mapping[str, str] = NOTHING,
) -> Conversation[tuple[Tokens, Account]]:
    """Verify an ID token, show that the access token beside it is of the same app and person, and ask for the account.

    The access token is this app's where the ID token holds its hash (``at_hash``); else as if it came alone.

    Args:
        client: Whose ids the audience must be.
        steps: The provider's.
        tokens: The two, as they came.
        nonce: As for :func:`account_of_id_token`.
        beside: As for it.

    Raises:
        TokenRefused: With the reason; ``signature`` where the hash is another's, ``subject`` where the two are of two
            people, ``unbound`` where nothing shows that the access token is this app's.
        ProviderError: The provider did not do its part.

    Source: OpenID Connect Core sections 3.1.3.8 and 5.3.2.
    """
    _require_access_token(client, tokens.access_token)
    if any(proof.kind == "code" for proof in client.provider.proofs):
        raise _wrong_kind(client, f"what {client.provider.title} gives to a page comes alone")
    verified, named = yield from account_of_id_token(
        client, tokens.id_token or Secret(""), nonce=nonce, access_token=tokens.access_token, beside=beside
    )
    client = yield from prepared(client)
    tokens = replace(verified, access_token=tokens.access_token, id_token=tokens.id_token)
    tokens = replace(tokens, token_type=client.provider.answer.token_type)
    lax = client.provider.id_token.lax if client.provider.id_token is not None else frozenset()
    if "at_hash" not in (tokens.claims or {}) or "at_hash" in lax:
        tokens, subject = yield from _shown(client, steps, tokens)
        if subject is not None and subject != named.uid:
            raise _of_two_people(client)
    if client.provider.userinfo.source == "id_token":
        return tokens, named
    account = yield from _account(client, steps, tokens)
    if account.uid != named.uid:
        raise _of_two_people(client)
    return tokens, account


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCode:
    """An authorization code that a native SDK got, and what the client sent to the provider for it.

    Attributes:
        code: The code.
        code_verifier: Of PKCE, or None where the client used none.
        redirect_uri: As the client sent it; ``""`` is sent empty, as Google wants it of phones, and None not at all.
        nonce: As for an ID token.
        beside: What the provider gave beside it.
    """

    code: Secret
    code_verifier: Secret | None
    redirect_uri: str | None
    nonce: Secret | None
    beside: Mapping[str, str]


def account_of_code(client: Client, steps: Steps, sent: ClientCode) -> Conversation[tuple[Tokens, Account]]:
    """Spend an authorization code that a native SDK got, and ask whose account the tokens are.

    The binding is by construction: a provider gives tokens for a code to the client it was issued to alone (RFC 6749
    section 4.1.3). The checks of a flow do not apply, for none was begun here.

    Args:
        client: Who spends it.
        steps: The provider's.
        sent: What the client sent.

    Raises:
        TokenRefused: ``kind`` where the provider has no such codes; ``inactive`` where it does not take this one.
        ProviderError: The provider did not do its part.
    """
    client = yield from prepared(client)
    if client.endpoints.token is None or steps.read_callback is not read_callback:
        raise _wrong_kind(client, f"{client.provider.title} has no authorization codes that can be proved here")
    if sent.redirect_uri is None:
        token = replace(client.provider.token, drop=client.provider.token.drop | {"redirect_uri"})
        client = replace(client, provider=replace(client.provider, token=token))
    challenge = Challenge(
        redirect_uri=sent.redirect_uri or "",
        state=Secret(""),
        nonce=sent.nonce or Secret(""),
        verifier=sent.code_verifier,
        scope=(),
    )
    try:
        tokens = yield from steps.exchange_code(client, Callback(code=sent.code, kept=sent.beside), challenge)
    except ProviderRefused as refusal:
        if refusal.error not in _BAD_CODES:
            raise
        raise TokenRefused(
            "the provider does not take the code",
            hint="a code is good once and for minutes; it has to come with the redirect URI and the code_verifier that "
            "the client sent for it, and with none where it sent none",
            reason="inactive",
            backend=client.name,
        ) from None
    return tokens, (yield from _account(client, steps, tokens))


def traded(client: Client, steps: Steps, tokens: Tokens) -> Conversation[Tokens]:
    """Trade an access token for one that lives longer, where the provider renews one by itself (Facebook).

    Raises:
        SettingsError: It does not.
        ProviderError: It refused, or did not do its part.
    """
    rules = client.provider.refresh
    if not rules.enabled or rules.with_token != "access_token" or not tokens.access_token:
        raise SettingsError(
            f"a client token of {client.provider.title} is not traded for one that lives longer",
            hint="leave exchange out; where there are refresh tokens, link by the browser or by a code",
            setting=f"backends.{client.name}",
            backend=client.name,
        )
    client = yield from prepared(client)
    longer = yield from steps.renew(client, tokens)
    return replace(longer, scope=tokens.scope if longer.scope is None else longer.scope, claims=tokens.claims)


def spend_key(client: Client, id_token: Secret) -> str:
    """Name an ID token, for accepting it once: a digest, from which nothing can be read."""
    return hashlib.sha256(f"{client.name} {id_token.reveal()}".encode()).hexdigest()


def _wrong_kind(client: Client, message: str) -> TokenRefused:
    """Refuse a token of another kind, and say what the provider takes and where a client gets it."""
    proved = {proof.kind for proof in client.provider.proofs}
    proved |= {"lookup"} if client.allow_unbound_tokens else set()
    names = {
        "lookup": "access tokens, by do_auth(token)",
        "bound": "tickets, by do_auth(ticket)",
        "code": "payloads of its widget, by do_auth(payload)",
        "id_token": "ID tokens, by do_auth(id_token=token)",
    }
    taken = " and ".join(names[kind] for kind in names if kind in proved) or "no client tokens"
    where = f"; a client gets them at {client.provider.title} ({client.provider.docs})" if client.provider.docs else ""
    return TokenRefused(message, hint=f"this backend takes {taken}{where}", reason="kind", backend=client.name)


def _require_access_token(client: Client, token: Secret) -> None:
    if is_id_token(token, audience=client.audience):
        raise _wrong_kind(client, "this is an ID token, and came as an access token")


def _judged(client: Client, error: ProviderRefused | ProviderBroken) -> ProviderError | TokenRefused:
    """Say whose fault it is that the account could not be read: a 401 or 403 is the token's, as is another person."""
    if isinstance(error, ProviderBroken) and error.expected == SAME_SUBJECT:
        return _of_two_people(client)
    if error.http_status not in {401, 403}:
        return error
    reason: TokenReason = "inactive" if error.http_status == 401 else "scope"
    return TokenRefused(
        "the provider does not let the access token read the account",
        hint="get a token with the scope that the backend asks for by default",
        reason=reason,
        backend=error.backend,
    )


def _of_two_people(client: Client) -> TokenRefused:
    return _refused("subject", "what proves the token and the account are of two people", client)


def _refused(reason: TokenReason, message: str, client: Client) -> TokenRefused:
    return TokenRefused(
        message, hint="get a new token with this app's own client_id", reason=reason, backend=client.name
    )
