"""What every file of the catalogue has to keep, as rules that say what is wrong."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from asgi_social import providers
from asgi_social.cli.summary import social_auth_names
from asgi_social.expressions import Template
from asgi_social.protocols.provider import Provider
from asgi_social.providers.evidence import Evidence, Source
from asgi_social.providers.extending import whole
from asgi_social.providers.kinds import NONE_KNOWN
from asgi_social.registration import _addresses

TESTS = Path(__file__).parents[1]
# Where keys are made is known for a service, not for a standard, nor for one that everybody runs for themselves.
_OWN_SERVER = {"url", "host"}
_STANDARDS = {"oauth2", "oidc", "openid", "saml"}
# Identifiers that look like addresses, and are asked for nothing.
_IDENTIFIER = re.compile(r"http://(?:schem(?:as?|es)|specs|axschema)\.[\w./-]+")
_FACTS = ("authorize", "token", "userinfo", "uid", "account", "refresh", "revoke", "verify")


def text_of(name: str) -> str:
    """Give a file of the catalogue as it is written."""
    return (files("asgi_social.providers") / f"{name}.toml").read_text(encoding="utf-8")


@cache
def values_of(name: str) -> Mapping[str, Any]:
    """Give a file of the catalogue as it is, parsed."""
    return tomllib.loads(text_of(name))


def whole_of(name: str) -> Mapping[str, Any]:
    """Give a file of the catalogue, laid over what it extends."""
    return whole(values_of(name), place=name, read=values_of, known=providers.names)


def faults_of(name: str) -> list[str]:
    """Say all that is wrong with a file of the catalogue."""
    provider, evidence = providers.provider(name), providers.evidence(name)
    found = [*_identity(name, provider), *_evidence(name, provider, evidence), *_brand(name)]
    if provider.retired is None:
        found += [*_links(name, provider), *_statements(name, provider), *_exchange(name, provider, evidence)]
        found += unconfirmed(provider, [one for base in _bases(name) for one in providers.evidence(base).sources])
    else:
        found += _retired(name, evidence)
    return found


def _identity(name: str, provider: Provider) -> Iterator[str]:
    if provider.name != name:
        yield f"name is {provider.name!r}"
    if not re.fullmatch(r"[A-Za-z0-9]+([-_][A-Za-z0-9]+)*", name):
        yield "the name is not of letters, digits and hyphens"
    if "http://" in _IDENTIFIER.sub("", text_of(name)):
        yield "an address is not https"
    if any(re.search(r"\s", scope) or not scope for scope in provider.authorize.scope):
        yield "a scope is empty, or several in one text"


def _evidence(name: str, provider: Provider, evidence: Evidence) -> Iterator[str]:
    if not evidence.sources:
        yield "no source is named"
    if any(one.read > datetime.now(UTC).date() + timedelta(days=1) for one in evidence.sources):
        yield "a source is read in the future"
    said = values_of(name)
    of = " ".join(one.of for base in _bases(name) for one in providers.evidence(base).sources)
    stated = [key for key in _FACTS if isinstance(said.get(key), dict | list) and provider.retired is None]
    # A scope alone is said by that name; a profile may be read from an answer that is there.
    stated = [key for key in stated if key not in {"authorize", "userinfo"} or {"url", "requests"} & set(said[key])]
    yield from (f"no source says it is for {key}" for key in stated if not re.search(rf"\b{key}\b", of))


def unconfirmed(provider: Provider, sources: Iterable[Source]) -> Iterator[str]:
    """Say where proofs stand that neither documentation nor two libraries tell: client tokens are let in by them."""
    named = [one for one in sources if re.search(r"\bverify\b", one.of)]
    told = any(one.grade in {"documentation", "recorded"} for one in named)
    libraries = {one.at for one in named if one.grade == "code"}
    if provider.proofs and not told and len(libraries) < 2:
        yield "neither documentation nor two libraries are named for verify"


def _brand(name: str) -> Iterator[str]:
    brand = whole_of(name).get("brand")
    if brand is None:
        yield f'brand is not stated: a colour, or "{NONE_KNOWN}"'


def _retired(name: str, evidence: Evidence) -> Iterator[str]:
    if evidence.exchange is not None:
        yield "a service that is shut down has an exchange"
    if not values_of(name).get("quirks"):
        yield "quirks do not say why it is shut down, or what came instead"


def _links(name: str, provider: Provider) -> Iterator[str]:
    if not str(provider.docs).startswith("https://"):
        yield "docs is no https address"
    own_server = any(one.kind in _OWN_SERVER and one.default is None for one in provider.variables.values())
    if not str(provider.console).startswith("https://") and not own_server and name not in _STANDARDS:
        yield "console is no https address"
    for variable, rules in provider.variables.items():
        if rules.default is None and not rules.example:
            yield f"the variable {variable} has to be set, and has no example"
    for url in _addresses(provider):
        for variable in url.names & set(provider.variables):
            rules = provider.variables[variable]
            if (
                rules.kind == "text"
                and rules.pattern is None
                and not rules.choices
                and "?" not in url.source.partition(f"{{{variable}}}")[0]
            ):
                yield f"the variable {variable} stands in an address, and has no pattern"


def _statements(name: str, provider: Provider) -> Iterator[str]:
    said = whole_of(name)
    refresh = said.get("refresh")
    if refresh is not False and not {"rotates", "never_expires"} & set(refresh or ()):
        yield "refresh is not stated: false, or a table with rotates or never_expires"
    if "revoke" not in said and "oidc" not in said:
        yield f'revoke is not stated: a table, or "{NONE_KNOWN}"'
    if "verify" not in said:
        yield f'verify is not stated: tables, or "{NONE_KNOWN}"'
    account = said.get("account", {})
    if ("email" in account or provider.protocol == "oidc") and "email_verified" not in account:
        yield "account.email_verified is not stated"
    used = {one for text in provider.templates for one in text.names} & {"client_id", "client_secret"}
    if used - provider.credentials:
        yield f"credentials are {sorted(provider.credentials)}, and others are used"


def _exchange(name: str, provider: Provider, evidence: Evidence) -> Iterator[str]:
    recorded, written = (TESTS / folder / f"{name}.json" for folder in ("recorded_logins", "exchanges"))
    if not provider.flows:  # nothing is linked, so that there is nothing to play
        return
    # A provider with steps of its own may have tests of its own, and so has a protocol whose answer is the proof.
    tests = [TESTS / "providers" / f"test_{one.replace('-', '_')}.py" for one in (name, provider.protocol)]
    of_its_own = any(one.is_file() for one in tests)
    if evidence.exchange is None:
        yield "exchange is not stated"
    if not (recorded.is_file() or written.is_file() or of_its_own):
        yield f"tests/exchanges/{name}.json is not there"
    if recorded.is_file() != (evidence.exchange == "recorded") and not of_its_own:
        yield f"exchange is {evidence.exchange!r}, and tests/recorded_logins/{name}.json says otherwise"


def same_endpoints() -> Iterator[tuple[str, str]]:
    """Give pairs of files with the same endpoints, neither of which extends the other or what the other extends."""
    known: dict[tuple[str, ...], list[str]] = {}
    for name in providers.names():
        provider = providers.provider(name)
        urls = [provider.authorize.url, provider.token.url, provider.userinfo.main.url]
        if provider.retired is None and urls[0] is not None:
            known.setdefault(tuple(_plain(url, provider) for url in urls), []).append(name)
    yield from _unrelated(known.values())


def same_titles() -> Iterator[tuple[str, str]]:
    """Give pairs of files with the same title, neither of which extends the other or what the other extends."""
    known: dict[str, list[str]] = {}
    for name in providers.names():
        known.setdefault(providers.provider(name).title.casefold(), []).append(name)
    yield from _unrelated(known.values())


def _unrelated(groups: Any) -> Iterator[tuple[str, str]]:
    for group in groups:
        for index, one in enumerate(group):
            # Two names of social-auth are two, whatever they share, because tables hold both.
            yield from (
                (one, other)
                for other in group[index + 1 :]
                if not (_bases(one) & _bases(other)) and not {one, other} <= social_auth_names()
            )


def _bases(name: str) -> set[str]:
    wanted = values_of(name).get("extends")
    return {name} if wanted is None else {name, *_bases(wanted)}


def _plain(url: Template | None, provider: Provider) -> str:
    """Give an address with the defaults of its variables."""
    if url is None:
        return ""
    defaults = {label: one.default or f"<{one.setting}>" for label, one in provider.variables.items()}
    return url.render({**dict.fromkeys(url.names, "x"), **defaults}) or url.source
