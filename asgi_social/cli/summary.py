"""What the catalogue holds, in numbers."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import get_args

from asgi_social import providers
from asgi_social.protocols.provider import Protocol, Provider
from asgi_social.providers.evidence import Exchange

SUMMARY = ("what", "providers")


@cache
def social_auth_names() -> frozenset[str]:
    """Give the names of the backends of social-auth-core 7.0.0."""
    return frozenset(files("asgi_social.cli").joinpath("social_auth_names.txt").read_text(encoding="utf-8").split())


def summary() -> list[tuple[str, str]]:
    """Give a row for each thing that is counted."""
    every = [providers.provider(name) for name in providers.all_names()]
    living = [one for one in every if one.retired is None]
    exchanges = Counter(providers.evidence(one.name).exchange for one in living)
    protocols = Counter(one.protocol for one in every)
    names = social_auth_names()
    return [
        ("all", f"{len(every)}"),
        *((protocol, f"{protocols[protocol]}") for protocol in get_args(Protocol)),
        ("data only", _count(one.code is None for one in living)),
        ("with code", _count(one.code is not None for one in living)),
        ("shut down", f"{len(every) - len(living)}"),
        ("with renewal", _count(is_renewed(one) for one in living)),
        ("with proof of client tokens", _count(bool(one.proofs) for one in living)),
        ("with revocation", _count(one.revoke is not None or one.oidc is not None for one in living)),
        *((f"with an exchange: {kind}", f"{exchanges[kind]}") for kind in get_args(Exchange)),
        ("names of social-auth", f"{len(names & {one.name for one in every})} of {len(names)}"),
        ("besides these", _count(one.name not in names for one in every)),
    ]


def is_renewed(provider: Provider) -> bool:
    """Say whether tokens are renewed: they end, and the provider lives."""
    return provider.refresh.enabled and not provider.refresh.never_expires and provider.retired is None


def _count(values: Iterable[bool]) -> str:
    return f"{sum(values)}"
