"""Where the endpoints are: from the data, else from metadata that are the issuer's own and all https."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from asgi_social.errors import ProviderBroken, ProviderUnreachable
from asgi_social.protocols.host import allowed_address
from asgi_social.protocols.message import Response
from asgi_social.protocols.metadata import prepared
from tests.protocols.played import HOST, METADATA, OAUTH2, OIDC, answer, client_of, endpoints_of, play, raw, ready
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


def test_metadata_that_were_read_for_one_backend_are_held_against_what_another_expects() -> None:
    """The same bytes give each its own endpoints: what was found is kept, and not for others."""
    local = answer({**METADATA, "jwks_uri": "http://localhost:1/jwks"})
    in_development = replace(client_of(BARE), development=True)
    other = client_of({**BARE, "oidc": {"endpoint": f"{ISSUER}/other", "config": f"{HOST}/metadata"}})
    stating = client_of({**BARE, "userinfo": {"url": f"{HOST}/me"}})

    assert endpoints_of(in_development, local).jwks == "http://localhost:1/jwks"
    with pytest.raises(ProviderBroken, match="jwks_uri"):
        endpoints_of(client_of(BARE), local)
    assert endpoints_of(client_of(BARE), answer(METADATA)).userinfo == f"{ISSUER}/userinfo"
    assert endpoints_of(stating, answer(METADATA)).userinfo == f"{HOST}/me"
    with pytest.raises(ProviderBroken, match="issuer"):
        endpoints_of(other, answer(METADATA))


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(raw(b"<html>", "text/html"), id="html"),
        pytest.param(answer([METADATA]), id="an array"),
        pytest.param(raw(b'{"issuer": "a", "issuer": "b"}'), id="a name twice"),
    ],
)
def test_metadata_that_cannot_be_read_are_the_providers_fault_each_time(response: Response) -> None:
    for _ in range(2):
        with pytest.raises(ProviderBroken, match="bytes of"):
            endpoints_of(client_of(BARE), response)


def test_metadata_may_come_as_a_form() -> None:
    form = raw(urlencode(METADATA).encode(), "application/x-www-form-urlencoded")

    assert endpoints_of(client_of(BARE), form) == endpoints_of(client_of(BARE), answer(METADATA))


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
        ("http://127.0.0.1:8000/x", False, True),
        ("http://localhost:60123/", False, True),
        ("http://localhost:99999/", False, False),
        ("http://localhost:8000@evil.example/", False, False),
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
