"""The shape of a provider: its addresses, and what it tells of a person, made from its data read backwards.

No provider is named here. What the data do not say (whether a uid is a number, what else an answer holds) nobody can
make of them, and the standard's way is taken.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

from asgi_social.expressions import Path, Template, template
from asgi_social.protocols.client import Client, rendered_url, values
from asgi_social.protocols.message import Response
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.provider import Call
from asgi_social.protocols.userinfo import STANDARD_CLAIMS
from asgi_social.protocols.variables import open_variables, with_variables
from asgi_social.testing.fake_keys import algorithm_for
from asgi_social.testing.fake_metadata import metadata_of
from asgi_social.testing.inverting import Answers, merged, with_facts, with_names, with_something

WELL_KNOWN = "/.well-known/openid-configuration"
_TEMPLATE_ROOTS: Mapping[str, str] = {"id": "claim"}
_BASES: Mapping[str, str] = {"request": "userinfo", "token": "token", "id_token": "id"}
# The names that a person has are told first: a whole name can be read out of its parts.
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FIELDS = ("email", "first_name", "last_name", "fullname", "username", "picture", "locale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address of a provider.

    Attributes:
        endpoint: The fake provider's own name of what is there: ``/token``, ``/userinfo``, ``/userinfo/emails``.
        method: The HTTP method.
        pattern: What the URL without its query is; a name that is filled at run time is a group.
        names: The names that the groups hold, in their order.
        params: What the query must hold besides, for there are services with one address for all.
        call: The request as the data have it, where it is one for data.
    """

    endpoint: str
    method: str
    pattern: re.Pattern[str]
    names: tuple[str, ...] = ()
    params: Mapping[str, str]
    call: Call | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A provider's dialect, for one registration of an app.

    Attributes:
        client: The registration, with the endpoints in use.
        addresses: Where the provider answers.
        metadata: The metadata document; empty where it publishes none.
        demanded: The names in answers that a further request, an issuer or an authority is made of: root and steps.
        led: The addresses that answers hold, by the names that the data have for them.
        redirect_uri: Where the browser is sent back to, where that has a name of the provider's own; else None.
    """

    client: Client
    addresses: tuple[Address, ...]
    metadata: Mapping[str, object]
    demanded: tuple[tuple[str, ...], ...]
    led: Mapping[str, str]
    redirect_uri: str | None


def shape_of(client: Client, *, redirect_uri: str | None = None) -> Shape:
    """Give the shape of a client's provider; what others than the app choose is as in the example of its data.

    ``redirect_uri`` is where it sends browsers, for a provider that is given a name of its own for it.
    """
    others = open_variables(client, "person") | open_variables(client, "callback")
    examples = {name: one.example or one.default or "" for name, one in others.items()}
    client = with_variables(client, {name: others[name].choices.get(text, text) for name, text in examples.items()})
    metadata = _metadata(client)
    client = _with_endpoints(client, metadata)
    led = _led(client)
    addresses, demanded = tuple(_addresses(client, metadata, led)), tuple(_demanded(client))
    return Shape(
        client=client,
        addresses=addresses,
        metadata=metadata,
        demanded=demanded,
        led=led,
        redirect_uri=redirect_uri if "redirect_uri" in client.provider.authorize.drop else None,
    )


def answers_for(shape: Shape, claims: Mapping[str, object]) -> Answers:
    """Give what the provider answers about a person, by root; what it wraps an answer in is not there yet.

    Args:
        shape: Whose.
        claims: The person, by the standard's names.
    """
    client, provider = shape.client, shape.client.provider
    base = _BASES[provider.userinfo.source]
    answers = with_facts({"token": {}, "id": {}, "userinfo": {}}, _conditions(client), base=base)
    if "sub" in claims:
        answers = with_something(answers, provider.uid, str(claims["sub"]), base=base)
        if provider.protocol == "oidc":  # whose profile names the subject of the ID token, whatever the uid is
            answers = with_names(answers, "userinfo", ["sub"], claims["sub"])
    facts = _facts(client, claims)
    answers = with_facts(answers, facts, base=base)
    if "picture" in claims and "picture" in provider.account:
        answers = with_something(answers, provider.account["picture"], str(claims["picture"]), base=base)
    if any(proof.kind == "id_token" for proof in provider.proofs):
        # Alone, without a profile laid over it: so it is read of a client.
        alone = with_facts({"id": answers["id"]}, [*_conditions(client), *facts], base="id")
        answers = {**answers, "id": alone["id"]}
    for root, *steps in shape.demanded:
        name = ".".join([_TEMPLATE_ROOTS.get(root, root), *steps])
        answers = with_names(answers, root, steps, shape.led.get(name, f"fake-{steps[-1]}"))
    return answers


def uid_of(shape: Shape, claims: Mapping[str, object]) -> str:
    """Give the uid that the engine reads of a person's answers."""
    return str(shape.client.provider.uid.read(merged(answers_for(shape, claims))))


def alg_of(client: Client) -> str:
    """Give the algorithm that the provider's ID tokens are signed with."""
    return algorithm_for(client.provider.id_token.algs if client.provider.id_token else ())


def kept_params(shape: Shape, answers: Answers) -> dict[str, str]:
    """Give those parts of a token answer that the provider gives in the callback; an object goes as JSON text."""
    token = answers["token"]
    kept = (
        {name: token[name] for name in shape.client.provider.callback.keep if name in token}
        if isinstance(token, dict)
        else {}
    )
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in kept.items()}


def pattern_of(
    client: Client, parts: Template, *, known: Mapping[str, object], in_url: bool
) -> tuple[str, tuple[str, ...]]:
    """Give a regular expression for what a template is filled to, and the names that its groups hold."""
    verbatim = [name for name, one in client.provider.variables.items() if one.kind == "url"] if in_url else None
    pattern, names = "", []
    for literal, name in parts.parts:
        pattern += re.escape(literal)
        if not name:
            continue
        text = template(f"{{{name}}}").render(known, verbatim=verbatim)
        if text is None:
            names.append(name)
        pattern += "([^/?&#]+)" if text is None and in_url else "(.+)" if text is None else re.escape(text)
    return pattern, tuple(names)


def _conditions(client: Client) -> list[tuple[Path, object]]:
    """Give what must be read for an account to be admitted."""
    known = values(client)
    facts: list[tuple[Path, object]] = []
    for policy in client.provider.policies:
        if policy.path is None:
            continue
        wanted = policy.value.render(known) if policy.value else None
        # Where the app admits anybody there is no tenant's id to be told.
        if wanted and (policy.only_if == "always" or _UUID.fullmatch(wanted)):
            facts.append((policy.path, wanted))
        if policy.op == "is_true":
            facts.append((policy.path, True))
        if policy.op == "any_of" and (admitted := client.settings.get(policy.setting)):
            facts.append((policy.path, admitted[0]))
    return facts


def _facts(client: Client, claims: Mapping[str, object]) -> list[tuple[Path, object]]:
    account, vouches = client.provider.account, client.provider.email_verified
    facts: list[tuple[Path, object]] = []
    for name in _FIELDS:
        value = claims.get(STANDARD_CLAIMS[name]) or None
        facts += [(account[name], value)] if name in account and value is not None else []
        if name == "email" and isinstance(vouches, Path) and claims.get("email_verified") is True:
            facts.append((vouches, True))
    return facts


def _demanded(client: Client) -> Iterable[tuple[str, ...]]:
    roots = {"token": "token", "claim": "id", "userinfo": "userinfo"}
    roots |= {call.id: call.id for call in client.provider.userinfo.requests}
    for name in sorted({name for one in client.provider.templates for name in one.names}):
        root, *steps = name.split(".")
        if root in roots and steps:
            yield roots[root], *steps


def _led(client: Client) -> dict[str, str]:
    """Give an address for each name in an answer that a request's own begins with, at a host that the data allow."""
    userinfo, found = client.provider.userinfo, {}
    for call in (userinfo.main, *userinfo.requests):
        if call.hosts and call.url is not None:
            host = (call.hosts[0].render(values(client)) or "").replace("*", "fake")
            found[call.url.parts[0][1]] = f"https://{host}/{call.id}"
    return found


def _metadata(client: Client) -> dict[str, object]:
    oidc = client.provider.oidc
    issuer = rendered_url(client, oidc.endpoint, values(client)) if oidc else None
    return {} if issuer is None else metadata_of(issuer.removesuffix("/"), issuer=issuer, alg=alg_of(client))


def _with_endpoints(client: Client, metadata: Mapping[str, object]) -> Client:
    """Hold the conversation in which a client learns where its endpoints are, with the metadata made here."""
    conversation, answer = prepared(client), cast("Response", None)  # with which a generator begins
    body = json.dumps(dict(metadata)).encode()
    while True:
        try:
            conversation.send(answer)
        except StopIteration as end:
            ready: Client = end.value
            return ready
        answer = Response(status=200, headers={}, body=body, received_at=client.now)


def _addresses(client: Client, metadata: Mapping[str, object], led: Mapping[str, str]) -> Iterable[Address]:
    provider, endpoints = client.provider, client.endpoints
    fixed = [
        ("/authorize", "GET", endpoints.authorize),
        ("/authorize", "POST", endpoints.authorize),  # the form on the page that is shown there
        ("/token", provider.token.method, endpoints.token),
        *_request_token_address(client),
        ("/jwks", "GET", endpoints.jwks),
        (WELL_KNOWN, "GET", _config_url(client, metadata) if metadata else None),
    ]
    renewal = provider.refresh.call
    if provider.refresh.enabled:
        fixed.append(("/token", renewal.method, rendered_url(client, renewal.url, values(client)) or endpoints.token))
    if provider.revoke is None or provider.revoke.style == "rfc7009":
        fixed.append(("/revoke", "POST", endpoints.revocation))
    for endpoint, method, url in fixed:
        if url is not None:
            yield _address(client, endpoint, method, _as_it_is(url))
    for endpoint, call, fallback in _calls(client):
        asked = call.url or _as_it_is(fallback or "")
        if call.hosts:
            name = asked.parts[0][1]
            asked = template(asked.source.replace(f"{{{name}}}", led[name], 1))
        yield _address(client, endpoint, call.method, asked, call=call)


def _request_token_address(client: Client) -> Iterable[tuple[str, str, str | None]]:
    rules = client.provider.oauth1
    if rules is not None:
        yield "/request-token", rules.request_method, rendered_url(client, rules.request_url, values(client))


def _calls(client: Client) -> Iterable[tuple[str, Call, str | None]]:
    provider = client.provider
    if provider.userinfo.source == "request":
        yield "/userinfo", provider.userinfo.main, client.endpoints.userinfo
    for call in provider.userinfo.requests:
        yield f"/userinfo/{call.id}", call, None
    for proof in provider.proofs:
        if proof.call is not None:
            yield "/token-info", proof.call, None
    if provider.revoke is not None and provider.revoke.style == "own":
        yield "/revoke", provider.revoke.call, None


def _address(client: Client, endpoint: str, method: str, url: Template, *, call: Call | None = None) -> Address:
    """Read an address; what its query holds at all times tells it from others."""
    known = values(client)
    base, _, query = url.source.partition("?")
    asked = {name: template(text) for name, text in parse_qsl(query)} | dict(call.params if call else {})
    pattern, names = pattern_of(client, template(base), known=known, in_url=True)
    return Address(
        endpoint=endpoint,
        method=method,
        pattern=re.compile(pattern),
        names=names,
        params={name: text for name, one in asked.items() if not one.names and (text := one.render({}))},
        call=call,
    )


def _as_it_is(url: str) -> Template:
    return template(url.replace("{", "{{").replace("}", "}}"))


def _config_url(client: Client, metadata: Mapping[str, object]) -> str:
    config = client.provider.oidc.config if client.provider.oidc else None
    return rendered_url(client, config, values(client)) or str(metadata["issuer"]).removesuffix("/") + WELL_KNOWN
