"""OAuth 1.0a: a request token, the person's yes, and an access token; every request is signed.

The request token's secret goes into no browser: the beginning gives it to be withheld, and the end gets it from there.
What is stored as the access token is the JSON object of token and secret; see ``signing``.

Source: RFC 5849; OAuth Core 1.0 Revision A, which mends the session fixation of 2009.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from asgi_social.errors import ConsentDenied, FlowRefused, ProviderBroken, ProviderRefused
from asgi_social.protocols.body import require_success, unrepeated
from asgi_social.protocols.client import Client, rendered, rendered_url, signed, values
from asgi_social.protocols.message import Begun, Callback, Challenge, Conversation, Request, Response, Tokens
from asgi_social.protocols.oauth2 import (
    DENIALS,
    MAX_TOKEN_CHARACTERS,
    authorization_url,
    expiry_of,
    hinted,
    is_token,
    no_redirect,
)
from asgi_social.protocols.provider import OAuth1
from asgi_social.protocols.signing import TokenPair
from asgi_social.secret import Secret, same

REQUEST_ENDPOINT = "request token endpoint"
ENDPOINT = "token endpoint"
_MAX_FIELDS = 100
_PAIR = ("oauth_token", "oauth_token_secret")
# What OAuth 1.0a's extension for problems, and single providers, call a person's "no".
_DENIALS = DENIALS | {"user_refused", "permission_denied"}


def begin(client: Client, challenge: Challenge) -> Conversation[Begun]:
    """Get a request token, and give the address at which the person says yes to it.

    The state stands in the redirect_uri, because nothing else of ours comes back.

    Raises:
        SettingsError: The provider cannot be associated by a redirect.
        ProviderError: There is no usable request token, or the provider did not confirm the redirect_uri.

    Source: RFC 5849 sections 2.1 and 2.2.
    """
    rules, authorize = client.provider.oauth1, client.provider.authorize
    if rules is None or client.endpoints.authorize is None:
        raise no_redirect(client)
    known = values(client, redirect_uri=challenge.redirect_uri, scope=authorize.scope_sep.join(challenge.scope))
    request = _request_token_request(client, rules, known)
    response = yield signed(client, request, more={"oauth_callback": challenge.redirect_uri})
    fields = _fields(client, response, REQUEST_ENDPOINT, redirect_uri=challenge.redirect_uri)
    pair = _pair_in(client, fields, REQUEST_ENDPOINT)
    # Section 2.1: what does not say so is of the version in which anybody could end another's flow.
    if fields.get("oauth_callback_confirmed") != "true":
        raise ProviderBroken(
            endpoint=REQUEST_ENDPOINT,
            expected="oauth_callback_confirmed",
            got="none, or another word",
            backend=client.name,
        )
    params = {**client.params, **rendered(authorize.params, known), "oauth_token": pair.token}
    return Begun(url=authorization_url(client, params), kept={"oauth_token": pair.token}, withheld=pair.secret)


def _request_token_request(client: Client, rules: OAuth1, known: Mapping[str, object]) -> Request:
    url, params = rendered_url(client, rules.request_url, known) or "", rendered(rules.params, known)
    if rules.request_method == "GET":
        return Request(endpoint=REQUEST_ENDPOINT, method="GET", url=url, query=params)
    return Request(endpoint=REQUEST_ENDPOINT, method="POST", url=url, form=params)


def read_callback(client: Client, params: Mapping[str, str]) -> Callback:
    """Read the answer of a flow whose state has been checked.

    Raises:
        ConsentDenied: The person said no.
        ProviderRefused: The provider answers with another error.
        FlowRefused: There is no token or no verifier, or a verifier and an error.

    Source: RFC 5849 section 2.2. Twitter and Discogs say no by ``denied``, others by ``oauth_problem``.
    """
    rules = client.provider.callback
    problem = params.get("oauth_problem") or params.get("error") or (params.get(rules.error) if rules.error else None)
    token, verifier = params.get("oauth_token"), params.get("oauth_verifier")
    if verifier and (problem or "denied" in params):
        raise FlowRefused(
            "the answer holds both a verifier and an error", hint="start again", reason="state", backend=client.name
        )
    if problem in _DENIALS or "denied" in params:
        raise ConsentDenied(
            f"the link to {client.provider.title} was not allowed there",
            hint="start again, and allow it, if you changed your mind",
            backend=client.name,
        )
    if problem:
        raise ProviderRefused(
            endpoint="authorization endpoint",
            error=problem,
            description=params.get("oauth_problem_advice", ""),
            hint="see the provider's manual for this code",
            backend=client.name,
        )
    if not token or not verifier or max(len(token), len(verifier)) > MAX_TOKEN_CHARACTERS:
        raise FlowRefused(
            "the answer holds no token, or no verifier", hint="start again", reason="missing", backend=client.name
        )
    kept = {name: params[name] for name in rules.keep if name in params}
    return Callback(code=Secret(verifier), kept={**kept, "oauth_token": token})


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:
    """Spend the request token and its verifier, once, and give the access token.

    Raises:
        FlowRefused: The answer is about another request token than this flow's, or this one's secret is gone.
        ProviderError: An error, or an answer without a usable access token.

    Source: RFC 5849 section 2.3.
    """
    kept = dict(callback.kept)
    # The advisory of 2009: who made this flow's token, and who answers, is one browser, or an account is linked to
    # somebody else's user.
    if not same(kept.pop("oauth_token"), challenge.kept.get("oauth_token", "")):
        raise FlowRefused(
            "the answer is about another request token than this flow's",
            hint="start again from the app",
            reason="state",
            backend=client.name,
        )
    if challenge.withheld is None:
        raise FlowRefused(
            "the request token of this flow is not known any more",
            hint="start again, and answer at the provider within ten minutes",
            reason="expired",
            backend=client.name,
        )
    pair = TokenPair(token=challenge.kept["oauth_token"], secret=challenge.withheld)
    url = client.endpoints.token or ""
    request = Request(endpoint=ENDPOINT, method=client.provider.token.method, url=url)
    response = yield signed(client, request, pair=pair, more={"oauth_verifier": callback.code.reveal()})
    fields = _fields(client, response, ENDPOINT, redirect_uri=challenge.redirect_uri)
    given = _pair_in(client, fields, ENDPOINT)
    answer: dict[str, object] = {**kept, **{name: text for name, text in fields.items() if name not in _PAIR}}
    rules = client.provider.answer
    lifetime = rules.expires.read({"": answer, "token": answer})
    return Tokens(
        access_token=given.as_text(),
        token_type=client.provider.answer.token_type,
        scope=challenge.scope,
        expires_at=expiry_of(lifetime, received_at=response.received_at, unit=rules.expires_unit),
        answer=answer,
    )


def _fields(client: Client, response: Response, endpoint: str, *, redirect_uri: str) -> dict[str, str]:
    """Read form text, whatever its content type says.

    Raises:
        ProviderError: It is an error, or no form text.
    """
    try:
        text = response.body.decode().strip()
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=_MAX_FIELDS)
    except ValueError:  # which UnicodeDecodeError is too
        pairs = []
    fields = dict(pairs)
    problem = fields.get("oauth_problem")
    if problem or response.status in {400, 401, 403}:
        refusal = ProviderRefused(
            endpoint=endpoint,
            error=unrepeated(problem or f"status {response.status}", response),
            description=unrepeated(fields.get("oauth_problem_advice", ""), response),
            hint=f"check client_id and client_secret of the backend {client.name}, and the clock of this machine",
            http_status=response.status,
            backend=client.name,
        )
        raise hinted(client, refusal, redirect_uri=redirect_uri)
    require_success(response, endpoint=endpoint, backend=client.name)
    return fields if len(fields) == len(pairs) else {}


def _pair_in(client: Client, fields: Mapping[str, str], endpoint: str) -> TokenPair:
    token, secret = fields.get("oauth_token", ""), fields.get("oauth_token_secret")
    # An empty secret is one (Evernote); none at all is not.
    if is_token(token) and secret is not None and (not secret or is_token(secret)):
        return TokenPair(token=token, secret=Secret(secret))
    raise ProviderBroken(
        endpoint=endpoint,
        expected="form text with oauth_token and oauth_token_secret",
        got="an answer without usable ones",
        http_status=200,
        backend=client.name,
    )
