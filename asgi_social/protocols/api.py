"""Where an access token may be sent: to the provider's API, and to nobody else."""

from collections.abc import Iterable

from asgi_social.errors import SettingsError, cleaned
from asgi_social.expressions import Template
from asgi_social.protocols.client import Client, rendered_url
from asgi_social.protocols.host import HostPattern, host_of, host_pattern
from asgi_social.protocols.message import Conversation
from asgi_social.protocols.metadata import prepared


def require_api_host(client: Client, host: str, port: int | None) -> Conversation[None]:
    """Let a host pass to which the provider's access tokens may be sent.

    These are the hosts of the userinfo endpoint and its further requests, those that the provider's data name besides,
    and those of the setting ``api_hosts``. The provider is asked for its metadata only where the userinfo endpoint
    stands there alone, and the others do not have the host.

    Args:
        client: Whose tokens.
        host: The host, as it is about to be connected to.
        port: None for the scheme's own.

    Raises:
        SettingsError: The host is another; it names those that there are, and the setting.
        ProviderError: The metadata are needed, and cannot be had.
    """
    patterns = [*client.api_hosts, *_of_userinfo(client)]
    provider = client.provider
    if not _covered(patterns, host, port) and provider.oidc is not None and provider.userinfo.main.url is None:
        endpoints = (yield from prepared(client)).endpoints
        patterns += _of_addresses([endpoints.userinfo])
    if not _covered(patterns, host, port):
        setting = f"backends.{client.name}.api_hosts"
        allowed = ", ".join(sorted({str(one) for one in patterns})) or "none so far"
        raise SettingsError(
            f"no token of {client.name} is sent to {cleaned(host)}{f':{port}' if port else ''}",
            hint=f"it goes to these hosts: {allowed}; further ones of its API are named in the setting {setting}",
            setting=setting,
            allowed=allowed,
            backend=client.name,
        )


def _covered(patterns: Iterable[HostPattern], host: str, port: int | None) -> bool:
    return any(one.covers(host, port) for one in patterns)


def _of_userinfo(client: Client) -> list[HostPattern]:
    userinfo = client.provider.userinfo
    calls = (userinfo.main, *userinfo.requests)
    found = _of_addresses(_filled(client, one.url) for one in calls if one.url is not None and not one.hosts)
    hosts = [host_pattern(host.render(client.variables) or "") for one in calls for host in one.hosts]
    return [*found, *(one for one in hosts if one is not None)]


def _filled(client: Client, url: Template) -> str | None:
    """Fill an address with anything but its host, which hangs on variables alone."""
    return rendered_url(client, url, {**dict.fromkeys(url.names, "x"), **client.variables})


def _of_addresses(urls: Iterable[str | None]) -> list[HostPattern]:
    return [host for url in urls if url and (host := host_of(url)) is not None]
