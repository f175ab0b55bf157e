"""The variables of a provider's data: what each may be, and those that a person or an answer names for one flow.

What others than the app choose goes into addresses, so that it is held to the pattern of the data each time it is
used, and requests with it go to hosts on the public internet alone.
"""

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from asgi_social.errors import FlowRefused, Refused
from asgi_social.expressions import Template
from asgi_social.protocols.client import Client
from asgi_social.protocols.host import allowed_address, host_pattern
from asgi_social.protocols.message import Conversation, Request, Response
from asgi_social.protocols.provider import Origin, Variable

T = TypeVar("T")

_KIND_PATTERNS = {
    "label": re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"),
    "host": re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"),
    "text": re.compile(r"[^\s\x00-\x1f]{0,255}"),
}


def is_value(variable: Variable, value: str, *, development: bool) -> bool:
    """Say whether a variable may be this, with its choices made already."""
    if variable.kind == "url" and (not allowed_address(value, development=development) or set("?#") & set(value)):
        return False
    if variable.pattern:
        return re.fullmatch(variable.pattern, value) is not None
    return variable.kind == "url" or _KIND_PATTERNS[variable.kind].fullmatch(value) is not None


def open_variables(client: Client, origin: Origin) -> dict[str, Variable]:
    """Give the variables that others than the app choose, by their names; without those that a setting fixes."""
    found = client.provider.variables.items()
    return {name: one for name, one in found if one.origin == origin and name not in client.variables}


def with_variables(client: Client, chosen: Mapping[str, str]) -> Client:
    """Give the client with what a person or an answer chose, which was checked."""
    if not chosen:
        return client
    variables = {**client.variables, **{name: _as_used(client, name, text) for name, text in chosen.items()}}
    hosts = (host_pattern(one.render(variables) or "") for one in client.provider.api_hosts)
    api_hosts = dict.fromkeys([*client.api_hosts, *(one for one in hosts if one is not None)])
    return replace(client, variables=variables, api_hosts=tuple(api_hosts), chosen=client.chosen | chosen.keys())


def chosen_by_person(client: Client, named: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that the person who links has chosen.

    Args:
        client: Whose.
        named: What came with the request, by the settings' names.

    Raises:
        Refused: One is missing, or is not what its pattern allows.
    """
    found = {}
    for name, one in open_variables(client, "person").items():
        value = _meant(one, named.get(one.setting, ""))
        if not _may_be_chosen(one, value, development=client.development):
            example = f", such as {one.example}" if one.example else ""
            raise Refused(
                f"{client.provider.title} needs to know your {one.setting}",
                hint=f"name it as {one.setting}{example}",
                backend=client.name,
            )
        found[name] = value
    return found


def chosen_by_answer(client: Client, params: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that an authorization answer names.

    Raises:
        FlowRefused: One is missing, or is not what the data allow.
    """
    found = {}
    for name, one in open_variables(client, "callback").items():
        said = params.get(one.param or name, one.default or "")
        value = _meant(one, said)
        if not _may_be_chosen(one, value, development=client.development):
            raise FlowRefused(
                f"the answer names no {one.param or name} that {client.provider.title} is known to have",
                hint="start again",
                reason="state",
                backend=client.name,
            )
        found[name] = value
    return found


def of_stored(client: Client, extra_data: Mapping[str, object]) -> Client:
    """Give the client with what was chosen when an association was linked; what does not fit any more is left out."""
    chosen = {}
    for name, one in (open_variables(client, "person") | open_variables(client, "callback")).items():
        value = extra_data.get(name)
        if isinstance(value, str) and _may_be_chosen(one, value, development=client.development):
            chosen[name] = value
    return with_variables(client, chosen)


def defaults(client: Client) -> dict[str, str]:
    """Give what holds of :func:`chosen_by_answer` where there is no answer."""
    found = open_variables(client, "callback")
    return {name: _meant(one, one.default) for name, one in found.items() if one.default}


def _meant(variable: Variable, said: str) -> str:
    return variable.choices.get(said, "") if variable.choices else said


def _may_be_chosen(variable: Variable, value: str, *, development: bool) -> bool:
    """Say whether others than the app may choose this: of several choices one of them and nothing besides."""
    if variable.choices:
        return value in variable.choices.values()
    return is_value(variable, value, development=development)


def guarded(client: Client, conversation: Conversation[T]) -> Conversation[T]:
    """Hold a conversation whose requests go to the public internet alone, where others than the app chose the host."""
    return _public(conversation) if client.chosen else conversation


def _public(conversation: Conversation[T]) -> Generator[Request, Response, T]:
    try:
        request = next(conversation)
        while True:
            request = conversation.send((yield replace(request, public=True)))
    except StopIteration as end:
        result: T = end.value
        return result


def as_used(variable: Variable, value: str, *, name: str, templates: Iterable[Template]) -> str:
    """Give a value without its last slash where a path follows it; an issuer or an endpoint is left as it is."""
    is_base = variable.kind == "url" and any(f"{{{name}}}/" in one.source for one in templates)
    return value.rstrip("/") if is_base else value


def _as_used(client: Client, name: str, value: str) -> str:
    return as_used(client.provider.variables[name], value, name=name, templates=client.provider.templates)
