"""From a provider's TOML to a :class:`Provider`: the format, with its defaults, key by key.

The keys, their meaning and the evidence for each are in ``docs/provider_format.md``.
"""

from collections.abc import Mapping
from typing import Any, cast

from asgi_social.expressions import Template, path, template
from asgi_social.protocols.provider import (
    Authorize,
    Calculation,
    Call,
    CallbackRules,
    ErrorRules,
    IdTokenRules,
    Offline,
    Oidc,
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
from asgi_social.providers.table import Table

_OIDC_ACCOUNT = {
    "username": "preferred_username",
    "email": "email",
    "fullname": "name",
    "first_name": "given_name",
    "last_name": "family_name",
    "picture": "picture",
    "locale": "locale",
}
_ACCOUNT = {name: name for name in ("username", "email", "fullname", "first_name", "last_name")}


def provider_from(values: Mapping[str, object], *, place: str) -> Provider:
    """Read one provider.

    Args:
        values: The TOML as parsed.
        place: The file's name, or the setting's, for errors.

    Raises:
        SettingsError: A key is unknown, missing or of the wrong kind, or an expression cannot be read.
    """
    top = Table(values, place=place)
    protocol = cast(Protocol, top.choice("protocol", Protocol, default="oauth2"))
    oidc = protocol == "oidc"
    token_table = top.table("token")
    token, answer, secret = _token(token_table, oidc=oidc)
    uid, account = top.table("uid"), top.table("account")
    provider = Provider(
        name=top.required_text("name"),
        title=top.required_text("title"),
        protocol=protocol,
        docs=top.text("docs"),
        console=top.text("console"),
        flows=frozenset(top.texts("flows", default=("redirect", "token"))),
        variables=_variables(top.table("vars")),
        authorize=_authorize(top.table("authorize")),
        callback=_callback(top.table("callback")),
        token=token,
        answer=answer,
        token_secret=secret,
        userinfo=_userinfo(top.table("userinfo")),
        uid=uid.path("path", default="sub" if oidc else "id") or path("id"),
        authority=uid.template("authority") or template(""),
        email_verified=_email_verified(account),
        account=_account(account, _OIDC_ACCOUNT if oidc else _ACCOUNT),
        extra_data=tuple(_extra(one) for one in cast("list[object]", top.raw("extra_data") or [])),
        calculations=_calculations(top.table("calc")),
        policies=tuple(_policy(one) for one in top.tables("policy")),
        errors=_errors(top.table("errors")),
        refresh=_refresh(top, token),
        revoke=_revoke(top.table("revoke")) if "revoke" in top else None,
        proofs=tuple(_proof(one) for one in top.tables("verify")),
        oidc=_oidc(top.table("oidc")) if "oidc" in top else None,
        id_token=_id_token(top.table("id_token")) if oidc or "id_token" in top else None,
        quirks=top.texts("quirks"),
    )
    uid.done()
    top.raw("sources")
    top.raw("brand")
    top.done()
    return provider


def _variables(table: Table) -> dict[str, Variable]:
    return {name: _variable(table.table(name), name) for name in table.names()}


def _variable(table: Table, name: str) -> Variable:
    variable = Variable(
        setting=table.text("setting") or name,
        kind=cast(VariableKind, table.choice("kind", VariableKind, default="label")),
        pattern=table.text("pattern"),
        choices=table.mapping("choices"),
        default=table.text("default"),
        example=table.text("example"),
    )
    table.done()
    return variable


def _authorize(table: Table) -> Authorize:
    offline = table.table("offline")
    authorize = Authorize(
        url=table.template("url"),
        scope=table.texts("scope"),
        scope_sep=table.text("scope_sep") or " ",
        params=table.templates("params"),
        rename=table.mapping("rename"),
        drop=frozenset(table.texts("drop")),
        response_mode="form_post" if table.text("response_mode") == "form_post" else None,
        pkce=cast(Pkce, table.choice("pkce", Pkce, default="supported")),
        offline=Offline(
            params=offline.templates("params"), scope=offline.texts("scope"), consent=offline.templates("consent")
        ),
    )
    offline.done()
    table.done()
    return authorize


def _callback(table: Table) -> CallbackRules:
    rules = CallbackRules(
        code_param=table.text("code_param") or "code",
        keep=table.texts("keep"),
        error=table.text("error"),
        error_message=table.text("error_message"),
    )
    table.done()
    return rules


def _token(table: Table, *, oidc: bool) -> tuple[TokenCall, TokenAnswer, SecretJwt | None]:
    call = _token_call(table, TokenCall(auth="metadata" if oidc else "body"))
    answer = TokenAnswer(
        path=table.path("path"),
        access_token=table.path("access_token") or path("access_token"),
        refresh_token=table.path("refresh_token") or path("refresh_token"),
        id_token=table.path("id_token") or path("id_token"),
        scope=table.path("scope") or path("scope"),
        expires=table.path("expires") or path("expires_in"),
        expires_unit=cast(Any, table.choice("expires_unit", _EXPIRES_UNIT, default="s")),
    )
    secret = _secret_jwt(table.table("secret_jwt")) if "secret_jwt" in table else None
    table.done()
    return call, answer, secret


_EXPIRES_UNIT = TokenAnswer.__annotations__["expires_unit"]
_METHOD = Call.__annotations__["method"]
_SEND = TokenCall.__annotations__["send"]


def _token_call(table: Table, base: TokenCall) -> TokenCall:
    """Read a request to the token endpoint; what the table leaves out is as in ``base``."""
    return TokenCall(
        url=table.template("url") or base.url,
        auth=table.text("auth") or base.auth,
        method=cast(Any, table.choice("method", _METHOD, default=base.method)),
        send=cast(Any, table.choice("send", _SEND, default=base.send)),
        params=table.templates("params") if "params" in table else base.params,
        headers=table.templates("headers") if "headers" in table else base.headers,
        rename=table.mapping("rename") if "rename" in table else base.rename,
        drop=frozenset(table.texts("drop")) if "drop" in table else base.drop,
    )


def _secret_jwt(table: Table) -> SecretJwt:
    def required(key: str) -> Template:
        table.required_text(key)
        return table.template(key) or template("")

    secret = SecretJwt(
        alg=table.required_text("alg"),
        kid=required("kid"),
        iss=required("iss"),
        sub=required("sub"),
        aud=required("aud"),
        lifetime=table.number("ttl") or 300,
    )
    table.done()
    return secret


def _call(table: Table, *, identifier: str, method: str = "GET", auth: str = "bearer") -> Call:
    body = table.table("body")
    call = Call(
        id=identifier,
        url=table.template("url"),
        method=cast(Any, table.choice("method", _METHOD, default=method)),
        auth=table.text("auth") or auth,
        query_name=table.text("query_name") or "access_token",
        params=table.templates("params"),
        headers=table.templates("headers"),
        form=body.templates("form") if "form" in body else None,
        json=body.templates("json") if "json" in body else None,
        path=table.path("path"),
        status_only=table.text("format") == "none",
        optional=table.flag("optional", default=False),
    )
    body.done()
    return call


def _userinfo(table: Table) -> Userinfo:
    requests = []
    for one in table.tables("requests"):
        requests.append(_call(one, identifier=one.required_text("id")))
        one.done()
    userinfo = Userinfo(
        source=cast(Any, table.choice("source", Userinfo.__annotations__["source"], default="request")),
        main=_call(table, identifier="userinfo"),
        requests=tuple(requests),
    )
    table.done()
    return userinfo


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


def _extra(value: object) -> tuple[str, str, bool]:
    """Read ``"a"``, ``["from", "to"]`` or ``["from", "to", true]`` (true: left out when empty)."""
    if isinstance(value, str):
        return value, value, False
    source, target, *rest = cast("list[Any]", value)
    return source, target, bool(rest and rest[0])


def _calculations(table: Table) -> dict[str, Calculation]:
    found = {}
    for name in table.names():
        one = table.table(name)
        one.choice("sign", Calculation.__annotations__["sign"], default="hmac_sha256")
        found[name] = Calculation(
            sign="hmac_sha256", key=one.template("key") or template(""), data=one.template("data") or template("")
        )
        one.done()
    return found


def _policy(table: Table) -> Policy:
    table.required_text("path")
    policy = Policy(
        path=table.path("path") or path("id"),
        op=cast(Any, table.choice("op", Policy.__annotations__["op"], default="equals")),
        value=table.template("value"),
        only_if=cast(Any, table.choice("only_if", Policy.__annotations__["only_if"], default="always")),
        error=table.required_text("error"),
    )
    table.done()
    return policy


def _errors(table: Table) -> ErrorRules:
    rules = ErrorRules(ok=table.path("ok"), code=table.path("code"), message=table.path("message"))
    table.done()
    return rules


def _refresh(top: Table, token: TokenCall) -> Refresh:
    if top.raw("refresh") is False:
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
    )
    table.done()
    return refresh


def _revoke(table: Table) -> Revoke:
    style = table.choice("style", Revoke.__annotations__["style"], default="rfc7009")
    revoke = Revoke(
        style=cast(Any, style),
        call=_call(table, identifier="revocation", method="POST", auth="none"),
        ok=frozenset(table.numbers("ok", default=(200, 204))),
        ok_body=table.texts("ok_body"),
    )
    table.done()
    return revoke


def _proof(table: Table) -> Proof:
    kind = table.choice("kind", Proof.__annotations__["kind"], default="lookup")
    must = table.mapping("must")
    proof = Proof(
        kind=cast(Any, kind),
        call=_call(table, identifier="look-up") if kind == "lookup" else None,
        app=table.path("app"),
        subject=table.path("subject"),
        active=table.path("active"),
        expires=table.path("expires"),
        must=tuple((path(name), wanted) for name, wanted in must.items()),
    )
    table.done()
    return proof


def _oidc(table: Table) -> Oidc:
    table.required_text("endpoint")
    oidc = Oidc(endpoint=table.template("endpoint") or template(""), config=table.template("config"))
    table.done()
    return oidc


def _id_token(table: Table) -> IdTokenRules:
    rules = IdTokenRules(
        issuers=tuple(template(text) for text in table.texts("issuer")),
        jwks=table.template("jwks"),
        algs=table.texts("algs", default=("RS256",)),
        nonce=cast(Any, table.choice("nonce", IdTokenRules.__annotations__["nonce"], default="required")),
        lax=frozenset(table.texts("lax")),
        max_age=table.number("max_age") or 600,
    )
    table.done()
    return rules
