"""fetch_account: the requests that tell whose account a token is, and the mapping of their answers."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from asgi_social.account import Account, https_or_none, uid_of
from asgi_social.errors import ProviderBroken, ProviderRefused, Refused
from asgi_social.expressions import Path
from asgi_social.protocols.body import answer_of, require_success, unrepeated
from asgi_social.protocols.client import Client, data_request, rendered_url, values
from asgi_social.protocols.formats import read_as
from asgi_social.protocols.message import Conversation, Response, Tokens
from asgi_social.protocols.provider import Call, Policy

ENDPOINT = "userinfo endpoint"
SAME_SUBJECT = "the subject of the ID token"
# The claims of OpenID Connect Core section 5.1, for what a provider's own mapping does not find in an ID token.
STANDARD_CLAIMS: Mapping[str, str] = MappingProxyType(
    {
        "username": "preferred_username",
        "email": "email",
        "fullname": "name",
        "first_name": "given_name",
        "last_name": "family_name",
        "picture": "picture",
        "locale": "locale",
    }
)
_SECRET_NAMES = frozenset(
    {
        "access_token",
        "refresh_token",
        "id_token",
        "token_type",
        "expires_in",
        "expires",
        "oauth_token",
        "oauth_token_secret",
    }
)


def fetch_account(client: Client, tokens: Tokens) -> Conversation[Account]:
    """Ask the provider whose account the tokens are, by the requests that its data list.

    Raises:
        ProviderError: An answer is not what it should be, or the uid is missing.
        Refused: The account does not meet a policy of the provider's data, such as a team.
    """
    answers: dict[str, object] = {"token": tokens.answer, "id": tokens.claims or {}}
    main: Mapping[str, object] = {}
    userinfo = client.provider.userinfo
    for call in userinfo.requests:
        if call.first:
            answers[call.id] = yield from _further_answer(client, call, tokens, answers)
    # An address that holds a part of the token answer is known only now, and so is none of the endpoints.
    if userinfo.source == "request" and (client.endpoints.userinfo or userinfo.main.url) is not None:
        main = yield from _main_answer(client, tokens, userinfo.main, answers)
    answers["userinfo"] = main
    for call in userinfo.requests:
        if not call.first:
            answers[call.id] = yield from _further_answer(client, call, tokens, answers)
    # The merged answer: the profile laid over the claims laid over the token answer, by top-level names.
    answers[""] = {**tokens.answer, **(tokens.claims or {}), **main}
    _require_policies(client, answers)
    return account_from(client, answers, tokens, uid=client.provider.uid.read(answers))


def account_from(
    client: Client,
    answers: Mapping[str, object],
    tokens: Tokens,
    *,
    uid: object,
    standard: Mapping[str, object] | None = None,
) -> Account:
    """Map a provider's answers to an account.

    Args:
        client: Whose data hold the mapping.
        answers: By root, as the path expressions name them; ``""`` holds the merged answer.
        tokens: For the authority's template.
        uid: What names the account, as the provider sent it.
        standard: The claims that what the mapping does not find is read from by their standard names, or None.

    Raises:
        ProviderBroken: The uid names nobody.
    """
    checked = uid_of(uid)
    if checked is None:
        raise ProviderBroken(
            endpoint=ENDPOINT,
            expected="an id of the account",
            got="none" if uid is None or uid == "" else f"a {type(uid).__name__} that names nobody",
            backend=client.name,
        )
    provider = client.provider
    told: dict[str, str | None] = {}
    for name, claim in STANDARD_CLAIMS.items():
        expression = provider.account.get(name)
        text = None
        # Most mappings say what the standard says, which need not be read twice.
        if expression is not None and (standard is None or expression.source != claim):
            text = _told(name, expression.read(answers))
        told[name] = text if standard is None else text or _told(name, standard.get(claim)) or None
    verified = provider.email_verified
    return Account(
        uid=checked,
        authority=provider.authority.render(values(client, tokens=tokens)) or "",
        email_verified=verified if isinstance(verified, bool) else _is_true(verified.read(answers)),
        extra_data=_extra_data(client, answers),
        **told,
    )


def account_of_claims(client: Client, claims: Mapping[str, object], tokens: Tokens, *, subject: Path | None) -> Account:
    """Map the claims of a verified ID token to an account, without asking for more.

    What the provider's own mapping does not find is read from the standard claims.

    Raises:
        ProviderBroken: The uid names nobody.
        Refused: The account does not meet a policy.
    """
    answers: dict[str, object] = {"": claims, "id": claims, "token": tokens.answer, "userinfo": {}}
    _require_policies(client, answers)
    uid = (subject or client.provider.uid).read(answers)
    return account_from(client, answers, tokens, uid=uid, standard=claims)


def _main_answer(
    client: Client, tokens: Tokens, call: Call, answers: Mapping[str, object]
) -> Conversation[Mapping[str, object]]:
    known = _known(client, tokens, answers)
    response = yield data_request(client, call, ENDPOINT, known=known, fallback=client.endpoints.userinfo)
    code = client.provider.errors.code
    said = answer_of(response, endpoint=ENDPOINT, backend=client.name, code=code, form=call.format)
    answer = checked_answer(client, said, response, ENDPOINT) if isinstance(said, dict) else {}
    main = call.path.read({"": answer, "answer": said}) if call.path else said
    if not isinstance(main, dict):
        raise ProviderBroken(
            endpoint=ENDPOINT, expected="an account", got="none where its data say", backend=client.name
        )
    subject = (tokens.claims or {}).get("sub")
    # OpenID Connect Core section 5.3.2: without this, a swapped access token brings another person's profile. An
    # OAuth 2 provider that gives ID tokens besides (Twitch) may have a profile without sub.
    named = client.provider.protocol == "oidc" or "sub" in main
    if subject is not None and named and main.get("sub") != subject:
        raise ProviderBroken(endpoint=ENDPOINT, expected=SAME_SUBJECT, got="another, or none", backend=client.name)
    return main


def checked_answer(client: Client, answer: dict[str, object], response: Response, endpoint: str) -> dict[str, object]:
    """Give an answer back, unless it tells an error inside its status 200 in the provider's own way.

    Raises:
        ProviderRefused: It does.
    """
    rules, answers = client.provider.errors, {"": answer}
    code = rules.code.read(answers) if rules.code else answer.get("error")
    refused = isinstance(code, dict | list) or code not in {None, "", 0, "0"}  # 0 == False, as some write it
    if rules.ok is not None:
        ok = rules.ok.read(answers)
        refused = ok is not True if rules.ok_is is None else str(ok) != rules.ok_is
    if not refused:
        return answer
    message = rules.message.read(answers) if rules.message else answer.get("error_description")
    raise ProviderRefused(
        endpoint=endpoint,
        error=unrepeated(str(code), response) if isinstance(code, str | int) else "error",
        description=unrepeated(message, response) if isinstance(message, str) else "",
        hint="see the provider's manual for this code",
        http_status=response.status,
        backend=client.name,
    )


def _further_answer(client: Client, call: Call, tokens: Tokens, answers: Mapping[str, object]) -> Conversation[object]:
    endpoint, known = f"{call.id} endpoint", _known(client, tokens, answers)
    if not call.hosts and rendered_url(client, call.url, known) is None:
        if call.optional:
            return None
        raise ProviderBroken(
            endpoint=endpoint, expected="an answer that names what is asked for", got="none", backend=client.name
        )
    response = yield data_request(client, call, endpoint, known=known, fallback=None)
    decides = any(policy.status_of == call.id for policy in client.provider.policies)
    if (call.optional and not 200 <= response.status < 300) or (decides and response.status in {403, 404}):
        return None
    require_success(response, endpoint=endpoint, backend=client.name)
    try:
        answer = read_as(call.format, response.body)
    except ValueError:
        if call.optional:
            return None
        raise ProviderBroken(
            endpoint=endpoint,
            expected="JSON" if call.format == "json" else f"an answer as {call.format}",
            got=f"{len(response.body)} bytes of something else",
            backend=client.name,
        ) from None
    return call.path.read({"": answer, "answer": answer}) if call.path else answer


def _known(client: Client, tokens: Tokens, answers: Mapping[str, object]) -> dict[str, object]:
    """Give what the templates of a request may use: the answers so far too."""
    return values(client, tokens=tokens, **{name: one for name, one in answers.items() if name not in {"token", "id"}})


def _require_policies(client: Client, answers: Mapping[str, object]) -> None:
    for policy in client.provider.policies:
        if not _is_met(client, policy, answers):
            raise Refused(
                f"the account does not meet a condition of this app: {policy.error}",
                hint=f"choose another {client.provider.title} account",
                backend=client.name,
            )


def _is_met(client: Client, policy: Policy, answers: Mapping[str, object]) -> bool:
    if policy.status_of:
        return answers.get(policy.status_of) is not None
    value = policy.path.read(answers) if policy.path else None
    if policy.op == "is_true":
        return _is_true(value)
    if policy.op == "any_of":
        admitted = client.settings.get(policy.setting) or ()
        return not admitted or any(one in admitted for one in (value if isinstance(value, list) else [value]))
    wanted = policy.value.render(values(client)) if policy.value else None
    if not wanted or (policy.only_if == "uuid" and not _is_uuid(wanted)):
        return True
    return value == wanted


def _is_true(value: object) -> bool:
    return value is True or value == "true"  # 1 is neither: it would vouch for an address in a way nobody declared


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _told(name: str, value: object) -> str | None:
    if value is None:
        return None
    return https_or_none(value) if name == "picture" else _text(value)


def _extra_data(client: Client, answers: Mapping[str, object]) -> dict[str, object]:
    merged = answers[""]
    found: dict[str, object] = {}
    for source, target, only_if_there in client.provider.extra_data:
        value = merged.get(source) if isinstance(merged, Mapping) else None
        if source not in _SECRET_NAMES and not (only_if_there and (value is None or value == "")):
            found[target] = value
    return found


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    if not text.isascii():  # a lone surrogate can be stored nowhere
        text = text.encode(errors="replace").decode()
    return text.replace("\0", "")[:1000]  # a NUL not in every database
