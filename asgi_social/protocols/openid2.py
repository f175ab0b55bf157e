"""OpenID Authentication 2.0 without associations: the provider itself is asked whether an answer is its own.

There are no tokens: what comes of it is the claimed identifier and what the provider signed beside it. No secret is
shared with the provider, so that a flow needs no registration there either.

Source: OpenID Authentication 2.0; Simple Registration 1.1; Attribute Exchange 1.0.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urldefrag, urlencode, urlsplit

from asgi_social.errors import ConsentDenied, FlowReason, FlowRefused, ProviderRefused
from asgi_social.protocols.body import require_success
from asgi_social.protocols.client import Client, rendered_url, values
from asgi_social.protocols.id_token import SKEW_SECONDS
from asgi_social.protocols.message import Begun, Callback, Challenge, Conversation, Once, Request, Response, Tokens
from asgi_social.protocols.openid2_discovery import Service, discovered, services_of
from asgi_social.protocols.provider import OpenId2
from asgi_social.secret import Secret, digest

ENDPOINT = "OpenID endpoint"
NAMESPACE = "http://specs.openid.net/auth/2.0"
SREG = "http://openid.net/extensions/sreg/1.1"
AX = "http://openid.net/srv/ax/1.0"
MAX_AGE_SECONDS = 600.0
_MODES = {"cancel": "was not allowed there", "setup_needed": "needs the person to do something there first"}
# Section 10.1, and the identifiers, which are signed wherever they are told.
_SIGNED = ("op_endpoint", "return_to", "response_nonce", "assoc_handle", "claimed_id", "identity")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def begin(client: Client, challenge: Challenge) -> Conversation[Begun]:
    """Find the provider's endpoint, and give its address with the authentication request (section 9).

    The state goes inside of ``return_to``, which the provider signs and gives back.

    Raises:
        ProviderBroken: Nothing at the identifier leads to an OpenID provider.
    """
    rules, known = _rules(client), values(client)
    stated = rendered_url(client, rules.endpoint, known)
    if stated is None:
        service = yield from discovered(client, rendered_url(client, rules.url, known) or "", shared=_is_fixed(rules))
    else:
        service = Service(endpoint=stated)
    params = {
        "openid.ns": NAMESPACE,
        "openid.mode": "checkid_setup",
        "openid.claimed_id": service.claimed_id,
        "openid.identity": service.local_id,
        "openid.return_to": _return_to(challenge),
        "openid.realm": _realm(challenge),
        **_asked(rules),
    }
    url = f"{service.endpoint}{'&' if urlsplit(service.endpoint).query else '?'}{urlencode(params)}"
    return Begun(url=url, kept={"op_endpoint": service.endpoint})


def read_callback(client: Client, params: Mapping[str, str]) -> Callback:
    """Take a positive answer apart from the others.

    Raises:
        ConsentDenied: The person said no, or would have to be asked first.
        ProviderRefused: The provider answers with an error.
        FlowRefused: It is no answer of OpenID 2.0.
    """
    title, mode = client.provider.title, params.get("openid.mode")
    if mode in _MODES:
        raise ConsentDenied(
            f"the link to {title} {_MODES[mode]}",
            hint="start again, and allow it, if you changed your mind",
            backend=client.name,
        )
    if mode == "error":
        raise ProviderRefused(
            endpoint=ENDPOINT,
            error="error",
            description=params.get("openid.error", ""),
            hint="start again",
            backend=client.name,
        )
    if mode != "id_res" or params.get("openid.ns") != NAMESPACE:  # version 1 signs neither endpoint nor nonce
        raise _refused(client, "missing", "the answer is no assertion of OpenID 2.0")
    return Callback(code=Secret(""), params={name: text for name, text in params.items() if name.startswith("openid.")})


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:
    """Verify an assertion, and give what it says in place of a token answer.

    Raises:
        FlowRefused: It is not of the provider that was asked, not for this flow, or not signed where it counts.
        ProviderError: The provider cannot be asked.

    Source: OpenID Authentication 2.0 section 11.
    """
    told = {name.removeprefix("openid."): text for name, text in callback.params.items()}
    signed = frozenset(told.get("signed", "").split(","))
    for name in _SIGNED:
        if not told.get(name) or name not in signed:
            raise _refused(client, "missing", f"the answer does not hold {name} among what is signed")
    endpoint = challenge.kept["op_endpoint"]
    if told["op_endpoint"] != endpoint:
        raise _refused(client, "issuer", "the answer is not of the provider that was asked")
    if told["return_to"] != _return_to(challenge):
        raise _refused(client, "state", "the answer was made for another flow or another site")
    answered_at = _moment(told["response_nonce"])
    if answered_at is None or not -SKEW_SECONDS <= client.now - answered_at <= MAX_AGE_SECONDS:
        raise _refused(client, "expired", "the answer was not made in the last ten minutes")
    parts = yield from _identified(client, told, endpoint)
    response = yield Request(
        endpoint=ENDPOINT,
        method="POST",
        url=endpoint,
        form={**callback.params, "openid.mode": "check_authentication"},
    )
    require_success(response, endpoint=ENDPOINT, backend=client.name)
    if _pairs(response).get("is_valid") != "true":
        raise _refused(client, "issuer", "the provider does not take the answer for its own")
    return Tokens(
        access_token=Secret(""),
        scope=(),
        answer={**_said(client, told, signed), **parts, "claimed_id": told["claimed_id"]},
        once=Once(
            key=digest(f"openid2 {endpoint} {told['response_nonce']}"),
            until=answered_at + MAX_AGE_SECONDS + SKEW_SECONDS,
        ),
    )


def _identified(client: Client, told: Mapping[str, str], endpoint: str) -> Conversation[Mapping[str, str]]:
    """Hold the claimed identifier to be the provider's to speak of: by its data, or by discovery (section 11.2).

    Gives the named parts of the identifier, where the data name some.
    """
    allowed, claimed_id = _rules(client).allow_identity, told["claimed_id"]
    if allowed is not None:
        found = re.fullmatch(allowed, claimed_id)
        if found is None:
            raise _refused(client, "issuer", "the answer is about an identity that is not this provider's")
        return found.groupdict()
    plain, local_id = urldefrag(claimed_id).url, urldefrag(told["identity"]).url
    services = yield from services_of(client, plain, shared=False)
    if Service(endpoint=endpoint, claimed_id=plain, local_id=local_id) not in services:
        raise _refused(client, "issuer", "the identity of the answer names another provider")
    return {}


def _said(client: Client, told: Mapping[str, str], signed: frozenset[str]) -> dict[str, object]:
    """Give the attributes of an answer by the names of the data; what is not signed nobody said.

    Attribute Exchange goes before Simple Registration.
    """
    rules = _rules(client)
    spaces = {
        told[name]: name.removeprefix("ns.")
        for name in sorted(told)
        if name.startswith("ns.") and name in signed and told[name] in {SREG, AX}
    }
    vouched = {name: text for name, text in told.items() if name in signed and text}
    found: dict[str, object] = {}
    if (alias := spaces.get(SREG)) is not None:
        found |= {name: vouched[f"{alias}.{name}"] for name in rules.sreg if f"{alias}.{name}" in vouched}
    if (alias := spaces.get(AX)) is not None:
        types = {text: name.removeprefix(f"{alias}.type.") for name, text in vouched.items() if ".type." in name}
        for name, uri in rules.attrs.items():
            place = f"{alias}.value.{types.get(uri)}"
            value = vouched.get(place) or vouched.get(f"{place}.1")
            found |= {name: value} if value else {}
    return found


def _asked(rules: OpenId2) -> dict[str, str]:
    """Give the parameters that ask for attributes."""
    params: dict[str, str] = {}
    if rules.sreg:
        params |= {"openid.ns.sreg": SREG, "openid.sreg.optional": ",".join(rules.sreg)}
    if rules.attrs:
        params |= {"openid.ns.ax": AX, "openid.ax.mode": "fetch_request", "openid.ax.required": ",".join(rules.attrs)}
        params |= {f"openid.ax.type.{name}": uri for name, uri in rules.attrs.items()}
    return params


def _is_fixed(rules: OpenId2) -> bool:
    return rules.url is not None and not rules.url.names


def _return_to(challenge: Challenge) -> str:
    return f"{challenge.redirect_uri}?{urlencode({'state': challenge.state.reveal()})}"


def _realm(challenge: Challenge) -> str:
    """Give the site that the person is asked to trust: the whole of ours, as social-auth has it.

    Some providers give each realm identifiers of its own, so that another realm would make strangers of everybody.
    """
    parts = urlsplit(challenge.redirect_uri)
    return f"{parts.scheme}://{parts.netloc}/"


def _moment(nonce: str) -> float | None:
    """Read the time with which a response_nonce begins (section 10.1), or give None."""
    if len(nonce) > 255 or not _MOMENT.match(nonce):
        return None
    try:
        return datetime.strptime(nonce[:20], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:  # the thirty-first of February
        return None


def _pairs(response: Response) -> dict[str, str]:
    """Read the key-value form of a direct answer (section 4.1.1)."""
    lines = response.body.decode(errors="replace").splitlines()
    return {name: text for name, _, text in (line.partition(":") for line in lines)}


def _rules(client: Client) -> OpenId2:
    return client.provider.openid2 or OpenId2()


def _refused(client: Client, reason: FlowReason, message: str) -> FlowRefused:
    return FlowRefused(message, hint="start again", reason=reason, backend=client.name)
