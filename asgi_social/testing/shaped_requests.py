"""A request in a provider's own dialect, checked and said in the standard's words, which the fake provider reads."""

import re
from collections.abc import Mapping
from dataclasses import replace

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from asgi_social.expressions import Template
from asgi_social.protocols.client import Client, basic, rendered, values
from asgi_social.protocols.message import Tokens
from asgi_social.protocols.provider import Call, SecretJwt, TokenCall
from asgi_social.secret import Secret, same
from asgi_social.testing.fake_requests import RecordedRequest, basic_credentials
from asgi_social.testing.fake_tokens import Refusal
from asgi_social.testing.shapes import Address, Shape, pattern_of

_TOKENS = ("access_token", "refresh_token")


def addresses_asked(shape: Shape, asked: RecordedRequest) -> list[Address]:
    """Give the addresses that a request is for: several where one answer serves them all, none where it is strange."""
    fitting = [
        one
        for one in shape.addresses
        if one.method == asked.method
        and one.pattern.fullmatch(asked.url)
        and all(asked.query.get(name) == text for name, text in one.params.items())
    ]
    best = max(map(_exactness, fitting), default=None)
    found = [one for one in fitting if _exactness(one) == best]
    # Where one address is several, the form of the consent page has no grant_type, and a request token no verifier.
    spends = "grant_type" in asked.form or "oauth_verifier=" in asked.headers.get("authorization", "")
    left_out = {"/authorize", "/request-token"} if spends else {"/token"}
    return [one for one in found if one.endpoint not in left_out] or found


def _exactness(address: Address) -> tuple[int, int]:
    return len(address.params), -len(address.names)


def in_standard_words(shape: Shape, asked: RecordedRequest, *, now: float) -> RecordedRequest:
    """Give what a request means.

    Raises:
        Refusal: It is not as the data say.
    """
    first = addresses_asked(shape, asked)[0]
    if first.endpoint == "/authorize":
        # The form was made by the fake provider's own page, in the standard's words.
        return asked if asked.method == "POST" else replace(asked, query=_authorization(shape, asked.query))
    client = replace(shape.client, now=now)
    if first.endpoint == "/token":
        sent = _token_form(client, asked)
        if shape.redirect_uri is not None and "redirect_uri" in sent:
            sent["redirect_uri"] = shape.redirect_uri
        return replace(asked, method="POST", query={}, headers={}, form=sent)
    if first.call is None:
        form = _revocation(client, asked) if first.endpoint == "/revoke" else asked.form
        return replace(asked, query={}, headers={}, form=form) if form is not asked.form else asked
    return _data(client, first, first.call, asked)


def _authorization(shape: Shape, query: Mapping[str, str]) -> dict[str, str]:
    rules, client = shape.client.provider.authorize, shape.client
    asked = _renamed_back(query, rules.rename)
    if rules.pkce == "off" and "code_challenge" in asked:
        asked["code_challenge_method"] = "none"  # which is refused, on the way back to the app
    if shape.redirect_uri is not None:
        asked["redirect_uri"] = shape.redirect_uri
    if "response_type" in rules.drop:
        asked.setdefault("response_type", "code")
    else:
        asked["response_type"] = "code" if asked.get("response_type") == rules.response_type else "another"
    if rules.response_mode is not None:
        asked["response_mode"] = rules.response_mode
    scope = asked.pop("scope", "").replace(rules.scope_sep, " ").split()
    if scope:
        asked["scope"] = " ".join(scope)
    wish = rendered(rules.offline.params, values(client))
    offline = set(rules.offline.scope) <= set(scope) and all(query.get(name) == text for name, text in wish.items())
    return {**asked, "access_type": "offline" if offline else "online"}


def _token_form(client: Client, asked: RecordedRequest) -> dict[str, str]:
    refresh = client.provider.refresh
    in_query = asked.method == "GET" or client.provider.token.send == "query"
    sent = asked.query if in_query else {**asked.form, **asked.json}
    spent = refresh.call.rename.get(refresh.token_param, refresh.token_param)
    code = client.provider.token.rename.get("code", "code")
    # Azure DevOps calls both an assertion, and tells them apart by the grant type.
    told_apart = sent.get("grant_type") == refresh.grant if spent == code else code not in sent
    renewing = refresh.enabled and spent in sent and told_apart
    call, grant = (refresh.call, refresh.grant) if renewing else (client.provider.token, "authorization_code")
    form = _renamed_back(sent, call.rename)
    expected = rendered(call.params, values(client)).get("grant_type", grant)
    if "grant_type" in call.drop or form.get("grant_type") == expected:
        form["grant_type"] = "refresh_token" if renewing else "authorization_code"
    if renewing:
        form[refresh.with_token] = form.pop(refresh.token_param)
    form |= _credentials(client, call, form, asked.headers)
    names = ("grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", *_TOKENS)
    return {name: form[name] for name in names if name in form}


def _revocation(client: Client, asked: RecordedRequest) -> dict[str, str]:
    call = TokenCall(auth=client.provider.token.auth)
    return {**asked.form, **_credentials(client, call, asked.form, asked.headers)}


def _credentials(
    client: Client, call: TokenCall, form: Mapping[str, str], headers: Mapping[str, str]
) -> dict[str, str]:
    """Give the client's id and secret, by whatever way the data name; half of it, or nothing, is refused later."""
    auth, secret, header = call.auth, client.client_secret.reveal(), headers.get("authorization", "")
    named = client.client_id if "client_id" in call.drop else form.get("client_id", "")
    if auth == "metadata":
        auth = "basic" if header else "body"
    if auth == "none" or not secret:
        return {"client_id": named, "client_secret": secret}
    if auth in {"basic", "basic+body"}:
        name, shown = basic_credentials(header)
        return {"client_id": name, "client_secret": shown}
    if auth == "bearer_secret":
        return {"client_id": client.client_id, "client_secret": header.removeprefix("Bearer ")}
    if auth.startswith("header:"):
        return {"client_id": named, "client_secret": headers.get(auth.removeprefix("header:").lower(), "")}
    shown = form.get("client_secret", "")
    if auth == "secret_jwt" and client.provider.token_secret is not None:
        shown = secret if _is_signed(client, client.provider.token_secret, shown) else ""
    return {"client_id": named, "client_secret": shown}


def _is_signed(client: Client, rules: SecretJwt, token: str) -> bool:
    """Say whether a JWT that stands for the secret is signed by its key, for whom and as long as the data say."""
    known, kind = values(client), ECKey if rules.alg.startswith("ES") else RSAKey
    key = kind.import_key(client.client_secret.reveal().strip())
    try:
        found = jwt.decode(token, kind.import_key(key.as_dict(private=False)), [rules.alg])
    except (JoseError, ValueError):
        return False
    expected = {"iss": rules.iss, "sub": rules.sub, "aud": rules.aud}
    return (
        found.header.get("kid", "") == (rules.kid.render(known) or "")
        and all(found.claims.get(name, "") == (one.render(known) or "") for name, one in expected.items())
        and client.now < found.claims.get("exp", 0)
    )


def _data(client: Client, address: Address, call: Call, asked: RecordedRequest) -> RecordedRequest:
    """Give a request for data with the token as a bearer, or a revocation as a form; the rest must be as it should."""
    found = {**_in_url(address, asked), **_in_parts(client, call, asked), **_by_auth(client, call, asked)}
    token = next((found[name] for name in _TOKENS if name in found), None)
    known = values(client, tokens=Tokens(access_token=Secret(token or "")))
    for parts, sent in _parts(call, asked):
        for name, text in rendered(parts, known).items():
            if not same(sent.get(name, ""), text):
                raise Refusal("invalid_request", f"{name} is not what it should be", status=401)
    if address.endpoint != "/revoke":
        header = {} if token is None else {"authorization": f"Bearer {token}"}
        return replace(asked, method="GET", query={}, form={}, headers=header)
    form = {"client_id": client.client_id, "client_secret": client.client_secret.reveal()}
    form |= {} if token is None else {"token": token}
    return replace(asked, method="POST", query={}, headers={}, form=form, uid=found.get("uid"))


def _by_auth(client: Client, call: Call, asked: RecordedRequest) -> dict[str, str]:
    header, scheme = asked.headers.get("authorization", ""), call.auth.partition(":")[2]
    match call.auth.partition(":")[0]:
        case "bearer" | "oauth1":  # whose signature was looked at before, and stands for the token
            token = header.removeprefix("Bearer ") if header.startswith("Bearer ") else ""
        case "header":
            token = header.removeprefix(f"{scheme} ") if header.startswith(f"{scheme} ") else ""
        case "name":
            token = asked.headers.get(scheme.lower(), "")
        case "query":
            token = asked.query.get(call.query_name, "")
        case way:
            _require_app(client, way, asked)
            token = ""
    return {"access_token": token} if token else {}


def _require_app(client: Client, way: str, asked: RecordedRequest) -> None:
    secret = client.client_secret.reveal()
    wanted = {
        "basic": (asked.headers.get("authorization", ""), basic(client.client_id, secret)),
        "app": (asked.query.get("access_token", ""), f"{client.client_id}|{secret}"),
    }
    if way in wanted and not same(*wanted[way]):
        raise Refusal("invalid_client", "the app does not authenticate itself", status=401)


def _in_url(address: Address, asked: RecordedRequest) -> dict[str, str]:
    found = address.pattern.fullmatch(asked.url)
    return dict(zip(address.names, found.groups(), strict=True)) if found else {}


def _in_parts(client: Client, call: Call, asked: RecordedRequest) -> dict[str, str]:
    """Give what the placeholders of a request were filled with."""
    found: dict[str, str] = {}
    known = values(client)
    for parts, sent in _parts(call, asked):
        for name, one in parts.items():
            pattern, names = pattern_of(client, one, known=known, in_url=False)
            match = re.fullmatch(pattern, sent.get(name, ""))
            found |= dict(zip(names, match.groups(), strict=True)) if match else {}
    return found


def _parts(call: Call, asked: RecordedRequest) -> list[tuple[Mapping[str, Template], Mapping[str, str]]]:
    headers = {name.lower(): one for name, one in call.headers.items()}
    return [
        (call.params, asked.query),
        (headers, asked.headers),
        (call.form or {}, asked.form),
        (call.json or {}, asked.json),
    ]


def _renamed_back(sent: Mapping[str, str], rename: Mapping[str, str]) -> dict[str, str]:
    back = {theirs: ours for ours, theirs in rename.items()}
    return {back.get(name, name): text for name, text in sent.items()}
