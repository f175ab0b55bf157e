"""To which hosts the token of an association may be sent."""

from collections.abc import Mapping
from typing import Any

import pytest

from asgi_social.errors import SettingsError
from asgi_social.protocols.api import require_api_host
from asgi_social.protocols.client import Client
from tests.protocols.played import METADATA, OAUTH2, OIDC, answer, client_of, play

EMAILS = {"id": "emails", "url": "https://emails.example/{userinfo.id}/all"}
TENANT = {
    **OAUTH2,
    "vars": {"tenant": {}, "home": {"kind": "url", "default": "https://home.example:8443/x"}, "off": {"default": ""}},
    "userinfo": {"url": "https://{tenant}.provider.example/me", "requests": [{"id": "home", "url": "{home}/me"}]},
    "api_hosts": ["api-{tenant}.provider.example", "{off}.provider.example"],
}
METADATA_ALONE = {**OIDC, "userinfo": {}}


def allowed_of(client: Client) -> str:
    """Give the hosts that are allowed, as the refusal of another one says it."""
    with pytest.raises(SettingsError) as caught:
        play(require_api_host(client, "evil.example", None))
    return caught.value.allowed


@pytest.mark.parametrize(
    ("provider", "settings", "expected"),
    [
        pytest.param(OAUTH2, {}, "provider.example", id="the userinfo endpoint"),
        pytest.param(
            {**OAUTH2, "userinfo": {"url": "https://provider.example/{setting.at}/me", "requests": [EMAILS]}},
            {},
            "emails.example, provider.example",
            id="further requests",
        ),
        pytest.param(
            {**OAUTH2, "api_hosts": ["*.api.example"]}, {}, "*.api.example, provider.example", id="the provider's data"
        ),
        pytest.param(
            OAUTH2,
            {"api_hosts": ["own.example:8443", "PROVIDER.example."]},
            "own.example:8443, provider.example",
            id="the setting",
        ),
        pytest.param(
            OAUTH2, {"api_hosts": "a.example, b.example"}, "a.example, b.example, provider.example", id="one text"
        ),
        pytest.param(
            TENANT,
            {"tenant": "acme"},
            "acme.provider.example, api-acme.provider.example, home.example:8443",
            id="variables",
        ),
        pytest.param(
            {**OAUTH2, "userinfo": {"source": "token"}}, {}, "none so far", id="no userinfo endpoint, and no metadata"
        ),
    ],
)
def test_a_token_may_go_to_these_hosts(provider: Mapping[str, Any], settings: dict[str, Any], expected: str) -> None:
    client = client_of(provider, **settings)

    assert allowed_of(client) == expected
    for one in expected.split(", ") if expected != "none so far" else []:
        host, _, port = one.replace("*", "any").partition(":")
        assert play(require_api_host(client, host, int(port) if port else None)).asked == []


def test_a_refusal_names_the_host_those_that_are_allowed_and_the_setting() -> None:
    with pytest.raises(SettingsError) as caught:
        play(require_api_host(client_of(OAUTH2), "evil.example\n", 8443))

    error = caught.value
    assert (error.setting, error.backend, error.allowed) == ("backends.here.api_hosts", "here", "provider.example")
    assert str(error) == (
        "no token of here is sent to evil.example?:8443 (it goes to these hosts: provider.example; further ones of its "
        "API are named in the setting backends.here.api_hosts)"
    )


def test_the_userinfo_endpoint_of_the_metadata_is_one_of_them() -> None:
    metadata = answer({**METADATA, "userinfo_endpoint": "https://api.elsewhere.example/me"})

    played = play(require_api_host(client_of(METADATA_ALONE), "api.elsewhere.example", None), metadata)

    assert [one.endpoint for one in played.asked] == ["metadata document"]


def test_metadata_without_a_userinfo_endpoint_name_no_host() -> None:
    metadata = answer({**METADATA, "userinfo_endpoint": None})

    with pytest.raises(SettingsError) as caught:
        play(require_api_host(client_of(METADATA_ALONE), "id.example", None), metadata)

    assert caught.value.allowed == "none so far"


def test_metadata_are_not_asked_for_where_the_host_is_known_without_them() -> None:
    client = client_of(METADATA_ALONE, api_hosts=["api.example"])

    assert play(require_api_host(client, "api.example", None)).asked == []
