"""Every setting with its value and where it is from, for people who wonder which of two places won; secrets masked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from asgi_social.protocols.client import Client
from asgi_social.settings import Checked, Settings

MASKED = "…"
_PASSWORD = re.compile(r"//[^/@]*@")
# What of a backend may be read by anybody; every other value is masked.
_PLAIN = (
    "client_id",
    "client_ids",
    "scope",
    "further_scope",
    "offline",
    "api_hosts",
    "allow_unbound_tokens",
    "former_token_hosts",
    "renewals_at_once",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting as it may be shown.

    Attributes:
        setting: Its dotted name.
        value: What it is; a secret is masked.
        origin: ``code``, ``default``, or the variable of the environment.
    """

    setting: str
    value: str
    origin: str


def shown(settings: Checked) -> tuple[Shown, ...]:
    """Give every setting, those of the backends last."""
    found = [
        Shown(setting=name, value=_value(settings, name), origin=settings.origins.get(name, "default"))
        for name in Settings.__annotations__
        if name != "backends"
    ]
    for name, one in settings.backends.items():
        found += _of_backend(name, one.client, settings)
    return tuple(found)


def _of_backend(name: str, client: Client, settings: Checked) -> Iterable[Shown]:
    place = f"backends.{name}."
    variables = client.provider.variables
    public: dict[str, object] = {one: getattr(client, one) for one in _PLAIN}
    public |= {variables[label].setting: value for label, value in client.variables.items()}
    public |= {"provider": client.provider.name, "enabled": True}
    for dotted, origin in settings.origins.items():
        if dotted.startswith(place):
            setting = dotted.removeprefix(place)
            yield Shown(setting=dotted, value=_text(public[setting]) if setting in public else MASKED, origin=origin)


def _value(settings: Checked, name: str) -> str:
    hooks = settings.hooks
    others: dict[str, object] = {
        "secret_key": repr(settings.keys),
        "embedded_users": hooks.embedded,
        **{one: getattr(hooks, one) for one in ("user_id", "current_user", "load_user", "create_user")},
    }
    return _text(others[name] if name in others else getattr(settings, name))


def _text(value: object) -> str:
    """Write a value on one line: a text without a password, and of what is no plain value its name alone."""
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, str):
        return _PASSWORD.sub(f"//{MASKED}@", value)
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return str(getattr(value, "__name__", type(value).__name__))
