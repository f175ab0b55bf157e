"""The steps of a provider: those of its protocol, but for what a module beside its file says otherwise."""

from dataclasses import fields, replace
from importlib import import_module

from asgi_social.protocols.provider import Provider
from asgi_social.protocols.saml import ready
from asgi_social.protocols.steps import Steps, steps_by_protocol


def steps_of(provider: Provider, *, package: str = "asgi_social.providers") -> Steps:
    """Choose the steps of a provider, once, when the app starts.

    Args:
        provider: Its data; ``code`` names the module, in which a hyphen of the name is an underscore.
        package: Where the modules lie.
    """
    steps = steps_by_protocol(provider.protocol)
    if provider.protocol == "saml":
        ready()
    if provider.code is None:
        return steps
    module = import_module(f"{package}.{provider.code.replace('-', '_')}")
    own = {one.name: getattr(module, one.name) for one in fields(Steps) if hasattr(module, one.name)}
    return replace(steps, **own)
