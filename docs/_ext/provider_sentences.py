"""What a provider's data mean for an app, in sentences."""

import re

from asgi_social.cli.providers import renews
from asgi_social.expressions import Path
from asgi_social.protocols.provider import Call, OAuth1, Policy, Proof, Provider
from docs._ext.wording import bullets, capital, code, codes, duration, parameters, table, words

PROTOCOLS = {
    "oauth2": "OAuth 2.0",
    "oidc": "OpenID Connect",
    "oauth1": "OAuth 1.0a",
    "openid2": "OpenID 2.0",
    "saml": "SAML 2.0",
    "custom": "a protocol of its own",
}
_LAX = {"at_hash": "that it belongs to the access token (`at_hash`)", "aud_azp": "that `azp` names the app"}
_FIELDS = {
    "uid": "what names the account",
    "username": "the name the person goes by",
    "email": "the e-mail address",
    "email_verified": "whether the address is proved",
    "fullname": "the person's name",
    "first_name": "the given name",
    "last_name": "the family name",
    "picture": "the address of a picture",
    "locale": "the language",
}


def protocol_of(provider: Provider) -> str:
    """Give the name of a provider's protocol, for people."""
    return PROTOCOLS[provider.protocol]


def linking(provider: Provider, subject: str) -> str:
    """Say what a browser is sent with to a provider, and how it comes back."""
    if "redirect" not in provider.flows:
        return f"{capital(subject)} has no page to send a browser to: `backend.associate(token)` links an account."
    begins = f"A link to `/associate/{provider.name}/` begins it."
    if provider.openid2 is not None:
        asked = codes(dict.fromkeys((*provider.openid2.sreg, *provider.openid2.attrs)))
        told = f"whose account it is, and for {asked}" if asked else "whose account it is"
        return (
            f"{begins} It asks for {told}. {capital(subject)} is asked about each answer, whether it is its own, and "
            "gives no tokens. People are asked to trust the address of your app."
        )
    rules = provider.authorize
    if provider.oauth1 is not None:
        return f"{begins} {_signed(provider, provider.oauth1, subject)}"
    if provider.protocol not in {"oauth2", "oidc"}:  # which know no PKCE, and not all of them a scope
        asked = f" It asks for the scope {codes(rules.scope)}." if rules.scope else ""
        return f"{begins}{asked} What comes back counts in the browser alone that was sent there, and once."
    scope = f"the scope {codes(rules.scope)}, and for what" if rules.scope else "no scope but what"
    pkce = {
        "supported": "PKCE (S256) is sent.",
        "required": f"PKCE (S256) is sent, and demanded by {subject}.",
        "off": f"PKCE is not sent, because {subject} does not get along with it; see the sources.",
    }[rules.pkce]
    texts = [f"{begins} It asks for {scope} your setting `scope` names. {pkce}"]
    if rules.response_mode is not None:
        texts.append(
            f"{capital(subject)} answers by a form that its page posts to your app. That arrives without cookies, and "
            "is sent round once more by itself."
        )
    return " ".join(texts) + _id_token(provider)


def _signed(provider: Provider, rules: OAuth1, subject: str) -> str:
    params = {**rules.params, **provider.authorize.params}
    names = {name for one in params.values() for name in one.names}
    asked = provider.authorize.scope
    scope = f"It asks for the scope {codes(asked)}, and for what" if asked else "It asks for what"
    scope = f"{scope} your setting `scope` names. " if "scope" in names else ""
    return (
        f"{scope}{capital(subject)} is asked for a request token first, and has to confirm where it sends people back: "
        f"to the redirect URI, with `?state=` behind it. Every request is signed ({rules.signature}), which needs "
        'oauthlib: `pip install "asgi-social[oauth1]"`.'
    )


def _id_token(provider: Provider) -> str:
    rules = provider.id_token
    if rules is None:
        return ""
    demanded = provider.protocol == "oidc"
    joined = "An ID token is demanded, and checked" if demanded else "An ID token that comes besides is checked"
    nonce = "" if rules.nonce == "off" else ", its nonce"
    text = f"\n\n{joined}: its signature ({codes(rules.algs, last='or')}), its issuer, its audience{nonce} and its age."
    if rules.lax:
        text += (
            f" Not checked is {' and '.join(_LAX[one] for one in sorted(rules.lax))}, which {provider.title} breaks."
        )
    return text


def admitted(provider: Provider) -> str:
    """Say which accounts are refused; nothing where all are welcome."""
    return bullets(_policy(one, provider) for one in provider.policies)


def _policy(policy: Policy, provider: Provider) -> str:
    return f"An account is let in {_condition(policy, provider)}. Else it is refused: “{policy.error}”."


def _condition(policy: Policy, provider: Provider) -> str:
    if policy.status_of:
        return f"where the request {code(policy.status_of)} is not answered by 403 or 404"
    read = code(policy.path.source) if policy.path else "nothing"
    if policy.op == "is_true":
        return f"where {read} is true"
    if policy.op == "any_of":
        return (
            f"where {read} is, or holds, one of those that your setting {code(policy.setting)} lists, if it lists any"
        )
    value = policy.value.source if policy.value else ""
    variable = provider.variables.get(value.strip("{}"))
    wanted = f"what your setting {code(variable.setting)} says" if variable else code(value)
    optional = ", unless that is empty" if variable and variable.default == "" else ""
    only = ", where that is a UUID" if policy.only_if == "uuid" else optional
    return f"where {read} is {wanted}{only}"


def account_fields(provider: Provider) -> str:
    """Say where each field of the account is read."""
    source = {
        "request": "the userinfo endpoint",
        "token": "the token answer",
        "id_token": "the ID token",
    }[provider.userinfo.source]
    read = {"uid": provider.uid, **provider.account}
    rows = [[code(name), _FIELDS[name], code(path.source)] for name, path in read.items()]
    if "email" in provider.account:
        rows.append([code("email_verified"), _FIELDS["email_verified"], _verified(provider)])
    local = provider.authority.source
    texts = [
        f"It is read from {source}, by these [paths](../provider_format.md#two-small-languages):",
        table(["field", "is", "read from"], rows),
    ]
    if local:
        texts.append(f"One `uid` may be given to two people: it counts within {code(local)} alone.")
    if provider.extra_data:
        kept = codes(dict.fromkeys(target for _, target, _ in provider.extra_data))
        texts.append(f"Kept besides, in `association.account`: {kept}.")
    return "\n\n".join(texts)


def _verified(provider: Provider) -> str:
    if isinstance(provider.email_verified, Path):
        return code(provider.email_verified.source)
    return "always true" if provider.email_verified else "never: nothing vouches for the address"


def renewal(provider: Provider, subject: str) -> str:
    """Say how tokens are renewed, when, and what the app has to ask for."""
    rules = provider.refresh
    if renews(provider) == "not needed":
        return f"Tokens of {subject} do not end, so that nothing is renewed; `refresh_token()` raises `CannotRenew`."
    if renews(provider) == "no":
        return (
            f"{capital(subject)} renews no tokens: when one has ended, the person links the account again. "
            "`refresh_token()` raises `CannotRenew`."
        )
    good = (
        "It may be good only once: its successor is stored, and calls that ask at the same time share one renewal."
        if rules.rotates
        else "It stays good."
    )
    how = {
        "refresh_token": f"Renewed with the refresh token, where {subject} gave one. {good}",
        "access_token": "There is no refresh token. The access token itself is traded for a new one, as long as it "
        "works; an account that is not used for longer has to be linked again.",
    }[rules.with_token]
    early = (
        f"in its last {duration(rules.early)}"
        if rules.early is not None
        else "in its last five minutes, or its last fifth where that is shorter"
    )
    texts = [how, f"A token is renewed behind the caller {early}."]
    if rules.expires_default is not None:
        texts.append(f"Where a renewal's answer names no lifetime, it counts as {duration(rules.expires_default)}.")
    if rules.ended:
        said = codes(sorted(rules.ended), last="or")
        texts.append(f"Where it answers {said}, as with `invalid_grant`, the person has to link the account again.")
    return " ".join(texts) + _offline(provider, subject)


def _offline(provider: Provider, subject: str) -> str:
    rules = provider.authorize.offline
    adds = [f"the parameter {parameters(rules.params)}"] if rules.params else []
    adds += [f"the scope {codes(rules.scope)}"] if rules.scope else []
    adds += [f"{parameters(rules.consent)} as long as no refresh token is stored"] if rules.consent else []
    if not adds:
        return "\n\nThe setting `offline` adds nothing here."
    asks = "gives refresh tokens to who asks for them"
    return f'\n\n{capital(subject)} {asks}: `"offline": True` adds {", and ".join(adds)}.'


def api(provider: Provider, subject: str) -> str:
    """Say to which hosts the token of an association may be sent."""
    calls = [provider.userinfo.main, *provider.userinfo.requests]
    hosts = dict.fromkeys(_host(call.url.source) for call in calls if call.url is not None)
    named = [codes([*hosts, *(one.source for one in provider.api_hosts)])] if hosts or provider.api_hosts else []
    if provider.oidc is not None and provider.userinfo.main.url is None:
        named.append("the host of the userinfo endpoint that its metadata name")
    further = "[api_hosts](../settings.md#api_hosts)"
    if not named:
        return f"No API of {subject} for people's tokens is known. Hosts that may have them are named by {further}."
    return (
        f"[`association.client()`](../../how-to/calling_apis.md) sends the token of {subject} to {words(named)} alone. "
        f"Further hosts are named by {further}."
    )


def _host(address: str) -> str:
    """Give what stands before the path of an address: a host, or a variable with the whole of it."""
    return re.split(r"[/?]", address.partition("://")[2] or address)[0]


def client_tokens(provider: Provider, subject: str) -> str:
    """Say which tokens of a phone or a page are accepted, and what they have to show."""
    if "token" not in provider.flows:
        return f"There are no such tokens here: an account of {subject} is linked by a browser alone."
    if provider.association_only:
        return (
            f"An account of {subject} signs nobody in: `do_auth` raises `SettingsError`. `backend.associate(token)` "
            "links one to who is signed in, where `allow_unbound_tokens` is set or the token is proved."
        )
    if not provider.proofs and "redirect" not in provider.flows and provider.protocol == "oauth2":
        return (
            "**A code**, as `await backend.do_auth(code=…)`. It is traded with your `client_secret`, which fails for a "
            "code of another app. Access tokens are refused."
        )
    if not provider.proofs:
        return (
            f"They are refused (`TokenRefused`, reason `unbound`): nothing shows that a token of {subject} was issued "
            "to your app. [allow_unbound_tokens](../settings.md#allow_unbound_tokens) takes them all the same, and "
            "says what that costs."
        )
    taken = "\n\n".join(_proof(one, provider) for one in provider.proofs)
    kinds = {one.kind for one in provider.proofs}
    if kinds == {"bound"}:
        return taken
    text = f"{taken}\n\nTokens of your phone apps count too, where their ids are listed in `client_ids`."
    if "id_token" not in kinds:
        return f"{text} ID tokens are refused."
    if kinds == {"id_token"}:
        return f"{text} Access tokens are refused (reason `unbound`): nothing shows to whom they were issued."
    return text


def _proof(proof: Proof, provider: Provider) -> str:
    rules = provider.id_token
    if proof.kind == "code":
        return (
            "**What its script or frame gives to a page**, as `await backend.do_auth(payload)`: "
            "that it was made for your app is shown by its signature, or by a trade with your secret."
        )
    if proof.kind == "bound" and proof.call is not None:
        keys = codes(
            [
                one.source.strip("{}").removeprefix("setting.")
                for one in proof.call.params.values()
                if "{setting." in one.source
            ],
            last="and",
        )
        return (
            f"**A ticket**, as `await backend.do_auth(ticket)`. It is spent at {address(proof.call, provider)} with "
            f"your settings {keys}, which fails for a ticket that was made for another app."
        )
    if proof.call is None:
        sent = ", nonce=…" if rules is None or rules.nonce != "off" else ""
        algs = codes(rules.algs, last="or") if rules else "as its metadata say"
        return (
            f"**An ID token**, as `await backend.do_auth(id_token=…{sent})`. Its signature ({algs}) is checked, and "
            f"its audience has to be your `client_id`. {_nonce(provider)}"
        )
    scope = provider.authorize.scope
    needed = (
        f" Let the client ask for the scope {codes(scope)}: with less, the account may not be read." if scope else ""
    )
    return (
        f"**An access token**, as `await backend.do_auth(access_token)`. It is looked up at "
        f"{address(proof.call, provider)}; the answer has to name your app{conditions(proof)}.{needed}"
    )


def _nonce(provider: Provider) -> str:
    """Say what a client sends besides an ID token."""
    kind = "required" if provider.id_token is None else provider.id_token.nonce
    if kind == "off":
        return f"There is no nonce to send: {provider.title} puts none into it."
    sent = "A client that asked with a nonce sends it along, and the token is accepted once"
    hashed = f"; {provider.title} may have been asked with its SHA-256" if kind == "sha256" else ""
    return f"{sent}{hashed}."


def conditions(proof: Proof) -> str:
    """Say where a look-up's answer names the app and the person, and what else has to be in it."""
    named = [f"in {code(proof.app.source)}"] if proof.app else []
    named += [f"the person in {code(proof.subject.source)}"] if proof.subject else []
    states = [f"{code(proof.active.source)} has to be true"] if proof.active else []
    states += [f"{code(path.source)} has to be {code(text)}" for path, text in proof.must]
    return "".join([" " + words(named) if named else "", f", and {words(states)}" if states else ""])


def revocation(provider: Provider, subject: str) -> str:
    """Say what a provider is told when an account is unlinked."""
    gone = "When an account is unlinked, the tokens are deleted here first"
    if provider.revoke is not None and provider.revoke.call.url is not None:
        way = "by RFC 7009" if provider.revoke.style == "rfc7009" else "in its own way"
        url = provider.revoke.call.url
        optional = [one.setting for name, one in provider.variables.items() if one.default == "" and name in url.names]
        only = f", where {codes(optional)} is set" if optional else ""
        return f"{gone}; then {subject} is told {way}, at {address(provider.revoke.call, provider)}{only}."
    if provider.oidc is not None:
        return f"{gone}; then {subject} is told by RFC 7009, where its metadata name a revocation endpoint."
    return (
        f"{gone}. {capital(subject)} is told nothing, because no revocation of it is known; the person can withdraw "
        "the app's access in the settings there."
    )


def address(call: Call, provider: Provider) -> str:
    """Give a call's address, with what the app may set at its default, or by the name of the setting."""
    text = call.url.source if call.url else ""
    for name, variable in provider.variables.items():
        text = text.replace(f"{{{name}}}", variable.default or f"{{{variable.setting}}}")
    return code(text)
