"""From a provider's TOML to a :class:`Provider`: the format, table by table, with its defaults.

The keys, their meaning and the evidence for each are in ``docs/reference/provider_format.md``.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from asgi_social.expressions import path, template
from asgi_social.protocols.provider import (
    Authorize,
    Calculation,
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
    Protocol,
    Provider,
    Variable,
    VariableKind,
)
from asgi_social.protocols.signing import SignatureMethod
from asgi_social.protocols.userinfo import STANDARD_CLAIMS
from asgi_social.protocols.variables import is_value
from asgi_social.providers import calls, kinds
from asgi_social.providers.kinds import one_of, or_none_known, some_of, within
from asgi_social.providers.table import STANDARD_NAMES, Kind, Names, Record, Table

_MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?")
_COLOR = re.compile(r"#[0-9a-f]{6}")
_CREDENTIALS = ("client_id", "client_secret")
_ALGORITHMS = ("EdDSA", *(f"{kind}{bits}" for kind in ("RS", "PS", "ES", "HS") for bits in (256, 384, 512)))
_BY_ENDPOINTS = ("oauth2", "oidc", "oauth1")


def provider_from(values: Mapping[str, object], *, place: str, is_checked: bool = False) -> Provider:
    """Read one provider.

    Args:
        values: The TOML as parsed.
        place: The file's name, or the setting's, for errors.
        is_checked: Whether it was read once without an error, so that it need not be checked again.

    Raises:
        SettingsError: A key is unknown, missing or of the wrong kind, or an expression cannot be read or names
            something that there is not.
    """
    names = Names.of(values)
    if not is_checked:
        _check(Table(values, place=place, names=names))
    given = _TOP.made(values, names, **_DEFAULTS[names.protocol])
    is_retired = "retired" in given
    if is_retired:
        given = {"flows": frozenset(), **given, "oauth1": None, "openid2": None}
    if given.get("code") is True:  # beside this file
        given["code"] = given["name"]
    given["refresh"] = calls.refresh_of(values.get("refresh"), names, token=given["token"], is_retired=is_retired)
    given.setdefault("credentials", _credentials_of(names.protocol, given["token"].auth))
    return Provider(**given, templates=tuple(names.templates))


def _credentials_of(protocol: Protocol, token_auth: str) -> frozenset[str]:
    if protocol in {"openid2", "saml"}:  # nothing is shared with the provider that would have to be kept
        return frozenset()
    return frozenset(("client_id",) if token_auth == "none" else _CREDENTIALS)


_PROTOCOL = one_of(Protocol)


def _check(top: Table) -> None:
    protocol = top.values.get("protocol")
    if protocol is not None:  # first, for what else has to be there hangs on it
        _PROTOCOL.check(top, "protocol", protocol)
    if top.values.get("retired") is None:
        _require_endpoints(top)
    _TOP.check(top)


def _require_endpoints(top: Table) -> None:
    """Raise where a file leaves out an address without which its protocol goes nowhere."""
    protocol = top.names.protocol
    if protocol == "openid2":
        openid2 = _part(top, "openid2")
        if openid2.values.get("endpoint") is None:
            openid2.require("url")
        else:  # or it could speak of identities that are not its own
            openid2.require("allow_identity")
    # Metadata name the endpoints that a file leaves out.
    if protocol not in _BY_ENDPOINTS or top.values.get("oidc") is not None:
        return
    flows = top.values.get("flows")
    if not isinstance(flows, list) or "redirect" in flows:
        _part(top, "authorize").require("url")
        _part(top, "token").require("url")
        if protocol == "oauth1":
            _part(top, "oauth1").require("request_url")
    userinfo = _part(top, "userinfo")
    if userinfo.values.get("source") in (None, "request"):  # a tuple, for a list has no hash
        userinfo.require("url")
    verify = top.values.get("verify")
    if protocol == "oidc" or top.values.get("id_token") is not None:
        _part(top, "id_token").require("issuer", "jwks")
    elif isinstance(verify, list) and any(one.values.get("kind") == "id_token" for one in top.each("verify", verify)):
        top.require("id_token")


def _part(top: Table, key: str) -> Table:
    value = top.values.get(key)
    return top.within(key, {} if value is None else value)


def _check_retired(top: Table, key: str, value: object) -> None:
    month = kinds.check_text(top, key, value)
    if not _MONTH.fullmatch(month):
        raise top.wrong(key, f"is {month!r}", 'a year or a month, such as "2019-04"')


def _check_code(top: Table, key: str, value: object) -> None:
    if not isinstance(value, str):  # the name of the provider beside whose file the code lies
        kinds.check_flag(top, key, value)


def _check_color(table: Table, key: str, value: object) -> None:
    color = kinds.check_text(table, key, value)
    if not _COLOR.fullmatch(color):
        raise table.wrong(key, f"is {color!r}", 'six hexadecimal digits in lower case, such as "#5e6ad2"')


_BRAND: Record[dict[str, str]] = Record(dict, {"color": Kind(_check_color), "mark": kinds.text})
_VARIABLE = Record(
    Variable,
    {
        "setting": kinds.word,
        "from": one_of(Origin),
        "param": kinds.text,
        "kind": one_of(VariableKind),
        "pattern": kinds.pattern,
        "choices": kinds.mapping,
        "default": kinds.text,
        "example": kinds.text,
    },
    named={"from": "origin"},
)


def _check_variables(top: Table, key: str, value: object) -> None:
    table = top.within(key, value)
    table.forbid(table.values, STANDARD_NAMES)
    for name, one in table.values.items():
        variable = table.within(name, one)
        if variable.values.get("from", "setting") != "setting" and variable.values.get("choices") is None:
            variable.require("pattern")  # what others choose stands in addresses
        _VARIABLE.check(variable)
        made = _VARIABLE.made(variable.values, top.names, setting=name)
        # Plain http to a loopback host is for the settings to allow.
        is_known = not made.default or made.default in made.choices
        if not is_known and not is_value(made, str(made.default), development=True):
            raise variable.wrong("default", f"is no {made.kind}", made.pattern or f"a {made.kind}")


def _variables(value: Mapping[str, Mapping[str, object]], names: Names) -> dict[str, Variable]:
    return {name: _VARIABLE.made(one, names, setting=name) for name, one in value.items()}


_AUTHORIZE = Record(
    Authorize,
    {
        "url": kinds.address,
        "scope": kinds.texts,
        "scope_sep": kinds.word,
        "params": kinds.templates,
        "rename": kinds.mapping,
        "drop": kinds.text_set,
        "response_type": kinds.word,
        "response_mode": one_of(Literal["form_post"]),
        "state_in": one_of(Authorize.__annotations__["state_in"]),
        "fragment": kinds.text,
        "pkce": one_of(Pkce),
        "offline": within(
            Record(Offline, {"params": kinds.templates, "scope": kinds.texts, "consent": kinds.templates})
        ),
    },
)


def _authorize(value: Mapping[str, object], names: Names) -> Authorize:
    # OAuth 1 has no state of its own.
    return _AUTHORIZE.made(value, names, state_in="redirect" if names.protocol == "oauth1" else "query")


_ACCOUNT: Record[dict[str, Any]] = Record(
    dict, {"email_verified": kinds.flag_or_path, **dict.fromkeys(STANDARD_CLAIMS, kinds.path)}
)


def _account(value: Mapping[str, object], names: Names) -> dict[str, object]:
    given = _ACCOUNT.made(value, names)
    is_verified = given.pop("email_verified", False)
    return {"account": {**_DEFAULTS[names.protocol]["account"], **given}, "email_verified": is_verified}


def _check_extra_data(top: Table, key: str, value: object) -> None:
    for one in top.typed(key, value, list):
        match one:
            case str() | [str(), str()] | [str(), str(), bool()]:
                pass
            case _:
                raise top.wrong(key, "holds something else", '"a", ["from", "to"] or ["from", "to", true]')


def _extra_data(value: list[str | list[Any]], _: Names) -> tuple[tuple[str, str, bool], ...]:
    """Give where each is read and what it is called, and whether it is left out when empty."""
    return tuple(
        (one, one, False) if isinstance(one, str) else (one[0], one[1], len(one) == 3 and one[2]) for one in value
    )


def _calculation_of(case: str = "lower", **given: Any) -> Calculation:
    return Calculation(is_upper=case == "upper", **given)


_HASHED_KEYS: dict[str, Kind] = {
    "sign": one_of(Calculation.__annotations__["sign"]),
    "data": kinds.template,
    "case": one_of(Literal["lower", "upper"]),
}
_HASHED = Record(_calculation_of, _HASHED_KEYS, required=("data",))
_SIGNED = Record(_calculation_of, {**_HASHED_KEYS, "key": kinds.template}, required=("key", "data"))


def _check_calculations(top: Table, key: str, value: object) -> None:
    table = top.within(key, value)
    table.forbid(table.values, STANDARD_NAMES)
    for name, one in table.values.items():
        calculation = table.within(name, one)
        record = _HASHED if calculation.values.get("sign") in ("sha256", "md5") else _SIGNED
        record.check(calculation)


def _calculations(value: Mapping[str, Mapping[str, object]], names: Names) -> dict[str, Calculation]:
    return {name: _SIGNED.made(one, names) for name, one in value.items()}


_POLICY = Record(
    Policy,
    {
        "path": kinds.path,
        "op": one_of(Policy.__annotations__["op"]),
        "value": kinds.template,
        "setting": kinds.text,
        "status_of": kinds.text,
        "only_if": one_of(Policy.__annotations__["only_if"]),
        "error": kinds.text,
    },
    required=("error",),
)


def _check_policies(top: Table, key: str, value: object) -> None:
    for one in top.each(key, value):
        if not one.values.get("status_of"):
            op = one.values.get("op", "equals")
            one.require("path", *(["value"] if op == "equals" else ["setting"] if op == "any_of" else []))
        _POLICY.check(one)


def _policies(value: list[Mapping[str, object]], names: Names) -> tuple[Policy, ...]:
    return tuple(_POLICY.made(one, names) for one in value)


def _nothing(_value: object, _names: Names) -> dict[str, object]:
    """Give no argument: what this key says is read elsewhere, or by people alone."""
    return {}


def _unchecked(_table: Table, _key: str, _value: object) -> None:
    """Let anything pass, which is held where it is read."""


_READ_ELSEWHERE = Kind(_unchecked, _nothing)
_TOP: Record[dict[str, Any]] = Record(
    dict,
    {
        "name": kinds.text,
        "title": kinds.text,
        "protocol": _PROTOCOL,
        "docs": kinds.text,
        "console": kinds.text,
        "brand": or_none_known(within(_BRAND), {}),
        "retired": Kind(_check_retired),
        "association_only": kinds.flag,
        "code": Kind(_check_code, lambda value, _: value or None),
        "flows": some_of(("redirect", "token")),
        "vars": Kind(_check_variables, _variables),
        "authorize": within(_AUTHORIZE, _authorize),
        "callback": within(
            Record(
                CallbackRules,
                {"code_param": kinds.word, "keep": kinds.texts, "error": kinds.text, "error_message": kinds.text},
            )
        ),
        "token": calls.token,
        "userinfo": calls.userinfo,
        "uid": within(Record(dict, {"path": kinds.path, "authority": kinds.template}, named={"path": "uid"})),
        "api_hosts": kinds.hosts,
        "account": within(_ACCOUNT, _account),
        "extra_data": Kind(_check_extra_data, _extra_data),
        "calc": Kind(_check_calculations, _calculations),
        "policy": Kind(_check_policies, _policies),
        "errors": within(
            Record(ErrorRules, {"ok": kinds.path, "ok_is": kinds.text, "code": kinds.path, "message": kinds.path})
        ),
        "refresh": Kind(calls.check_refresh, _nothing),
        "revoke": calls.revoke,
        "verify": calls.proofs,
        "oidc": within(Record(Oidc, {"endpoint": kinds.address, "config": kinds.address}, required=("endpoint",))),
        "id_token": within(
            Record(
                IdTokenRules,
                {
                    "issuer": kinds.template_list,
                    "jwks": kinds.address,
                    "algs": some_of(_ALGORITHMS, is_ordered=True),
                    "nonce": one_of(IdTokenRules.__annotations__["nonce"]),
                    "lax": some_of(("at_hash", "aud_azp")),
                    "max_age": kinds.seconds,
                },
                named={"issuer": "issuers"},
            )
        ),
        "oauth1": within(
            Record(
                OAuth1,
                {
                    "request_url": kinds.address,
                    "request_method": one_of(OAuth1.__annotations__["request_method"]),
                    "params": kinds.templates,
                    "signature": one_of(SignatureMethod),
                },
            )
        ),
        "openid2": within(
            Record(
                OpenId2,
                {
                    "url": kinds.address,
                    "endpoint": kinds.address,
                    "allow_identity": kinds.pattern,
                    "attrs": kinds.mapping,
                    "sreg": kinds.texts,
                },
            )
        ),
        "credentials": some_of(_CREDENTIALS),
        "quirks": kinds.texts,
        "extends": _READ_ELSEWHERE,
        "sources": _READ_ELSEWHERE,
        "exchange": _READ_ELSEWHERE,
    },
    named={"vars": "variables", "calc": "calculations", "policy": "policies", "verify": "proofs"},
    several=["brand", "token", "uid", "account", "refresh", "extends", "sources", "exchange"],
    required=("name", "title"),
)
_NAMES = {name: name for name in ("username", "email", "fullname", "first_name", "last_name")}


def _defaults_of(protocol: Protocol) -> dict[str, Any]:
    """Give what a provider of a protocol is where its file says nothing."""
    account = {"oidc": STANDARD_CLAIMS, "openid2": {**_NAMES, "username": "nickname"}}.get(protocol, _NAMES)
    names = Names(protocol=protocol)
    more: dict[str, dict[str, Any]] = {"oidc": {"id_token": IdTokenRules()}, "oauth1": {"oauth1": OAuth1()}}
    return {
        "protocol": protocol,
        "authorize": _authorize({}, names),
        **_TOP.made({"token": {}, "userinfo": {}}, names),
        "uid": path({"oidc": "sub", "openid2": "claimed_id", "saml": "uid"}.get(protocol, "id")),
        "authority": template(""),
        "account": {name: path(source) for name, source in account.items()},
        **more.get(protocol, {}),
    }


_DEFAULTS = {protocol: _defaults_of(protocol) for protocol in get_args(Protocol)}
