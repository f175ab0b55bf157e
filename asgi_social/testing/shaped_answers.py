"""What the fake provider says, in the shape of a provider of the catalogue."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from starlette.responses import JSONResponse, PlainTextResponse, Response

from asgi_social.expressions import Path
from asgi_social.protocols.client import values
from asgi_social.protocols.formats import Format
from asgi_social.protocols.provider import Proof
from asgi_social.testing.fake_answers import refused
from asgi_social.testing.fake_tokens import Refusal
from asgi_social.testing.inverting import Answers, enclosed, merged, united, with_facts
from asgi_social.testing.shapes import Address, Shape, answers_for, kept_params

_NO_STORE = {"Cache-Control": "no-store"}


def callback_in_shape(shape: Shape, params: Mapping[str, str], claims: Mapping[str, object]) -> dict[str, str]:
    """Give the parameters that go back to the app, for a person."""
    rules = shape.client.provider.callback
    names = {"code": rules.code_param}
    if rules.error is not None:
        names["error"] = rules.error
    if rules.error_message is not None:
        names["error_description"] = rules.error_message
    kept = kept_params(shape, answers_for(shape, claims)) if "code" in params else {}
    # Who publishes no metadata promises no iss (RFC 9207 section 3).
    said = {name: text for name, text in params.items() if name != "iss" or shape.metadata}
    named = {
        one.param or name: one.example
        for name, one in shape.client.provider.variables.items()
        if one.origin == "callback" and one.example is not None
    }
    return {**kept, **named, **{names.get(name, name): text for name, text in said.items()}}


def gives_id_token(shape: Shape, scope: Sequence[str]) -> bool:
    """Say whether an ID token comes for a scope."""
    provider = shape.client.provider
    if provider.id_token is None:
        return False
    return provider.protocol == "oidc" or provider.userinfo.source == "id_token" or "openid" in scope


def id_token_in_shape(shape: Shape, claims: Mapping[str, object], person: Mapping[str, object]) -> dict[str, object]:
    """Give the claims of an ID token, with those of the person that the data read there."""
    client, rules = shape.client, shape.client.provider.id_token
    told = answers_for(shape, person)["id"]
    said = {**(told if isinstance(told, Mapping) else {}), **claims}
    if rules is not None and rules.issuers:
        said["iss"] = rules.issuers[0].render(values(client, claim=said))
    if rules is not None and rules.nonce == "off":
        said.pop("nonce", None)
    return said


def token_answer_in_shape(
    shape: Shape, answer: Mapping[str, object], person: Mapping[str, object], *, now: float
) -> object:
    """Give a token answer, with what the data read of the person there."""
    provider, rules = shape.client.provider, shape.client.provider.answer
    told = answers_for(shape, person)["token"]
    kept = provider.callback.keep
    inner: dict[str, object] = {name: one for name, one in _object(told).items() if name not in kept}
    facts: list[tuple[Path, object]] = [
        (getattr(rules, name), answer[name]) for name in ("access_token", "refresh_token", "id_token") if name in answer
    ]
    if answer.get("scope"):
        facts.append((rules.scope, provider.authorize.scope_sep.join(str(answer["scope"]).split())))
    if "expires_in" in answer:
        facts.append((rules.expires, _lifetime(answer["expires_in"], unit=rules.expires_unit, now=now)))
    said = with_facts({"token": inner}, facts, base="token")
    outer = _object(enclosed(rules.path, said["token"]))
    said_type = answer["token_type"] if answer["token_type"] != "Bearer" else rules.token_type
    return _without_error(shape, {"token_type": said_type, **outer})


def data_in_shape(
    shape: Shape, endpoints: Sequence[str], person: Mapping[str, object], info: Mapping[str, object]
) -> Response:
    """Give the answer to a request for data, which may be about the account and about the token at once.

    Args:
        shape: Whose.
        endpoints: What the request is for.
        person: Whose the token is, by the standard's names.
        info: What a look-up says of the token, by the standard's names.
    """
    answers = answers_for(shape, person)
    said: object = None
    form: Format = "json"
    for address in shape.addresses:
        call = address.call
        if call is None or address.endpoint not in endpoints or address.endpoint == "/revoke":
            continue
        form = call.format
        if address.endpoint == "/token-info":
            told: object = _looked_up(shape, address, answers, info)
        else:
            root = address.endpoint.removeprefix("/userinfo").removeprefix("/") or "userinfo"
            told = enclosed(call.path, answers.get(root) or {})
        said = united(said, told)
    return written(_without_error(shape, said), form)


def refused_in_shape(shape: Shape, refusal: Refusal) -> Response:
    """Give a refusal; where the data know errors inside the status 200, it is one of these."""
    rules = shape.client.provider.errors
    if rules.ok is None and rules.code is None:
        return refused(refusal)
    # The code first: where one place says both, whatever is not the word for "all is well" is the error.
    facts: list[tuple[Path, object]] = [] if rules.code is None else [(rules.code, refusal.error)]
    facts += [] if rules.ok is None else [(rules.ok, False)]
    facts += [] if rules.message is None else [(rules.message, refusal.description)]
    said = with_facts({"userinfo": {}}, facts, base="userinfo")["userinfo"]
    return written(said, shape.client.provider.answer.format)


def written(said: object, form: Format) -> Response:
    """Give an answer in a format; see :func:`~asgi_social.protocols.formats.read_as`."""
    members = said if isinstance(said, Mapping) else {}
    match form:
        case "json":
            return JSONResponse(said, headers=_NO_STORE)
        case "query":
            return PlainTextResponse(urlencode(members), headers=_NO_STORE)
        case "jsonp":
            return PlainTextResponse(f"callback({json.dumps(said)});", headers=_NO_STORE)
        case "xml":
            return Response("".join(_elements(members)), headers=_NO_STORE, media_type="text/xml")
        case "text":
            return PlainTextResponse(str(members.get("text", "")), headers=_NO_STORE)
        case "none":
            return Response(status_code=204, headers=_NO_STORE)
        case other:
            assert_never(other)


def _elements(members: Mapping[str, object]) -> Iterable[str]:
    for name, value in members.items():
        for one in value if isinstance(value, list) else [value]:
            inner = one if isinstance(one, Mapping) else {"#text": one}
            attributes = "".join(f" {key[1:]}={quoteattr(str(text))}" for key, text in inner.items() if key[0] == "@")
            below = "".join(_elements({key: below for key, below in inner.items() if key[0] not in "@#"}))
            yield f"<{name}{attributes}>{escape(str(inner.get('#text', '')))}{below}</{name}>"


def revoked_in_shape(shape: Shape) -> Response:
    """Give the confirmation of a revocation."""
    rules = shape.client.provider.revoke
    if rules is None:
        return Response(headers=_NO_STORE)
    status = 200 if 200 in rules.ok else min(rules.ok)
    return PlainTextResponse(rules.ok_body[0] if rules.ok_body else "", status, _NO_STORE)


def _looked_up(shape: Shape, address: Address, answers: Answers, info: Mapping[str, object]) -> object:
    proof = next(one for one in shape.client.provider.proofs if one.call is address.call)
    uid = shape.client.provider.uid.read(merged(answers))
    facts: list[tuple[Path | None, object]] = [
        (proof.app, info["client_id"]),
        (proof.subject, uid or info["sub"]),
        (proof.active, True),
        (proof.expires, _end(proof, info)),
        *proof.must,
    ]
    known = [(path, value) for path, value in facts if path is not None and value is not None]
    return with_facts({"userinfo": {}}, known, base="userinfo")["userinfo"]


def _end(proof: Proof, info: Mapping[str, object]) -> object:
    """Give a lifetime, or a moment, where the name of it says that it is one."""
    named = proof.expires.source.rpartition(".")[2] if proof.expires else ""
    return info.get("exp" if named == "exp" or named.endswith("_at") else "expires_in")


def _lifetime(seconds: object, *, unit: str, now: float) -> object:
    if not isinstance(seconds, int):
        return seconds  # a fault said so
    units = {"s": seconds, "ms": seconds * 1000, "epoch": int(now) + seconds, "epoch_ms": (int(now) + seconds) * 1000}
    return units[unit]


def _without_error(shape: Shape, said: object) -> object:
    rules = shape.client.provider.errors
    if rules.ok is None:
        return said
    fine: object = True if rules.ok_is is None else int(rules.ok_is) if rules.ok_is.isdigit() else rules.ok_is
    return with_facts({"userinfo": said}, [(rules.ok, fine)], base="userinfo")["userinfo"]


def _object(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}
