"""From a provider's TOML to a :class:`Provider`: the format, with its defaults, key by key.

The keys, their meaning and the evidence for each are in ``docs/reference/provider_format.md``.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, cast

from asgi_social.expressions import template
from asgi_social.protocols.formats import Format
from asgi_social.protocols.provider import (
    Authorize,
    Calculation,
    Call,
    CallbackRules,
    ErrorRules,
    IdTokenRules,
    OAuth1,
    Offline,
    Oidc,
    OpenId2,
    Origin,
    Pkce,
    Policy,
    Proof,
    Protocol,
    Provider,
    Refresh,
    Revoke,
    SecretJwt,
    TokenAnswer,
    TokenCall,
    Userinfo,
    Variable,
    VariableKind,
)
from asgi_social.protocols.signing import SignatureMethod
from asgi_social.providers.table import STANDARD_ANSWERS, STANDARD_NAMES, Names, Table

# What a file says where nobody knows of any: said, so that it is not taken for forgotten.
NONE_KNOWN = "none known"
_MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")
_COLOR = re.compile(r"#[0-9a-f]{6}")
_OIDC_ACCOUNT = {
    "username": "preferred_username",
    "email": "email",
    "fullname": "name",
    "first_name": "given_name",
    "last_name": "family_name",
    "picture": "picture",
    "locale": "locale",
}
_OPENID2_ACCOUNT = {"username": "nickname", **{name: name for name in ("email", "fullname", "first_name", "last_name")}}
_ACCOUNT = {name: name for name in ("username", "email", "fullname", "first_name", "last_name")}
_ALGORITHMS = ("EdDSA", *(f"{kind}{bits}" for kind in ("RS", "PS", "ES", "HS") for bits in (256, 384, 512)))
_TOKEN_AUTH = ("body", "basic", "basic+body", "bearer_secret", "secret_jwt", "metadata", "none")
_CALL_AUTH = ("bearer", "basic", "query", "app", "oauth1", "none")


def provider_from(values: Mapping[str, object], *, place: str) -> Provider:
    """Read one provider.

    Args:
        values: The TOML as parsed.
        place: The file's name, or the setting's, for errors.

    Raises:
        SettingsError: A key is unknown, missing or of the wrong kind, or an expression cannot be read or names
            something that there is not.
    """
    names = Names.of(values)
    top = Table(values, place=place, names=names)
    protocol = cast(Protocol, top.choice("protocol", Protocol, default="oauth2"))
    name, oidc, retired = top.required_text("name"), protocol == "oidc", _retired(top)
    flows = frozenset(top.choices("flows", _FLOWS, default=() if retired else _FLOWS))
    if not retired and protocol in _BY_ENDPOINTS:
        _require_endpoints(top, redirect="redirect" in flows, protocol=protocol)
    token, answer, secret = _token(top.table("token"), protocol=protocol)
    uid, account = top.table("uid"), top.table("account")
    color, mark = _brand(top)
    provider = Provider(
        name=name,
        title=top.required_text("title"),
        protocol=protocol,
        docs=top.text("docs"),
        console=top.text("console"),
        mark=mark,
        color=color,
        retired=retired,
        association_only=top.flag("association_only", default=False),
        code=_code(top, name),
        flows=flows,
        variables=_variables(top.table("vars")),
        authorize=_authorize(top.table("authorize"), protocol),
        callback=_callback(top.table("callback")),
        token=token,
        answer=answer,
        token_secret=secret,
        userinfo=_userinfo(top.table("userinfo"), protocol),
        uid=uid.required_path("path", default=_UIDS.get(protocol, "id")),
        authority=uid.template("authority") or template(""),
        api_hosts=top.hosts("api_hosts"),
        email_verified=_email_verified(account),
        account=_account(account, _ACCOUNTS.get(protocol, _ACCOUNT)),
        extra_data=_extra_data(top),
        calculations=_calculations(top.table("calc")),
        policies=tuple(_policy(one) for one in top.tables("policy")),
        errors=_errors(top.table("errors")),
        refresh=_refresh(top, token),
        revoke=None if _is_none_known(top, "revoke") else _revoke(top.table("revoke")),
        proofs=() if _is_none_known(top, "verify") else tuple(_proof(one) for one in top.tables("verify")),
        oidc=_oidc(top.table("oidc")) if "oidc" in top else None,
        id_token=_id_token(top.table("id_token")) if oidc or "id_token" in top else None,
        oauth1=_oauth1(top.table("oauth1")) if protocol == "oauth1" and not retired else None,
        openid2=_openid2(top.table("openid2")) if protocol == "openid2" and not retired else None,
        credentials=_credentials(top, protocol, token),
        quirks=top.texts("quirks"),
        templates=tuple(names.templates),  # the last, when all have been read
    )
    uid.done()
    for key in ("extends", "sources", "exchange"):  # read before this, or by people alone
        top.raw(key)
    top.done()
    return provider


def _retired(top: Table) -> str | None:
    month = top.text("retired")
    if month is not None and not _MONTH.fullmatch(month):
        raise top.wrong("retired", f"is {month!r}", 'a year or a month, such as "2019-04"')
    return month


def _code(top: Table, name: str) -> str | None:
    """Give the provider beside whose file the code lies: this one, or the one that it extends."""
    if top.raw("code") is None or isinstance(top.raw("code"), str):
        return top.text("code")
    return name if top.flag("code", default=False) else None


def _is_none_known(top: Table, key: str) -> bool:
    return key not in top or top.raw(key) == NONE_KNOWN


def _brand(top: Table) -> tuple[str | None, str | None]:
    if _is_none_known(top, "brand"):
        return None, None
    brand = top.table("brand")
    color, mark = brand.text("color"), brand.text("mark")
    if color is not None and not _COLOR.fullmatch(color):
        raise brand.wrong("color", f"is {color!r}", 'six hexadecimal digits in lower case, such as "#5e6ad2"')
    brand.done()
    return color, mark


_FLOWS = ("redirect", "token")
_UIDS = {"oidc": "sub", "openid2": "claimed_id", "saml": "uid"}
_ACCOUNTS = {"oidc": _OIDC_ACCOUNT, "openid2": _OPENID2_ACCOUNT}
_CREDENTIALS = ("client_id", "client_secret")
# With these nothing is shared with the provider that would have to be kept.
_CREDENTIALS_OF: Mapping[str, tuple[str, ...]] = {"openid2": (), "saml": ()}
_BY_ENDPOINTS = ("oauth2", "oidc", "oauth1")


def _require_endpoints(top: Table, *, redirect: bool, protocol: Protocol) -> None:
    if "oidc" in top:  # whose metadata name the endpoints that the file leaves out
        return
    if redirect:
        top.table("authorize").require("url")
        top.table("token").require("url")
    if redirect and protocol == "oauth1":
        top.table("oauth1").require("request_url")
    userinfo = top.table("userinfo")
    if userinfo.raw("source") in (None, "request"):  # a tuple, for a list has no hash
        userinfo.require("url")
    if protocol == "oidc" or "id_token" in top:
        top.table("id_token").require("issuer", "jwks")
    elif not _is_none_known(top, "verify") and any(one.raw("kind") == "id_token" for one in top.tables("verify")):
        top.require("id_token")


def _variables(table: Table) -> dict[str, Variable]:
    table.forbid(table.names(), STANDARD_NAMES)
    return {name: _variable(table.table(name), name) for name in table.names()}


def _variable(table: Table, name: str) -> Variable:
    origin = cast(Origin, table.choice("from", Origin, default="setting"))
    if origin != "setting":  # what others choose stands in addresses
        table.require("pattern" if "choices" not in table else "choices")
    variable = Variable(
        setting=table.text("setting") or name,
        origin=origin,
        param=table.text("param"),
        kind=cast(VariableKind, table.choice("kind", VariableKind, default="label")),
        pattern=table.text("pattern"),
        choices=table.mapping("choices"),
        default=table.text("default"),
        example=table.text("example"),
    )
    table.done()
    return variable


def _authorize(table: Table, protocol: Protocol) -> Authorize:
    authorize = Authorize(
        url=table.address("url"),
        scope=table.texts("scope"),
        scope_sep=table.text("scope_sep") or " ",
        params=table.templates("params"),
        rename=table.mapping("rename"),
        drop=frozenset(table.texts("drop")),
        response_type=table.text("response_type") or "code",
        response_mode=cast(Any, table.choice("response_mode", Literal["form_post"], default="") or None),
        # OAuth 1 has no state of its own.
        state_in="redirect"
        if protocol == "oauth1"
        else cast(Any, table.choice("state_in", Authorize.__annotations__["state_in"], default="query")),
        fragment=table.text("fragment") or "",
        pkce=cast(Pkce, table.choice("pkce", Pkce, default="supported")),
        offline=_offline(table.table("offline")),
    )
    table.done()
    return authorize


def _offline(table: Table) -> Offline:
    if not table:
        return Offline()
    offline = Offline(params=table.templates("params"), scope=table.texts("scope"), consent=table.templates("consent"))
    table.done()
    return offline


def _callback(table: Table) -> CallbackRules:
    if not table:
        return CallbackRules()
    rules = CallbackRules(
        code_param=table.text("code_param") or "code",
        keep=table.texts("keep"),
        error=table.text("error"),
        error_message=table.text("error_message"),
    )
    table.done()
    return rules


def _token(table: Table, *, protocol: Protocol) -> tuple[TokenCall, TokenAnswer, SecretJwt | None]:
    call = _token_call(table, TokenCall(auth="metadata" if protocol == "oidc" else "body"))
    answer = TokenAnswer(
        path=table.path("path"),
        access_token=table.required_path("access_token", default="access_token"),
        refresh_token=table.required_path("refresh_token", default="refresh_token"),
        id_token=table.required_path("id_token", default="id_token"),
        scope=table.required_path("scope", default="scope"),
        expires=table.required_path("expires", default="expires_in"),
        expires_unit=cast(Any, table.choice("expires_unit", _EXPIRES_UNIT, default="s")),
        token_type=table.text("token_type") or ("oauth1" if protocol == "oauth1" else "Bearer"),
        format=cast(Any, table.choice("format", Format, default="json")),
    )
    if call.auth == "secret_jwt":
        table.require("secret_jwt")
    secret = _secret_jwt(table.table("secret_jwt")) if "secret_jwt" in table else None
    table.done()
    return call, answer, secret


_EXPIRES_UNIT = TokenAnswer.__annotations__["expires_unit"]
_SEND = TokenCall.__annotations__["send"]
_OF_TOKEN_CALL = tuple(one.name for one in fields(TokenCall))


def _token_call(table: Table, base: TokenCall) -> TokenCall:
    """Read a request to the token endpoint; what the table leaves out is as in ``base``."""
    given = [key for key in _OF_TOKEN_CALL if key in table]  # all are asked for, so that each is known
    if not given:
        return base
    return TokenCall(
        url=table.address("url") or base.url,
        auth=table.way("auth", _TOKEN_AUTH, prefixes=("header:",), default=base.auth),
        method=cast(Any, table.choice("method", TokenCall.__annotations__["method"], default=base.method)),
        send=cast(Any, table.choice("send", _SEND, default=base.send)),
        params=table.templates("params") if "params" in table else base.params,
        headers=table.templates("headers") if "headers" in table else base.headers,
        rename=table.mapping("rename") if "rename" in table else base.rename,
        drop=frozenset(table.texts("drop")) if "drop" in table else base.drop,
    )


def _secret_jwt(table: Table) -> SecretJwt:
    secret = SecretJwt(
        alg=table.required_text("alg"),
        kid=table.required_template("kid"),
        iss=table.required_template("iss"),
        sub=table.required_template("sub"),
        aud=table.required_template("aud"),
        lifetime=table.number("ttl") or 300,
    )
    table.done()
    return secret


def _call(table: Table, *, identifier: str, method: str = "GET", auth: str = "bearer", first: bool = False) -> Call:
    body, hosts = table.table("body"), table.hosts("hosts")
    call = Call(
        id=identifier,
        url=table.address("url", led=bool(hosts)),
        hosts=hosts,
        method=cast(Any, table.choice("method", Call.__annotations__["method"], default=method)),
        auth=table.way("auth", _CALL_AUTH, prefixes=("header:", "name:"), default=auth),
        query_name=table.text("query_name") or "access_token",
        params=table.templates("params"),
        headers=table.templates("headers"),
        form=body.templates("form") if body and "form" in body else None,
        json=body.templates("json") if body and "json" in body else None,
        path=table.path("path"),
        format=cast(Any, table.choice("format", Format, default="json")),
        optional=table.flag("optional", default=False),
        first=first,
    )
    body.done()
    return call


def _userinfo(table: Table, protocol: Protocol) -> Userinfo:
    requests = []
    auth = "oauth1" if protocol == "oauth1" else "bearer"
    for one in table.tables("requests"):
        one.require("url")
        one.forbid([one.required_text("id")], STANDARD_ANSWERS)
        first = one.flag("first", default=False)
        requests.append(_call(one, identifier=one.required_text("id"), auth=auth, first=first))
        one.done()
    userinfo = Userinfo(
        source=cast(Any, table.choice("source", Userinfo.__annotations__["source"], default=_source_of(protocol))),
        main=_call(table, identifier="userinfo", auth=auth),
        requests=tuple(requests),
    )
    table.done()
    return userinfo


def _source_of(protocol: Protocol) -> str:
    """Say where the account is read where a file does not: with OpenID 2.0 and SAML the answer itself tells it."""
    return "token" if protocol in {"openid2", "saml"} else "request"


def _email_verified(table: Table) -> Any:
    value = table.raw("email_verified")
    if value is None or isinstance(value, bool):
        return bool(value)
    return table.path("email_verified")


def _account(table: Table, defaults: Mapping[str, str]) -> dict[str, Any]:
    names = [name for name in _OIDC_ACCOUNT if name in table or name in defaults]
    found = {name: table.path(name, default=defaults.get(name)) for name in names}
    # Asked for here, so that a misspelt key is told apart from one that this protocol leaves out.
    for name in _OIDC_ACCOUNT:
        table.raw(name)
    table.done()
    return found


def _extra_data(top: Table) -> tuple[tuple[str, str, bool], ...]:
    """Read a list of ``"a"``, ``["from", "to"]`` or ``["from", "to", true]`` (true: left out when empty)."""
    found = []
    for one in top.items("extra_data"):
        match one:
            case str():
                found.append((one, one, False))
            case [str(source), str(target)]:
                found.append((source, target, False))
            case [str(source), str(target), bool(only_if_there)]:
                found.append((source, target, only_if_there))
            case _:
                raise top.wrong("extra_data", "holds something else", '"a", ["from", "to"] or ["from", "to", true]')
    return tuple(found)


def _calculations(table: Table) -> dict[str, Calculation]:
    found = {}
    table.forbid(table.names(), STANDARD_NAMES)
    for name in table.names():
        one = table.table(name)
        sign = one.choice("sign", Calculation.__annotations__["sign"], default="hmac_sha256")
        found[name] = Calculation(
            sign=cast(Any, sign),
            key=one.required_template("key") if sign == "hmac_sha256" else None,
            data=one.required_template("data"),
            is_upper=one.choice("case", Literal["lower", "upper"], default="lower") == "upper",
        )
        one.done()
    return found


def _policy(table: Table) -> Policy:
    op = table.choice("op", Policy.__annotations__["op"], default="equals")
    status_of = table.text("status_of") or ""
    if not status_of:
        table.require("path", *({"equals": ["value"], "any_of": ["setting"]}.get(op, [])))
    policy = Policy(
        path=table.path("path"),
        op=cast(Any, op),
        value=table.template("value"),
        setting=table.text("setting") or "",
        status_of=status_of,
        only_if=cast(Any, table.choice("only_if", Policy.__annotations__["only_if"], default="always")),
        error=table.required_text("error"),
    )
    table.done()
    return policy


def _errors(table: Table) -> ErrorRules:
    if not table:
        return ErrorRules()
    rules = ErrorRules(
        ok=table.path("ok"), ok_is=table.text("ok_is"), code=table.path("code"), message=table.path("message")
    )
    table.done()
    return rules


def _refresh(top: Table, token: TokenCall) -> Refresh:
    if top.raw("refresh") is False or (top.raw("retired") and "refresh" not in top):
        return Refresh(enabled=False, call=token)
    table = top.table("refresh")
    refresh = Refresh(
        call=_token_call(table, token),
        with_token=cast(Any, table.choice("with", Refresh.__annotations__["with_token"], default="refresh_token")),
        grant=table.text("grant") or "refresh_token",
        token_param=table.text("token_param") or "refresh_token",
        rotates=table.flag("rotates", default=True),
        expires_default=table.number("expires_default"),
        never_expires=table.flag("never_expires", default=False),
        early=table.number("early"),
        ended=frozenset(table.texts("ended")),
    )
    table.done()
    return refresh


def _revoke(table: Table) -> Revoke:
    table.require("url")
    style = table.choice("style", Revoke.__annotations__["style"], default="rfc7009")
    revoke = Revoke(
        style=cast(Any, style),
        call=_call(table, identifier="revocation", method="POST", auth="none"),
        ok=frozenset(table.numbers("ok", default=(200, 204))),
        ok_body=table.texts("ok_body"),
    )
    table.done()
    return revoke


# What has to be read of the answer, by the kinds of proof for which the provider is asked.
_ASKING = {"lookup": "app", "bound": "subject"}


def _proof(table: Table) -> Proof:
    kind = table.choice("kind", Proof.__annotations__["kind"], default="lookup")
    if kind in _ASKING:
        table.require("url", _ASKING[kind])
    proof = Proof(
        kind=cast(Any, kind),
        key=table.template("key"),
        call=_call(table, identifier="look-up") if kind in _ASKING else None,
        app=table.path("app"),
        subject=table.path("subject"),
        active=table.path("active"),
        expires=table.path("expires"),
        must=table.conditions("must"),
    )
    table.done()
    return proof


def _oidc(table: Table) -> Oidc:
    table.require("endpoint")
    oidc = Oidc(endpoint=table.address("endpoint") or template(""), config=table.address("config"))
    table.done()
    return oidc


def _oauth1(table: Table) -> OAuth1:
    rules = OAuth1(
        request_url=table.address("request_url"),
        request_method=cast(
            Any, table.choice("request_method", OAuth1.__annotations__["request_method"], default="GET")
        ),
        params=table.templates("params"),
        signature=cast(Any, table.choice("signature", SignatureMethod, default="HMAC-SHA1")),
    )
    table.done()
    return rules


def _credentials(top: Table, protocol: Protocol, token: TokenCall) -> frozenset[str]:
    sent = ("client_id",) if token.auth == "none" else _CREDENTIALS
    default = _CREDENTIALS_OF.get(protocol, sent)
    return frozenset(top.choices("credentials", _CREDENTIALS, default=default))


def _openid2(table: Table) -> OpenId2:
    rules = OpenId2(
        url=table.address("url"),
        endpoint=table.address("endpoint"),
        allow_identity=table.pattern("allow_identity"),
        attrs=table.mapping("attrs"),
        sreg=table.texts("sreg"),
    )
    if rules.endpoint is None:
        table.require("url")
    elif rules.allow_identity is None:  # or the provider could speak of identities that are not its own
        table.require("allow_identity")
    table.done()
    return rules


def _id_token(table: Table) -> IdTokenRules:
    rules = IdTokenRules(
        issuers=table.template_list("issuer"),
        jwks=table.address("jwks"),
        algs=table.choices("algs", _ALGORITHMS, default=("RS256",)),
        nonce=cast(Any, table.choice("nonce", IdTokenRules.__annotations__["nonce"], default="required")),
        lax=frozenset(table.choices("lax", ("at_hash", "aud_azp"))),
        max_age=table.number("max_age") or 600,
    )
    table.done()
    return rules
