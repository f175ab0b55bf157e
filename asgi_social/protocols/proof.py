"""prove: asking a provider to which app and person an access token belongs, as its data say how."""

from collections.abc import Mapping
from dataclasses import dataclass

from asgi_social.errors import TokenReason, TokenRefused
from asgi_social.protocols.body import object_of, unrepeated
from asgi_social.protocols.client import Client, data_request, values
from asgi_social.protocols.message import Conversation, Response, Tokens
from asgi_social.protocols.oauth2 import expiry_of
from asgi_social.protocols.provider import Call, Proof
from asgi_social.secret import Secret

ENDPOINT = "token look-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a look-up showed of an access token that was issued to this app.

    Attributes:
        subject: Whose it is, as the look-up names the person; None where it does not.
        expires_at: Epoch seconds at which it ends; None for "unknown".
        tokens: What was in the client token, where it is a payload and no access token itself.
    """

    subject: str | None
    expires_at: float | None
    tokens: Tokens | None = None


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Ask the provider about an access token, and refuse it unless the answer names this app.

    Raises:
        TokenRefused: ``unbound`` where the provider's data know no look-up; ``audience``, ``inactive`` or ``expired``
            by what the look-up says.
        ProviderError: The look-up did not work.

    Source: RFC 7662 for the idea; each provider's page is named in its data.
    """
    bound = next((proof for proof in client.provider.proofs if proof.kind == "bound"), None)
    if bound is not None and bound.call is not None:
        return (yield from _bound(client, bound, bound.call, tokens))
    proof = next((proof for proof in client.provider.proofs if proof.kind == "lookup"), None)
    if proof is None or proof.call is None or proof.app is None:
        raise TokenRefused(
            f"nothing shows that an access token of {client.provider.title} was issued to this app",
            hint="send what this provider can prove, or associate by the redirect; the risk can be taken for this "
            "backend alone by its setting allow_unbound_tokens",
            reason="unbound",
            backend=client.name,
        )
    response = yield data_request(client, proof.call, ENDPOINT, known=values(client, tokens=tokens), fallback=None)
    if 400 <= response.status < 500 and response.status != 429:
        # How providers say that they do not know a token, or that it is another app's (GitHub: 404).
        raise _refused(client, "inactive", "the provider does not know the access token as one of this app")
    answer = object_of(response, endpoint=ENDPOINT, backend=client.name)
    _check(client, proof, answer, response)
    answers = {"": answer}
    subject = proof.subject.read(answers) if proof.subject else None
    expires = proof.expires.read(answers) if proof.expires else None
    if proof.subject is not None and not _is_name(subject):
        raise _refused(client, "subject", "the look-up does not say whose the access token is")
    return Proven(
        subject=str(subject) if _is_name(subject) else None, expires_at=_moment(expires, now=response.received_at)
    )


def _bound(client: Client, proof: Proof, call: Call, tokens: Tokens) -> Conversation[Proven]:
    """Spend what a client sent on a look-up with a secret of this app, which fails for what another app was given."""
    known = values(client, tokens=tokens)
    # A parameter that is empty would be left out, and with it perhaps what binds.
    unset = [one.source for one in call.params.values() if not one.render(known)]
    if unset:
        raise TokenRefused(
            f"nothing shows that what comes from {client.provider.title} was made for this app",
            hint=f"set {', '.join(unset)}",
            reason="unbound",
            backend=client.name,
        )
    response = yield data_request(client, call, ENDPOINT, known=known, fallback=None)
    if 400 <= response.status < 500 and response.status != 429:
        raise _refused(client, "inactive", "the provider does not know what was sent as one of this app")
    said = object_of(response, endpoint=ENDPOINT, backend=client.name)
    inner = call.path.read({"": said, "answer": said}) if call.path else said
    answer = inner if isinstance(inner, dict) else {}
    answers: dict[str, object] = {"": answer}
    if not answer or any(expression.read(answers) != wanted for expression, wanted in proof.must):
        raise _refused(client, "inactive", "the provider does not take what was sent as one of this app")
    subject = proof.subject.read(answers) if proof.subject else None
    if not _is_name(subject):
        raise _refused(client, "subject", "the look-up does not say whose it is")
    # It is no token to call the provider with, and is not kept.
    found = Tokens(access_token=Secret(""), scope=(), answer=answer)
    return Proven(subject=str(subject), expires_at=None, tokens=found)


def _check(client: Client, proof: Proof, answer: Mapping[str, object], response: Response) -> None:
    answers: dict[str, object] = {"": answer}
    # Before the app: of a token that is not active nothing else need be said (RFC 7662 section 2.2).
    if proof.active is not None and proof.active.read(answers) is not True:
        raise _refused(client, "inactive", "the provider says that the access token is not active")
    app = proof.app.read(answers) if proof.app else None
    # Compared as text: Facebook names the app by digits. A boolean or a list is no name.
    if not _is_name(app) or str(app) not in client.audience:
        detail = client.misses(unrepeated(str(app), response))
        raise _refused(client, "audience", "the access token was issued to another app", detail=detail)
    for expression, wanted in proof.must:
        if expression.read(answers) != wanted:
            raise _refused(client, "kind", f"the access token is of another kind than {wanted}")
    expires = proof.expires.read(answers) if proof.expires else None
    if _is_name(expires) and str(expires).lstrip("-").isdigit() and int(str(expires)[:16]) != 0:
        moment = _moment(expires, now=response.received_at)
        if moment is None or moment <= response.received_at:
            raise _refused(client, "expired", "the access token has expired")


def _moment(value: object, *, now: float) -> float | None:
    """Read a lifetime, or a moment: what lies beyond ten years as a lifetime can only be a moment."""
    as_lifetime = expiry_of(value, received_at=now)
    return as_lifetime if as_lifetime is not None else expiry_of(value, received_at=now, unit="epoch")


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _refused(client: Client, reason: TokenReason, message: str, *, detail: str | None = None) -> TokenRefused:
    return TokenRefused(
        message, hint="get a new token with this app's own client_id", reason=reason, backend=client.name, detail=detail
    )
