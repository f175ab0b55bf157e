"""Where the endpoints are: from the data, else from metadata that are the issuer's own and all https."""

from typing import Any

import pytest

from asgi_social.errors import ProviderBroken, ProviderUnreachable
from asgi_social.protocols.host import allowed_address
from asgi_social.protocols.metadata import prepared
from tests.protocols.played import HOST, METADATA, OAUTH2, OIDC, answer, client_of, endpoints_of, play, ready
from tests.tokens import ISSUER

BARE: dict[str, Any] = {"name": "bare", "title": "Bare", "protocol": "oidc", "oidc": {"endpoint": ISSUER}}


def test_a_provider_whose_data_name_all_is_asked_nothing() -> None:
    played = play(prepared(client_of(OAUTH2)))

    assert played.asked == []
    assert played.result.endpoints.token == f"{HOST}/token"


def test_an_openid_provider_whose_data_name_all_is_asked_nothing() -> None:
    played = play(prepared(client_of({**OIDC, "userinfo": {"source": "id_token"}})))

    assert played.asked == []
    assert played.result.endpoints.issuer == ISSUER


def test_no_one_issuer_is_expected_where_the_data_name_several() -> None:
    id_token = {"jwks": f"{ISSUER}/jwks", "issuer": [ISSUER, "id.example"]}

    endpoints = endpoints_of(client_of({**OIDC, "userinfo": {"source": "id_token"}, "id_token": id_token}))

    assert endpoints.issuer is None


def test_metadata_fill_in_what_the_data_leave_out() -> None:
    more = {
        "revocation_endpoint": f"{ISSUER}/revoke",
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["client_secret_post", 5],
    }

    played = play(prepared(client_of(BARE)), answer({**METADATA, **more}))

    [asked] = played.asked
    assert asked.url == f"{ISSUER}/.well-known/openid-configuration"
    assert asked.shared
    endpoints = played.result.endpoints
    assert (endpoints.authorize, endpoints.token) == (f"{ISSUER}/authorize", f"{ISSUER}/token")
    assert (endpoints.userinfo, endpoints.jwks) == (f"{ISSUER}/userinfo", f"{ISSUER}/jwks")
    assert (endpoints.revocation, endpoints.issuer, endpoints.iss_promised) == (f"{ISSUER}/revoke", ISSUER, True)
    assert endpoints.auth_methods == ("client_secret_post",)


def test_what_the_data_say_goes_before_the_metadata() -> None:
    endpoints = ready({**BARE, "token": {"url": f"{HOST}/token"}}).endpoints

    assert (endpoints.token, endpoints.userinfo) == (f"{HOST}/token", f"{ISSUER}/userinfo")
    assert (endpoints.revocation, endpoints.iss_promised, endpoints.auth_methods) == (None, False, ())


@pytest.mark.parametrize(
    ("issuer", "url"),
    [
        (f"{ISSUER}/tenant", f"{ISSUER}/tenant/.well-known/openid-configuration"),
        (f"{ISSUER}/", f"{ISSUER}/.well-known/openid-configuration"),
    ],
)
def test_the_well_known_path_goes_behind_the_path_of_the_issuer(issuer: str, url: str) -> None:
    provider = {**BARE, "oidc": {"endpoint": issuer}}

    played = play(prepared(client_of(provider)), answer({**METADATA, "issuer": issuer}))

    assert [asked.url for asked in played.asked] == [url]


def test_the_metadata_lie_where_the_data_say() -> None:
    provider = {**BARE, "oidc": {"endpoint": ISSUER, "config": f"{HOST}/metadata?p=1"}}

    played = play(prepared(client_of(provider)), answer(METADATA))

    assert [asked.url for asked in played.asked] == [f"{HOST}/metadata?p=1"]


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("https://evil.example", id="another"),
        pytest.param(f"{ISSUER}/", id="with a slash"),
        pytest.param("https://ID.example", id="in capitals"),
        pytest.param([ISSUER], id="a list"),
        pytest.param(None, id="null"),
        pytest.param(..., id="absent"),
    ],
)
def test_sr_i11_metadata_of_another_issuer_are_refused(issuer: object) -> None:
    metadata = {name: value for name, value in {**METADATA, "issuer": issuer}.items() if value is not ...}

    with pytest.raises(ProviderBroken):
        endpoints_of(client_of(BARE), answer(metadata))


def test_sr_i11_metadata_behind_a_redirect_are_refused() -> None:
    with pytest.raises(ProviderBroken):
        endpoints_of(client_of(BARE), answer(METADATA, 302, location="https://evil.example"))


def test_metadata_that_cannot_be_had_now_are_told_apart() -> None:
    with pytest.raises(ProviderUnreachable):
        endpoints_of(client_of(BARE), answer({}, 503))


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint"]
)
@pytest.mark.parametrize("url", ["http://id.example/x", "http://127.0.0.1/x", "//id.example/x", "javascript:1", 5, ""])
def test_sr_t06_metadata_that_name_an_endpoint_without_https_are_refused(name: str, url: object) -> None:
    with pytest.raises(ProviderBroken) as caught:
        endpoints_of(client_of(BARE), answer({**METADATA, name: url}))

    assert name in caught.value.expected


@pytest.mark.parametrize(
    ("url", "is_allowed", "in_development"),
    [
        ("https://id.example/x?y=z", True, True),
        ("https://id.example:8443", True, True),
        ("http://id.example", False, False),
        ("http://localhost:9400/x", False, True),
        ("http://127.0.0.1", False, True),
        ("http://[::1]:1", False, True),
        ("http://localhost.example", False, False),
        ("http://127.0.0.1.example", False, False),
        ("https://me@id.example", False, False),
        ("https://:word@id.example", False, False),
        ("https://", False, False),
        ("https:///path", False, False),
        ("https://id.example:x", False, False),
        ("https://[::1", False, False),
        ("ftp://localhost", False, False),
        ("", False, False),
    ],
)
def test_sr_t06_a_request_goes_over_https_or_in_development_to_this_machine(
    url: str, is_allowed: bool, in_development: bool
) -> None:
    assert allowed_address(url, development=False) is is_allowed
    assert allowed_address(url, development=True) is in_development
