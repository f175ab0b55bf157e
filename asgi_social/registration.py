"""One backend's settings, held against its provider's data: the registration of this app there, checked."""

import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from asgi_social import providers
from asgi_social.environment import ENVIRONMENT_PREFIX, longest, variable_of
from asgi_social.errors import SettingsError, cleaned
from asgi_social.expressions import ExpressionError, Path, Template, path
from asgi_social.protocols.client import Client
from asgi_social.protocols.host import HOST_GRAMMAR, HostPattern, allowed_address, host_pattern
from asgi_social.protocols.provider import Provider, Variable
from asgi_social.protocols.saml_idps import ServiceProvider, idps_from
from asgi_social.protocols.signing import is_installed, private_key
from asgi_social.protocols.variables import as_used, is_value
from asgi_social.providers.table import Names, guess
from asgi_social.secret import Secret

_BACKEND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
# What social-auth calls these, with SOCIAL_AUTH_ and a provider's name before it, or as the attribute of a backend.
_FORMER = {
    "key": "client_id",
    "client": "client_id",
    "secret": "client_secret",
    "auth_extra_arguments": "params",
    "oidc_endpoint": "issuer",
    "id_key": "uid",
    "username_key": "account",
}
_FORMER_OF_ALL = {"redirect_is_https": "base_url", "login_url": "sign_in_url"}
_KNOWN = (
    "client_id",
    "client_secret",
    "client_ids",
    "scope",
    "further_scope",
    "offline",
    "params",
    "api_hosts",
    "ask_for",
    "allow_unbound_tokens",
    "former_token_hosts",
    "renewals_at_once",
    "provider",
    "enabled",
    "account",
    "uid",
)
# What a protocol has to be told besides, and no variable of the data holds.
_OF_PROTOCOL: Mapping[str, tuple[str, ...]] = {"saml": ("sp_entity_id", "enabled_idps")}
# What the standard names, the app may not: the flow's safety hangs on these.
_PROTECTED = frozenset(
    {
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
        "oauth_token",
        "oauth_callback",
    }
)


def former_name(name: str) -> str | None:
    """Give what a setting of social-auth is called here, or None where there is no such.

    >>> former_name("key"), former_name("SOCIAL_AUTH_GITHUB_SECRET"), former_name("SOCIAL_AUTH_PIPELINE")
    ('client_id', 'backends.github.client_secret', None)
    """
    if not name.startswith("SOCIAL_AUTH_"):
        return _FORMER.get(name.lower())
    name = name.removeprefix("SOCIAL_AUTH_")
    prefixes = {variable_of(one, "").removeprefix(ENVIRONMENT_PREFIX): one for one in providers.names()}
    fitting = longest(name, prefixes)
    if fitting is None:
        return _FORMER_OF_ALL.get(name.lower())
    provider = providers.provider(prefixes[fitting])
    setting = name.removeprefix(fitting).lower()
    setting = _FORMER.get(setting, setting)
    known = {*_KNOWN, *(variable.setting for variable in provider.variables.values())}
    known |= set(_OF_PROTOCOL.get(provider.protocol, ()))
    return f"backends.{provider.name}.{setting}" if setting in known else None


def registered(
    name: str,
    values: Mapping[str, object],
    *,
    redirect_uri: str,
    development: bool,
    faults: list[SettingsError],
) -> Client | None:
    """Check one backend's settings against its provider.

    Args:
        name: The backend's name.
        values: What the app wrote.
        redirect_uri: What is to be registered at the provider; told with each fault.
        development: Whether plain http to a loopback host is allowed.
        faults: Each fault is added.

    Returns:
        The client; None where the backend is not enabled or a fault was found.
    """
    reader = _Reader(name, values, redirect_uri=redirect_uri, faults=faults)
    if not _BACKEND_NAME.fullmatch(name) or name == "complete":
        reader.fault(None, "is no name for a backend", 'letters, digits, "-" and "_", and not "complete"')
        return None
    if not reader.flag("enabled", default=True):
        return None
    provider = _provider_of(reader)
    if provider is None:
        return None
    settings_of_provider = {variable.setting for variable in provider.variables.values()}
    templates = provider.templates
    names = {name for one in templates for name in one.names}
    further = {name.removeprefix("setting.") for name in names if name.startswith("setting.")}
    admitting = {policy.setting for policy in provider.policies if policy.setting}
    of_protocol = _OF_PROTOCOL.get(provider.protocol, ())
    reader.require_known({*_KNOWN, *settings_of_provider, *further, *admitting, *of_protocol})
    variables = _variables(provider, reader, templates=templates, development=development)
    provider = _with_overrides(provider, reader)
    offline = reader.flag("offline", default=False)
    scope = (*reader.texts("scope"), *provider.authorize.scope)
    client = Client(
        name=name,
        provider=provider,
        client_id=_client_id(provider, reader),
        client_secret=_client_secret(provider, reader),
        client_ids=reader.texts("client_ids"),
        redirect_uri=redirect_uri,
        scope=tuple(dict.fromkeys((*scope, *(provider.authorize.offline.scope if offline else ())))),
        further_scope=reader.texts("further_scope"),
        offline=offline,
        params=reader.params(),
        variables=variables,
        settings={
            **{key: text for key in further if (text := reader.text(key))},
            **{key: reader.texts(key) for key in admitting},
        },
        api_hosts=_api_hosts(provider, reader, variables=variables),
        allow_unbound_tokens=reader.flag("allow_unbound_tokens", default=False),
        development=development,
        former_token_hosts=reader.texts("former_token_hosts"),
        renewals_at_once=reader.number("renewals_at_once", default=10),
        saml=_saml(reader, variables, development=development) if provider.protocol == "saml" else None,
    )
    if not reader.found:
        _check_addresses(client, reader)
        _check_signing(client, reader)
    return None if reader.found else client


class _Reader:
    """Reads one backend's settings by kind, and collects faults with the redirect URI to register."""

    def __init__(
        self, name: str, values: Mapping[str, object], *, redirect_uri: str, faults: list[SettingsError]
    ) -> None:
        self.name = name
        self.values = values
        self.found = False
        self._redirect_uri = redirect_uri
        self._faults = faults

    def fault(self, setting: str | None, what: str, allowed: str) -> None:
        self.found = True
        place = f"backends.{self.name}" + (f".{setting}" if setting else "")
        self._faults.append(
            SettingsError(
                f"the setting {place} {what}",
                hint=f"{allowed}; the redirect URI to register is {self._redirect_uri}",
                setting=place,
                allowed=allowed,
                backend=self.name,
            )
        )

    def require_known(self, known: set[str]) -> None:
        for setting in map(str, self.values):
            if setting not in known:
                new = former_name(setting)
                near = f", it is {new!r} here" if new else guess(setting, known)
                self.fault(setting, f"is not known{near}", ", ".join(sorted(known)))

    def text(self, setting: str) -> str | None:
        value = self.values.get(setting)
        if value is None or isinstance(value, str):
            return value
        self.fault(setting, f"is a {type(value).__name__}", "a text")
        return None

    def required(self, setting: str, allowed: str) -> str:
        text = self.text(setting)
        if not text and self.values.get(setting) in (None, ""):
            self.fault(setting, "is missing", allowed)
        return text or ""

    def texts(self, setting: str) -> tuple[str, ...]:
        if setting not in self.values:
            return ()
        value = self.values[setting]
        if isinstance(value, str):  # from the environment, or a slip: a scope is a list
            return tuple(value.replace(",", " ").split())
        if isinstance(value, Sequence) and all(isinstance(one, str) and one for one in value):
            return tuple(value)
        self.fault(setting, "is no list of texts", 'a list such as ["read:user"]')
        return ()

    def flag(self, setting: str, *, default: bool) -> bool:
        if setting not in self.values:
            return default
        value = self.values[setting]
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        if isinstance(value, bool):
            return value
        self.fault(setting, f"is {value!r}", "True or False")
        return default

    def number(self, setting: str, *, default: int) -> int:
        value = self.values.get(setting, default)
        if isinstance(value, str) and value.isascii() and value.isdigit():  # from the environment
            value = int(value[:9])
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        self.fault(setting, f"is {value!r}", "a whole number from 1 up")
        return default

    def params(self) -> dict[str, str]:
        if "params" not in self.values:
            return {}
        value = self.values["params"]
        if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
            self.fault("params", "is no table of texts", '{"prompt": "consent"}')
            return {}
        for protected in sorted(_PROTECTED & set(value)):
            self.fault(f"params.{protected}", "is for the library to set", "parameters that the standard does not name")
        return dict(value)

    def variable(self, variable: Variable, *, development: bool) -> str | None:
        value = self.text(variable.setting)
        if value is None and variable.origin != "setting":
            return None  # the flow names it
        if value is None and variable.default is not None:  # which was held to its kind when the data were read
            return variable.choices.get(variable.default, variable.default)
        if value is None:
            example = f", such as {variable.example}" if variable.example else ""
            self.fault(variable.setting, "is missing", f"a {variable.kind}{example}")
            return None
        value = variable.choices.get(value, value)
        if not value and variable.default == "":
            return value
        if not is_value(variable, value, development=development):
            self.fault(variable.setting, f"is no {variable.kind}", variable.pattern or f"a {variable.kind}")
            return None
        return value

    def expression(self, setting: str, text: object, *, names: Names) -> Path | None:
        try:
            compiled = path(text if isinstance(text, str) else "")
        except ExpressionError as error:
            self.fault(setting, f"cannot be read: {error}", "a path expression such as user.email")
            return None
        if (unknown := names.unknown_in(compiled)) is not None:
            self.fault(setting, f"names {unknown[0]}, which is not known", ", ".join(sorted(unknown[1])))
        return compiled


def _provider_of(reader: _Reader) -> Provider | None:
    wanted = reader.values.get("provider", reader.name)
    try:
        if isinstance(wanted, Mapping):
            return providers.provider_of_table(wanted, place=f"backends.{reader.name}.provider")
        if isinstance(wanted, str) and wanted.endswith(".toml"):
            return providers.provider_of_file(wanted)
        return providers.provider(str(wanted))
    except SettingsError as error:
        reader.fault("provider", f"is not usable: {error.message}", error.hint)
        return None


def _saml(reader: _Reader, variables: Mapping[str, str], *, development: bool) -> ServiceProvider:
    """Read whom an app trusts by SAML, and what it calls itself."""
    if importlib.util.find_spec("signxml") is None:
        reader.fault("provider", "needs signxml, which is not installed", 'pip install "asgi-social[saml]"')
    idps, faults = idps_from(reader.values.get("enabled_idps"), development=development)
    for place, what, allowed in faults:
        reader.fault(f"enabled_idps{place}", what, allowed)
    chosen = variables.get("idp")
    if chosen is not None and idps and chosen not in idps:
        reader.fault("idp", f"is {cleaned(chosen)!r}, which enabled_idps does not have", ", ".join(sorted(idps)))
    entity_id = reader.required("sp_entity_id", "what this app calls itself to identity providers, such as its address")
    return ServiceProvider(entity_id=entity_id, idps=idps)


def _client_id(provider: Provider, reader: _Reader) -> str:
    # Of a service that is shut down no app is registered any more, and of some no app ever was.
    if provider.retired or "client_id" not in provider.credentials:
        return reader.text("client_id") or ""
    return reader.required("client_id", f"the id of the app as registered at {provider.title}")


def _client_secret(provider: Provider, reader: _Reader) -> Secret:
    if provider.retired or "client_secret" not in provider.credentials:
        return Secret(reader.text("client_secret") or "")
    return Secret(reader.required("client_secret", f"the secret that {provider.title} gave with the client_id"))


def _variables(
    provider: Provider, reader: _Reader, *, templates: Sequence[Template], development: bool
) -> dict[str, str]:
    found = {}
    askable = {one.setting for one in provider.variables.values() if one.origin == "person"}
    asked = set(reader.texts("ask_for"))
    for setting in sorted(asked - askable):
        allowed = f"of {', '.join(sorted(askable))}" if askable else "nothing; this provider asks for no such thing"
        reader.fault("ask_for", f"holds {cleaned(setting)!r}", allowed)
    for label, variable in provider.variables.items():
        value = reader.variable(variable, development=development)
        if value is not None:
            found[label] = as_used(variable, value, name=label, templates=templates)
        elif variable.origin == "person" and variable.setting not in asked:
            what = f"a {variable.kind}{f', such as {variable.example}' if variable.example else ''}"
            reader.fault(
                variable.setting,
                "is missing",
                f'{what}; or ask_for = ["{variable.setting}"], which lets the person who links choose',
            )
    return found


def _api_hosts(provider: Provider, reader: _Reader, *, variables: Mapping[str, str]) -> tuple[HostPattern, ...]:
    """Read the hosts to which tokens may be sent: those of the provider's data, and those of the app's."""
    named = [("provider", text) for one in provider.api_hosts if (text := one.render(variables)) is not None]
    named += [("api_hosts", text) for text in reader.texts("api_hosts")]
    found = {text: host_pattern(text) for _, text in named}
    for setting, text in named:
        if found[text] is None:
            reader.fault(setting, f"holds {cleaned(text)!r}, which is no host", HOST_GRAMMAR)
    return tuple(one for one in found.values() if one is not None)


def _with_overrides(provider: Provider, reader: _Reader) -> Provider:
    """Let the app say where the uid and the account's fields are read, as social-auth's settings did."""
    if not {"account", "uid"} & reader.values.keys():
        return provider
    account = reader.values.get("account", {})
    if not isinstance(account, Mapping):
        reader.fault("account", "is no table", '{"username": "user.name"}')
        return provider
    names = Names(requests=frozenset(call.id for call in provider.userinfo.requests))
    changed = {key: reader.expression(f"account.{key}", text, names=names) for key, text in account.items()}
    known = {*provider.account, "picture", "locale"}
    for key in sorted(map(str, set(changed) - known)):
        reader.fault(f"account.{key}", f"is not known{guess(key, known)}", ", ".join(sorted(known)))
    uid = reader.values.get("uid")
    uid_path = reader.expression("uid", uid, names=names) if uid is not None else None
    merged = {**provider.account, **{key: one for key, one in changed.items() if one is not None}}
    if uid_path is None:
        return replace(provider, account=merged)
    # An ID token's claims then name the account by it too, or one person would be two accounts.
    proofs = tuple(replace(one, subject=None) if one.kind == "id_token" else one for one in provider.proofs)
    return replace(provider, account=merged, uid=uid_path, proofs=proofs)


def _check_addresses(client: Client, reader: _Reader) -> None:
    """Find the addresses in a provider's data that lead elsewhere than over https (RFC 6749 sections 3.1.2.1, 3.2)."""
    bases = {name: "https://x" for name, one in client.provider.variables.items() if one.kind == "url"}
    for url in _addresses(client.provider):
        text = url.render({**dict.fromkeys(url.names, "x"), **bases, **client.variables})
        if text is not None and not allowed_address(text, development=client.development):
            reader.fault("provider", f"is not usable: {url.source} is no https address", "https, or http on localhost")


def _check_signing(client: Client, reader: _Reader) -> None:
    """Find what a provider of OAuth 1 needs for its signatures, and is not there."""
    rules = client.provider.oauth1
    if rules is None:
        return
    if not is_installed():
        reader.fault("provider", "needs oauthlib, which is not installed", 'pip install "asgi-social[oauth1]"')
    if rules.signature == "RSA-SHA1":
        try:
            private_key(client.client_secret)
        except ValueError:
            reader.fault("client_secret", "is no private key that signs", "an RSA key in PEM, without a password")


def _addresses(provider: Provider) -> Iterable[Template]:
    calls = [provider.userinfo.main, *provider.userinfo.requests]
    calls += [proof.call for proof in provider.proofs if proof.call is not None]
    calls += [provider.revoke.call] if provider.revoke else []
    urls = [provider.authorize.url, provider.token.url, provider.refresh.call.url]
    urls += [call.url for call in calls if not call.hosts]  # where an answer leads is looked at when it is there
    urls += [provider.oidc.endpoint, provider.oidc.config] if provider.oidc else []
    urls += [provider.id_token.jwks] if provider.id_token else []
    urls += [provider.oauth1.request_url] if provider.oauth1 else []
    urls += [provider.openid2.url, provider.openid2.endpoint] if provider.openid2 else []
    return dict.fromkeys(url for url in urls if url is not None)
