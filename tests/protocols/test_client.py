"""How templates, credentials and provider data become a request."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from asgi_social.errors import SettingsError
from asgi_social.expressions import template
from asgi_social.protocols.client import Client, basic, credentials, data_request, signed_secret, token_request, values
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, OIDC, ready
from tests.tokens import CLIENT_ID, CLIENT_SECRET, ec_key, rsa_key

BASIC = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


def with_token(**token: object) -> Mapping[str, Any]:
    return {**OAUTH2, "token": {**OAUTH2["token"], **token}}


def sent_by(client: Client, auth: str) -> tuple[dict[str, str], dict[str, str]]:
    form: dict[str, str] = {}
    headers: dict[str, str] = {}
    credentials(client, auth, form=form, headers=headers)
    return form, headers


ID = {"client_id": CLIENT_ID}
BOTH = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.mark.parametrize(
    ("auth", "form", "headers"),
    [
        ("body", BOTH, {}),
        ("basic", {}, {"authorization": BASIC}),
        ("basic+body", BOTH, {"authorization": BASIC}),
        ("none", ID, {}),
        ("bearer_secret", {}, {"authorization": f"Bearer {CLIENT_SECRET}"}),
        ("header:x-secret", ID, {"x-secret": CLIENT_SECRET}),
        ("metadata", {}, {"authorization": BASIC}),
    ],
)
def test_credentials_go_where_the_data_say(auth: str, form: dict[str, str], headers: dict[str, str]) -> None:
    assert sent_by(ready(OAUTH2), auth) == (form, headers)


@pytest.mark.parametrize(
    ("methods", "is_basic"),
    [
        ((), True),
        (("client_secret_basic", "client_secret_post"), True),
        (("client_secret_post",), False),
        (("private_key_jwt", "none"), False),
    ],
)
def test_credentials_go_as_the_metadata_name_and_by_basic_where_they_do_not(
    methods: tuple[str, ...], is_basic: bool
) -> None:
    client = ready(OIDC)
    client = replace(client, endpoints=replace(client.endpoints, auth_methods=methods))

    form, headers = sent_by(client, "metadata")

    assert ("authorization" in headers, "client_secret" in form) == (is_basic, not is_basic)


@pytest.mark.parametrize("auth", ["body", "basic", "metadata", "bearer_secret"])
def test_a_client_without_a_secret_sends_its_id_alone(auth: str) -> None:
    client = replace(ready(OAUTH2), client_secret=Secret(""))

    assert sent_by(client, auth) == (ID, {})


def test_both_parts_of_basic_are_form_encoded_before_they_are_joined() -> None:
    """RFC 6749 section 2.3.1: a colon or a plus sign in an id would else be read as something else."""
    sent = base64.b64decode(basic("a:b", "c+d ü").removeprefix("Basic ")).decode()

    assert sent == "a%3Ab:c%2Bd+%C3%BC"


def test_a_token_request_takes_the_changes_that_the_data_name() -> None:
    client = ready(
        with_token(
            params={"extra": "{client_id}", "absent": "{setting.nothing}", "client_secret": "not-this"},
            headers={"x-now": "{now}"},
            rename={"client_id": "app_id", "code": "auth_code"},
            drop=["grant_type"],
        )
    )

    request = token_request(
        client, client.provider.token, {"grant_type": "authorization_code", "code": "c"}, known=values(client)
    )

    assert request.form == {"auth_code": "c", "extra": CLIENT_ID, "app_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert (request.method, request.url, request.headers) == ("POST", f"{HOST}/token", {"x-now": str(int(START))})


def test_what_the_data_drop_is_dropped_after_the_credentials_too() -> None:
    client = ready(with_token(drop=["client_secret"]))

    request = token_request(client, client.provider.token, {"code": "c"}, known=values(client))

    assert request.form == {"code": "c", "client_id": CLIENT_ID}


@pytest.mark.parametrize(("how", "place"), [({"method": "GET"}, "query"), ({"send": "json"}, "json"), ({}, "form")])
def test_a_token_request_goes_as_a_form_unless_the_data_say_otherwise(how: dict[str, str], place: str) -> None:
    client = ready(with_token(**how))

    request = token_request(client, client.provider.token, {"code": "c"}, known=values(client))

    filled = {name: getattr(request, name) for name in ("query", "json", "form") if getattr(request, name)}
    assert filled == {place: {"code": "c", **BOTH}}


TOKEN = Tokens(access_token=Secret("a token"), answer={"unit": "u/1"}, claims={"sub": "s"})


@pytest.mark.parametrize(
    ("call", "headers", "query"),
    [
        ({}, {"authorization": "Bearer a token"}, {}),
        ({"auth": "header:token"}, {"authorization": "token a token"}, {}),
        ({"auth": "name:x-token"}, {"x-token": "a token"}, {}),
        ({"auth": "query"}, {}, {"access_token": "a token"}),
        ({"auth": "query", "query_name": "t"}, {}, {"t": "a token"}),
        ({"auth": "app"}, {}, {"access_token": f"{CLIENT_ID}|{CLIENT_SECRET}"}),
        ({"auth": "basic"}, {"authorization": BASIC}, {}),
        ({"auth": "none", "params": {"a": "{claim.sub}"}, "headers": {"b": "{token.unit}"}}, {"b": "u/1"}, {"a": "s"}),
    ],
)
def test_sr_d04_a_token_goes_in_a_header_unless_the_data_name_another_place(
    call: dict[str, Any], headers: dict[str, str], query: dict[str, str]
) -> None:
    client = ready({**OAUTH2, "userinfo": {"url": f"{HOST}/me", **call}})

    request = data_request(
        client, client.provider.userinfo.main, "userinfo endpoint", known=values(client, tokens=TOKEN), fallback=None
    )

    assert (request.headers, request.query, request.url) == (headers, query, f"{HOST}/me")
    assert "a token" not in repr(request)


def test_a_body_of_the_data_is_filled_and_its_empty_parts_are_left_out() -> None:
    body = {"form": {"t": "{access_token}", "u": "{refresh_token}"}, "json": {"c": "{client_id}"}}
    client = ready({**OAUTH2, "userinfo": {"url": f"{HOST}/me", "method": "POST", "auth": "none", "body": body}})

    request = data_request(
        client, client.provider.userinfo.main, "userinfo endpoint", known=values(client, tokens=TOKEN), fallback=None
    )

    assert (request.form, request.json) == ({"t": "a token"}, {"c": CLIENT_ID})


def test_what_goes_into_a_url_is_quoted_but_a_base_url_of_the_app() -> None:
    provider = {
        **OAUTH2,
        "vars": {"base": {"kind": "url"}, "team": {"kind": "text"}},
        "userinfo": {"url": "{base}/{team}/{token.unit}"},
    }
    client = ready(provider, base="https://on.example/path", team="a/../b?c")

    request = data_request(
        client, client.provider.userinfo.main, "userinfo endpoint", known=values(client, tokens=TOKEN), fallback=None
    )

    assert request.url == "https://on.example/path/a%2F..%2Fb%3Fc/u%2F1"


@pytest.mark.parametrize(
    ("url", "chosen", "is_fixed"),
    [
        pytest.param(f"{HOST}/me", "", True, id="of no names"),
        pytest.param("{base}/{client_id}/me", "", True, id="of the app's settings"),
        pytest.param(None, "", True, id="of the metadata"),
        pytest.param("{base}/me", "base", False, id="of what a person chose"),
        pytest.param("{base}/{access_token}", "", False, id="with the token"),
        pytest.param("{base}/{client_secret}", "", False, id="with the secret"),
        pytest.param("{base}/{setting.api_key}", "", False, id="with another setting"),
        pytest.param("{base}/{token.unit}", "", False, id="with an answer's part"),
    ],
)
def test_a_url_is_fixed_where_it_is_the_same_for_everybody_and_holds_no_secret(
    url: str | None, chosen: str, is_fixed: bool
) -> None:
    client = ready({**OAUTH2, "vars": {"base": {"kind": "url"}}, "authorize": {"url": "{base}/authorize"}}, base=HOST)
    client = replace(client, chosen=frozenset({chosen} if chosen else ()))
    call = replace(client.provider.userinfo.main, url=None if url is None else template(url))

    request = data_request(client, call, "userinfo endpoint", known=values(client, tokens=TOKEN), fallback=f"{HOST}/me")

    assert request.fixed is is_fixed


def test_a_calculated_value_is_signed_from_others() -> None:
    client = ready({**OAUTH2, "calc": {"proof": {"key": "{client_secret}", "data": "{access_token}"}}})

    known = values(client, tokens=Tokens(access_token=Secret("t")))

    assert known["proof"] == hmac.new(CLIENT_SECRET.encode(), b"t", "sha256").hexdigest()
    assert values(client)["proof"] is None


def test_a_calculated_value_may_be_a_hash_and_be_made_of_an_earlier_one() -> None:
    calculations = {
        "inner": {"sign": "md5", "data": "{access_token}"},
        "outer": {"sign": "sha256", "data": "{inner}{client_secret}", "case": "upper"},
    }
    client = ready({**OAUTH2, "calc": calculations})

    known = values(client, tokens=Tokens(access_token=Secret("t")))

    inner = hashlib.md5(b"t", usedforsecurity=False).hexdigest()
    assert known["inner"] == inner
    assert known["outer"] == hashlib.sha256(f"{inner}{CLIENT_SECRET}".encode()).hexdigest().upper()


SECRET_JWT = {
    "alg": "ES256",
    "kid": "{setting.key_id}",
    "iss": "{setting.team}",
    "sub": "{client_id}",
    "aud": HOST,
    "ttl": 300,
}


def test_a_secret_that_is_a_jwt_is_signed_anew_for_the_request() -> None:
    provider = with_token(auth="secret_jwt", secret_jwt=SECRET_JWT)
    client = ready(provider, client_secret=ec_key().as_pem(private=True).decode(), key_id="k1", team="t1")

    form, _ = sent_by(client, "secret_jwt")

    token = jwt.decode(form["client_secret"], ec_key(), ["ES256"])
    assert form["client_id"] == CLIENT_ID
    assert token.header == {"alg": "ES256", "kid": "k1", "typ": "JWT"}
    now = int(START)
    assert token.claims == {"iss": "t1", "sub": CLIENT_ID, "aud": HOST, "iat": now, "exp": now + 300}


def test_a_secret_that_is_a_jwt_may_be_signed_by_rsa() -> None:
    provider = with_token(auth="secret_jwt", secret_jwt={**SECRET_JWT, "alg": "RS256"})
    client = ready(provider, client_secret=rsa_key().as_pem(private=True).decode(), key_id="k1", team="t1")
    assert client.provider.token_secret is not None

    text = signed_secret(client, client.provider.token_secret)

    assert jwt.decode(text, rsa_key(), ["RS256"]).claims["sub"] == CLIENT_ID


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("not a key", id="a text"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", id="a torn key"),
        pytest.param(RSAKey.generate_key(2048).as_pem(private=True).decode(), id="a key of another kind"),
        pytest.param(ECKey.generate_key("P-256").as_pem(private=False).decode(), id="a public key"),
    ],
)
def test_a_secret_that_is_no_private_key_is_a_fault_of_the_settings_and_not_shown(secret: str) -> None:
    provider = with_token(auth="secret_jwt", secret_jwt=SECRET_JWT)
    client = ready(provider, client_secret=secret, key_id="k1", team="t1")

    with pytest.raises(SettingsError) as caught:
        sent_by(client, "secret_jwt")

    assert caught.value.setting == "backends.here.client_secret"
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
