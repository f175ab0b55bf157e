"""The requests of a provider's file: for tokens, for the account, for proofs, and to revoke."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from asgi_social.expressions import path
from asgi_social.protocols.formats import Format
from asgi_social.protocols.provider import (
    Call,
    Proof,
    Refresh,
    Revoke,
    SecretJwt,
    TokenAnswer,
    TokenCall,
    Userinfo,
)
from asgi_social.providers import kinds
from asgi_social.providers.kinds import one_of, or_none_known, way, within
from asgi_social.providers.table import STANDARD_ANSWERS, Kind, Names, Record, Table

_TOKEN_AUTH = ("body", "basic", "basic+body", "bearer_secret", "secret_jwt", "metadata", "none")
_TOKEN_CALL: dict[str, Kind] = {
    "url": kinds.address,
    "auth": way(_TOKEN_AUTH, prefixes=("header:",)),
    "method": one_of(TokenCall.__annotations__["method"]),
    "send": one_of(TokenCall.__annotations__["send"]),
    "params": kinds.templates,
    "headers": kinds.templates,
    "rename": kinds.mapping,
    "drop": kinds.text_set,
}
_SECRET_JWT = Record(
    SecretJwt,
    {
        "alg": kinds.text,
        "kid": kinds.template,
        "iss": kinds.template,
        "sub": kinds.template,
        "aud": kinds.template,
        "ttl": kinds.seconds,
    },
    named={"ttl": "lifetime"},
    required=("alg", "kid", "iss", "sub", "aud"),
)


_ANSWER = {
    **{name: path(name) for name in ("access_token", "refresh_token", "id_token", "scope")},
    "expires": path("expires_in"),
}


def _token_of(token_type: str, secret_jwt: SecretJwt | None = None, **given: Any) -> dict[str, object]:
    call = {key: given.pop(key) for key in given.keys() & _TOKEN_CALL.keys()}
    answer = TokenAnswer(token_type=token_type, **{**_ANSWER, **given})
    return {"token": TokenCall(**call), "answer": answer, "token_secret": secret_jwt}


_TOKEN = Record(
    _token_of,
    {
        **_TOKEN_CALL,
        "path": kinds.path,
        "access_token": kinds.path,
        "refresh_token": kinds.path,
        "id_token": kinds.path,
        "scope": kinds.path,
        "expires": kinds.path,
        "expires_unit": one_of(TokenAnswer.__annotations__["expires_unit"]),
        "token_type": kinds.word,
        "format": one_of(Format),
        "secret_jwt": within(_SECRET_JWT),
    },
)


def _check_token(top: Table, key: str, value: object) -> None:
    table = top.within(key, value)
    if table.values.get("auth") == "secret_jwt":
        table.require("secret_jwt")
    _TOKEN.check(table)


def _token(value: Mapping[str, object], names: Names) -> dict[str, object]:
    auth = "metadata" if names.protocol == "oidc" else "body"
    token_type = "oauth1" if names.protocol == "oauth1" else "Bearer"
    return _TOKEN.made(value, names, auth=auth, token_type=token_type)


# The exchange of the code: ``token``, ``answer`` and ``token_secret`` of a provider.
token = Kind(_check_token, _token)


def _refresh_of(base: TokenCall, **given: Any) -> Refresh:
    call = {key: given.pop(key) for key in given.keys() & _TOKEN_CALL.keys()}
    return Refresh(call=replace(base, **call) if call else base, **given)


_REFRESH = Record(
    _refresh_of,
    {
        **_TOKEN_CALL,
        "with": one_of(Refresh.__annotations__["with_token"]),
        "grant": kinds.word,
        "token_param": kinds.word,
        "rotates": kinds.flag,
        "expires_default": kinds.seconds,
        "never_expires": kinds.flag,
        "early": kinds.number,
        "ended": kinds.text_set,
    },
    named={"with": "with_token"},
)


def check_refresh(top: Table, key: str, value: object) -> None:
    """Raise for what tells of no renewal, nor that there is none."""
    if value is not False:
        _REFRESH.check(top.within(key, value))


def refresh_of(value: Any, names: Names, *, token: TokenCall, is_retired: bool) -> Refresh:
    """Give how tokens are renewed, which differs from the exchange of the code only where the file says so."""
    if value is False or (value is None and is_retired):
        return Refresh(enabled=False, call=token)
    return Refresh(call=token) if value is None else _REFRESH.made(value, names, base=token)


_CALL: dict[str, Kind] = {
    "url": kinds.led_address,
    "hosts": kinds.hosts,
    "method": one_of(Call.__annotations__["method"]),
    "auth": way(("bearer", "basic", "query", "app", "oauth1", "none"), prefixes=("header:", "name:")),
    "query_name": kinds.word,
    "params": kinds.templates,
    "headers": kinds.templates,
    "body": within(Record(dict, {"form": kinds.templates, "json": kinds.templates})),
    "path": kinds.path,
    "format": one_of(Format),
    "optional": kinds.flag,
}
_SEVERAL = ("body",)
_REQUEST = Record(Call, {**_CALL, "id": kinds.word, "first": kinds.flag}, several=_SEVERAL, required=("url", "id"))


def _check_requests(table: Table, key: str, value: object) -> None:
    for one in table.each(key, value):
        _REQUEST.check(one)
        one.forbid([str(one.values["id"])], STANDARD_ANSWERS)


def _auth_of(names: Names) -> str:
    return "oauth1" if names.protocol == "oauth1" else "bearer"


def _requests(value: list[Mapping[str, object]], names: Names) -> tuple[Call, ...]:
    return tuple(_REQUEST.made(one, names, auth=_auth_of(names)) for one in value)


def _userinfo_of(source: Any, requests: tuple[Call, ...] = (), **call: Any) -> Userinfo:
    return Userinfo(source=source, main=Call(id="userinfo", **call), requests=requests)


_USERINFO = Record(
    _userinfo_of,
    {**_CALL, "source": one_of(Userinfo.__annotations__["source"]), "requests": Kind(_check_requests, _requests)},
    several=_SEVERAL,
)


def _userinfo(value: Mapping[str, object], names: Names) -> Userinfo:
    # With OpenID 2.0 and SAML the answer itself tells the account.
    source = "token" if names.protocol in {"openid2", "saml"} else "request"
    return _USERINFO.made(value, names, auth=_auth_of(names), source=source)


userinfo = within(_USERINFO, _userinfo)


def _revoke_of(ok: frozenset[int] = frozenset({200, 204}), ok_body: tuple[str, ...] = (), **given: Any) -> Revoke:
    style = given.pop("style", "rfc7009")
    return Revoke(style=style, call=Call(id="revocation", **given), ok=ok, ok_body=ok_body)


_REVOKE = Record(
    _revoke_of,
    {**_CALL, "style": one_of(Revoke.__annotations__["style"]), "ok": kinds.numbers, "ok_body": kinds.texts},
    several=_SEVERAL,
    required=("url",),
)


def _revoke(value: Mapping[str, object], names: Names) -> Revoke:
    return _REVOKE.made(value, names, method="POST", auth="none")


revoke = or_none_known(within(_REVOKE, _revoke), None)

_PROOF: dict[str, Kind] = {
    "kind": one_of(Proof.__annotations__["kind"]),
    "key": kinds.template,
    "app": kinds.path,
    "subject": kinds.path,
    "active": kinds.path,
    "expires": kinds.path,
    "must": kinds.conditions,
}


def _asking(**given: Any) -> Proof:
    proof = {key: given.pop(key) for key in given.keys() & _PROOF.keys()}
    return Proof(call=Call(id="look-up", **given), **proof)


# The kinds of proof for which the provider is asked, with what has to be read of its answer.
_ASKING = {
    kind: Record(_asking, {**_PROOF, **_CALL}, several=_SEVERAL, required=("url", needed))
    for kind, needed in (("lookup", "app"), ("bound", "subject"))
}
_UNASKED = Record(Proof, _PROOF)


def _record_of(values: Mapping[str, object]) -> Record[Proof]:
    kind = values.get("kind", "lookup")
    return _ASKING.get(kind, _UNASKED) if isinstance(kind, str) else _UNASKED


def _check_proofs(top: Table, key: str, value: object) -> None:
    for one in top.each(key, value):
        _record_of(one.values).check(one)


def _proofs(value: list[Mapping[str, object]], names: Names) -> tuple[Proof, ...]:
    return tuple(_record_of(one).made(one, names) for one in value)


proofs = or_none_known(Kind(_check_proofs, _proofs), ())
