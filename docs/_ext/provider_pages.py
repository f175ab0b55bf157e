"""The pages of the providers, made of their data: one for each file of the catalogue, and the table of all."""

import json
from collections.abc import Mapping

from asgi_social import providers
from asgi_social.cli.providers import HEADING, row_of, sources_of
from asgi_social.environment import variable_of
from asgi_social.protocols.provider import Provider, Variable
from docs._ext.provider_sentences import (
    account_fields,
    admitted,
    api,
    client_tokens,
    linking,
    protocol_of,
    renewal,
    revocation,
)
from docs._ext.wording import bullets, capital, code, codes, prose, table

HOST = "app.example"
# Nobody's: what a setting that wants a certificate is shown with.
_CERTIFICATE = (
    "MIIBBTCBraADAgECAgEBMAoGCCqGSM49BAMCMA0xCzAJBgNVBAMMAmlkMB4XDTI2MDEwMTAwMDAwMFoXDTM1MTIzMDAwMDAwMFow"
    "DTELMAkGA1UEAwwCaWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATbHJmIOVeLGrMRZLUX/ou+Ddcj0U/v/I6DIoqPNVktSsP/"
    "CDGwfdaAMWSuYGH3aI1UWNsiO9J3XeX6cyGfrYniMAoGCCqGSM49BAMCA0cAMEQCIQDDp2UgFkHY3YJU4ol9IbWeoF8F8Q6JQ9Nu"
    "H62d7QCKjAIfSdSikW1ALmUXI4YdvQj2ICItoxFmaiRjxP0rBS9ieg=="
)
_SAML = {
    "sp_entity_id": f"https://{HOST}",
    "enabled_idps": {
        "corp": {"entity_id": "https://id.example", "url": "https://id.example/sso", "x509cert": _CERTIFICATE}
    },
}
_KINDS = {
    "label": "one part of a host name",
    "host": "a host name",
    "url": "an https address",
    "text": "a text without spaces",
}


def pages() -> dict[str, str]:
    """Give every page by its file's name."""
    every = [providers.provider(name) for name in providers.names()]
    found = {f"{one.name}.md": page_of(one, sources=sources_of(one.name)) for one in every}
    return {"index.md": index_of(every), **found}


def index_of(every: list[Provider]) -> str:
    """Give the page with the table of all providers."""
    rows = []
    for one in every:
        name, title, *more = row_of(one)
        rows.append([code(name), f"[{prose(title)}]({name}.md)", *more])
    return f"""# Providers

{len(rows)} services are known by name. The name is that of the backend, unless the setting `provider` says otherwise;
any other service that follows the standards works as [oidc](oidc.md) or [oauth2](oauth2.md), or by
[a file of your own](../provider_format.md).

“Renews” tells whether tokens are renewed, “client tokens” which tokens of a phone or a page can be shown to be your
app's own, and “PKCE” whether it is sent. The same table is printed by `asgi-social providers list`.

{table([capital(word) for word in HEADING], rows)}
"""


def page_of(provider: Provider, *, sources: list[str]) -> str:
    """Give a provider's page.

    Args:
        provider: Its data.
        sources: Where they are from, as its file says.
    """
    # A standard has no console: then it is whichever provider the app names in its settings.
    title, subject = prose(provider.title), prose(provider.title) if provider.console else "the provider"
    speaks = f"{capital(subject)} speaks {protocol_of(provider)}"
    if provider.retired is not None:
        return _page(
            title, f"{title} is shut down since {provider.retired}", provider, _parts_of_retired(provider, sources)
        )
    if not provider.flows:
        parts = {"Why": bullets(map(prose, provider.quirks)), "Sources": bullets(map(prose, sources))}
        return _page(title, f"{title} is known by its name alone: nothing is linked by it", provider, parts)
    parts = {
        "Register your app": _registering(provider, subject),
        "Settings": _settings(provider),
        "Linking": linking(provider, subject),
        "Who is let in": admitted(provider),
        "The account": account_fields(provider),
        "Renewal": renewal(provider, subject),
        "Its API": api(provider, subject),
        "Client tokens": client_tokens(provider, subject),
        "Unlinking": revocation(provider, subject),
        "Good to know": bullets(map(prose, provider.quirks)),
        "Sources": bullets(map(prose, sources)),
    }
    return _page(title, speaks, provider, parts)


def _parts_of_retired(provider: Provider, sources: list[str]) -> dict[str, str]:
    kept = f"""Accounts that are linked are listed and unlinked as ever, and the backend needs nothing for that:

```python
backends = {{"{provider.name}": {{}}}}
```

Whoever wants to link one is answered by [ProviderRetired](../errors.md#provider_retired)."""
    return {
        "What is left": kept,
        "Why": bullets(map(prose, provider.quirks)),
        "Sources": bullets(map(prose, sources)),
    }


def _page(title: str, first: str, provider: Provider, parts: Mapping[str, str]) -> str:
    body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in parts.items() if text)
    # Not in the tree of pages, for each page carries that tree: the index leads here.
    return f"""---
orphan: true
---

# {title}

{first}. Its name here is {code(provider.name)}; see also [all providers](index.md).

{body}
"""


def required(provider: Provider) -> list[Variable]:
    """Give the settings of its own without which a provider cannot be used."""
    return [one for one in provider.variables.values() if one.default is None]


def snippet(provider: Provider) -> str:
    """Give a table of backends, ready to be pasted, with what this provider must have."""
    return f"backends = {_written({provider.name: _needed(provider)})}"


def _needed(provider: Provider) -> dict[str, object]:
    values: dict[str, object] = dict.fromkeys(sorted(provider.credentials), "…")
    values |= {one.setting: one.example or "…" for one in required(provider)}
    values |= _SAML if provider.protocol == "saml" else {}
    return values or {"enabled": True}


def _written(value: object, indent: str = "") -> str:
    if not isinstance(value, dict):
        return f'"{value}"' if isinstance(value, str) else str(value)
    inner = f"{indent}    "
    lines = "".join(f'{inner}"{key}": {_written(one, inner)},\n' for key, one in value.items())
    return f"{{\n{lines}{indent}}}"


def _registering(provider: Provider, subject: str) -> str:
    console = f"in [the console of {subject}]({provider.console})" if provider.console else f"at {subject}"
    whose = f"The manual of {subject}" if provider.console else "The standard"
    manual = f" {whose} is [here]({provider.docs})." if provider.docs else ""
    if "redirect" not in provider.flows:
        return f"Register your app {console}. There is nothing to redirect to: only client tokens are taken.{manual}"
    if provider.protocol == "openid2":
        place = f" (accounts and keys are at [{subject}]({provider.console}))" if provider.console else ""
        return f"""Nothing is registered{place}. Answers come to this address; {code(HOST)} is the host of your app:

    https://{HOST}/complete/{provider.name}/

A backend of another name has that name in it.{manual}"""
    return f"""Register your app {console}, with this redirect URI, where {code(HOST)} is the host of your app:

    https://{HOST}/complete/{provider.name}/

It is compared letter by letter, the last slash included. A backend of another name has that name in it.{manual}"""


def _settings(provider: Provider) -> str:
    texts = [f"What {code('backends')} needs at least:", f"```python\n{snippet(provider)}\n```"]
    if provider.protocol == "saml":  # a table in a table, which no variable of the environment holds
        texts.append("What each of these is: [SAML](../../how-to/saml.md).")
    else:
        names = (variable_of(provider.name, name) for name in _needed(provider))
        texts.append(f"Or in the environment: {codes(names)}.")
    if provider.token_secret is not None:
        texts.append(
            f"{code('client_secret')} is a private key in PEM. It signs a new secret for each request "
            f"({provider.token_secret.alg}), so that none runs out."
        )
    if provider.oauth1 is not None and provider.oauth1.signature == "RSA-SHA1":
        texts.append(f"{code('client_secret')} is a private RSA key in PEM, with which every request is signed.")
    if provider.variables:
        columns = ["setting", "is", "default", "example"]
        rows = [_setting_row(one) for one in provider.variables.values()]
        if not any(row[-1] for row in rows):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        texts += ["It has settings of its own:", table(columns, rows), *_chosen_by_others(provider)]
    texts.append("Those that every backend knows are in [the reference](../settings.md#settings-of-a-backend).")
    return "\n\n".join(texts)


def _chosen_by_others(provider: Provider) -> list[str]:
    """Say which settings the person or the provider's answer may fill, where the app does not."""
    found = list(provider.variables.items())
    asked = [one.setting for _, one in found if one.origin == "person"]
    told = [one.param or name for name, one in found if one.origin == "callback"]
    texts = []
    if asked:
        path = f"/associate/{provider.name}/?{asked[0]}=…"
        setting = f'"ask_for": {json.dumps(asked)}'
        texts.append(
            f"With {code(setting)} in its place the person who links chooses, at {code(path)} or on a page that asks."
        )
    if told:
        texts.append(f"What is not set here the answer of {provider.title} says, in {codes(told)}.")
    return texts


def _setting_row(variable: Variable) -> list[str]:
    kind = f"must match {code(variable.pattern)}" if variable.pattern else _KINDS[variable.kind]
    kind += "".join(f"; {code(short)} stands for {code(text)}" for short, text in variable.choices.items())
    default = {None: "required", "": "may be left out"}.get(variable.default) or code(str(variable.default))
    return [code(variable.setting), kind, default, code(variable.example) if variable.example else ""]
