"""OAuth 2.0 at its endpoints: what is sent, what is read, and what is refused."""

import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from asgi_social.errors import ConsentDenied, FlowRefused, ProviderBroken, ProviderRefused, SettingsError
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Response, Tokens
from asgi_social.protocols.oauth2 import (
    authorization_url,
    authorize_params,
    begun,
    exchange_code,
    read_callback,
)
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, OIDC, answer, play, raw, ready
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, half_hash, key_set, signed

CHALLENGE = Challenge(
    redirect_uri="https://app.example/complete/here/",
    state=Secret("a-state"),
    nonce=Secret("a-nonce"),
    verifier=Secret("a-verifier"),
    scope=("read", "write"),
)
CALLBACK = Callback(code=Secret("a-code"))
OLD = Tokens(access_token=Secret("old-access"), refresh_token=Secret("old-refresh"))
GOOD = {"access_token": "new-access", "token_type": "Bearer"}


def plain(**tables: object) -> dict[str, Any]:
    return {**OAUTH2, **tables}


def test_what_came_with_the_code_can_be_sent_with_it() -> None:
    keep, params = ["device_id"], {"device_id": "{callback.device_id}", "realm": "{callback.realm}"}
    client = ready(plain(callback={"keep": keep}, token={"url": f"{HOST}/token", "params": params}))
    callback = read_callback(client, {"code": "a-code", "device_id": "a-device", "realm": "not kept"})

    [asked] = play(exchange_code(client, callback, CHALLENGE), answer(GOOD)).asked

    assert asked.form is not None
    assert (asked.form.get("device_id"), asked.form.get("realm")) == ("a-device", None)


def test_the_authorization_request_holds_what_the_standard_names() -> None:
    assert authorize_params(ready(OAUTH2), CHALLENGE) == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "https://app.example/complete/here/",
        "scope": "read write",
        "state": "a-state",
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(b"a-verifier").digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }


def test_nothing_begins_without_an_authorization_endpoint() -> None:
    client = ready({name: one for name, one in plain(flows=["token"]).items() if name != "authorize"})

    with pytest.raises(SettingsError):
        begun(client, {})


def test_the_nonce_is_sent_where_id_tokens_come_and_pkce_where_it_is_taken() -> None:
    params = authorize_params(ready(OIDC), replace(CHALLENGE, verifier=None))

    assert params["nonce"] == "a-nonce"
    assert "code_challenge" not in params


def test_further_parameters_add_to_the_standard_and_never_replace_it() -> None:
    authorize = {
        "url": f"{HOST}/authorize",
        "params": {"display": "page", "state": "fixed"},
        "response_mode": "form_post",
    }
    client = replace(
        ready(plain(authorize=authorize)), params={"display": "app", "prompt": "login", "client_id": "evil"}
    )

    params = authorize_params(client, CHALLENGE)

    assert (params["display"], params["prompt"]) == ("page", "login")
    assert (params["state"], params["client_id"], params["response_mode"]) == ("a-state", CLIENT_ID, "form_post")


def test_refresh_tokens_and_consent_are_asked_for_in_the_providers_own_way() -> None:
    offline = {"params": {"access_type": "offline"}, "consent": {"prompt": "consent"}}
    client = ready(plain(authorize={"url": f"{HOST}/authorize", "offline": offline}))

    plainly = authorize_params(client, CHALLENGE)
    renewable = authorize_params(client, replace(CHALLENGE, renewable=True))
    anew = authorize_params(client, replace(CHALLENGE, renewable=True, consent=True))

    assert "access_type" not in plainly
    assert (renewable["access_type"], renewable.get("prompt")) == ("offline", None)
    assert (anew["access_type"], anew["prompt"]) == ("offline", "consent")


def test_parameters_are_left_out_and_renamed_as_the_data_say() -> None:
    authorize = {"url": f"{HOST}/a", "drop": ["response_type"], "rename": {"client_id": "app_id"}, "scope_sep": ","}

    params = authorize_params(ready(plain(authorize=authorize)), CHALLENGE)

    assert (params["app_id"], params["scope"]) == (CLIENT_ID, "read,write")
    assert not {"response_type", "client_id"} & set(params)


def test_an_authorization_request_may_ask_for_another_type_and_end_in_a_fragment() -> None:
    authorize = {"url": f"{HOST}/a", "response_type": "Assertion", "state_in": "redirect", "fragment": "wechat"}
    client = ready(plain(authorize=authorize))

    params = authorize_params(client, CHALLENGE)

    assert (params["response_type"], "state" in params) == ("Assertion", False)
    assert authorization_url(client, params).endswith("#wechat")


@pytest.mark.parametrize("url", [f"{HOST}/authorize", f"{HOST}/authorize?team=1"])
def test_the_browser_is_sent_to_the_authorization_endpoint_with_its_own_query_kept(url: str) -> None:
    client = ready(plain(authorize={"url": url}))

    sent_to = urlsplit(authorization_url(client, authorize_params(client, CHALLENGE)))

    query = parse_qs(sent_to.query, strict_parsing=True)
    assert query["redirect_uri"] == ["https://app.example/complete/here/"]
    assert ("team" in query) == ("team" in url)


def test_a_code_is_read_and_with_it_what_the_data_keep() -> None:
    client = ready(plain(callback={"code_param": "auth_code", "keep": ["realm", "absent"]}))

    callback = read_callback(client, {"auth_code": "c", "code": "other", "realm": "r", "x": "y", "access_token": "t"})

    assert (callback.code.reveal(), callback.kept) == ("c", {"realm": "r"})


@pytest.mark.parametrize("error", ["access_denied", "user_cancelled_login", "consent_required"])
def test_a_persons_no_is_told_apart(error: str) -> None:
    with pytest.raises(ConsentDenied):
        read_callback(ready(OAUTH2), {"error": error})


@pytest.mark.parametrize("params", [{}, {"code": ""}, {"code": "x" * 16385}, {"access_token": "t"}])
def test_an_answer_without_a_code_of_fair_length_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(FlowRefused) as caught:
        read_callback(ready(OAUTH2), params)

    assert caught.value.reason == "missing"


def test_an_answer_with_a_code_and_an_error_is_refused() -> None:
    with pytest.raises(FlowRefused) as caught:
        read_callback(ready(OAUTH2), {"code": "c", "error": "access_denied"})

    assert caught.value.reason == "state"


def test_an_error_is_told_in_the_providers_words_or_the_standards() -> None:
    client = ready(plain(callback={"error": "error_code", "error_message": "error_msg"}))

    with pytest.raises(ProviderRefused) as own:
        read_callback(client, {"error_code": "1349", "error_msg": "off"})
    with pytest.raises(ProviderRefused) as standard:
        read_callback(client, {"error": "unauthorized_client", "error_description": "no"})

    assert (own.value.error, own.value.description) == ("1349", "off")
    assert (standard.value.error, standard.value.description) == ("unauthorized_client", "no")


def test_sr_t01_a_code_is_exchanged_by_one_post_with_the_verifier_and_redirect_uri_of_its_own_flow() -> None:
    played = play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer(GOOD))

    [asked] = played.asked
    assert (asked.method, asked.url) == ("POST", f"{HOST}/token")
    assert asked.form == {
        "grant_type": "authorization_code",
        "code": "a-code",
        "redirect_uri": "https://app.example/complete/here/",
        "code_verifier": "a-verifier",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert played.result.access_token.reveal() == "new-access"


def test_no_verifier_is_sent_where_none_was_made() -> None:
    [asked] = play(exchange_code(ready(OAUTH2), CALLBACK, replace(CHALLENGE, verifier=None)), answer(GOOD)).asked

    assert asked.form is not None
    assert "code_verifier" not in asked.form


@pytest.mark.parametrize(
    ("said", "scope"), [("a b", ("a", "b")), (..., ("read", "write")), ("", ("read", "write")), (5, ("read", "write"))]
)
def test_the_scope_is_what_was_granted_or_else_what_was_asked(said: object, scope: tuple[str, ...]) -> None:
    given_scope = {} if said is ... else {"scope": said}

    tokens = play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer({**GOOD, **given_scope})).result

    assert tokens.scope == scope


def test_what_the_callback_kept_is_part_of_the_answer_and_does_not_replace_it() -> None:
    callback = replace(CALLBACK, kept={"realm": "r", "access_token": "evil"})

    tokens = play(exchange_code(ready(OAUTH2), callback, CHALLENGE), answer(GOOD)).result

    assert tokens.answer == {"realm": "r", **GOOD}


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", "", None, ...])
def test_sr_t03_a_bearer_token_is_taken_in_any_case_and_where_the_type_is_missing(token_type: object) -> None:
    """The row asks for a type; several providers, Apple among them, leave it out, so that none is taken as Bearer."""
    said = {name: value for name, value in {**GOOD, "token_type": token_type}.items() if value is not ...}

    tokens = play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer(said)).result

    assert tokens.token_type.lower() == "bearer"


@pytest.mark.parametrize("token_type", ["mac", "DPoP", "Bearer ", 1, True, ["Bearer"], {"a": "Bearer"}])
def test_sr_t03_a_token_of_another_type_is_refused(token_type: object) -> None:
    with pytest.raises(ProviderBroken) as caught:
        play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer({**GOOD, "token_type": token_type}))

    assert caught.value.got == "another token_type"


@pytest.mark.parametrize(
    "access_token", ["", 0, 1, True, {}, [], ["a"], {"a": 1}, None, ..., " ", "a b", "a\r\nb", "ü", "x" * 16385]
)
def test_sr_t03_an_answer_without_a_usable_access_token_is_refused(access_token: object) -> None:
    said = {name: value for name, value in {**GOOD, "access_token": access_token}.items() if value is not ...}

    with pytest.raises(ProviderBroken):
        play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer(said))


@pytest.mark.parametrize("body", [b"[]", b'"new-access"', b"null", b"", b"<html>", b'{"access_token": "a"'])
def test_sr_t03_an_answer_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderBroken):
        play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), raw(body))


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer({**GOOD, "error": "bad_verification_code"}), "bad_verification_code"),
        (answer({"error": "invalid_grant"}, 400), "invalid_grant"),
    ],
)
def test_sr_t03_an_error_is_an_error_with_status_200_too(response: Response, error: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), response)

    assert (caught.value.error, caught.value.endpoint) == (error, "token endpoint")


def test_sr_t03_an_answer_by_another_status_is_no_success() -> None:
    with pytest.raises(ProviderBroken):
        play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer(GOOD, 302, location="https://other.example"))


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client"])
def test_a_refused_client_is_sent_to_its_own_settings(error: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        play(exchange_code(ready(OAUTH2), CALLBACK, CHALLENGE), answer({"error": error}, 401))

    assert "client_id and client_secret" in caught.value.hint


@pytest.mark.parametrize("console", [None, "https://console.example"])
def test_a_refused_redirect_uri_is_spelled_out_for_the_console(console: str | None) -> None:
    client = ready(plain(**({"console": console} if console else {})))

    with pytest.raises(ProviderRefused) as caught:
        play(exchange_code(client, CALLBACK, CHALLENGE), answer({"error": "redirect_uri_mismatch"}, 400))

    assert "https://app.example/complete/here/" in caught.value.hint
    assert (str(console) in caught.value.hint) == (console is not None)


def signed_answer(client: Client, *responses: Response, **said: object) -> Tokens:
    tokens = answer({**GOOD, **said})
    return play(exchange_code(client, CALLBACK, CHALLENGE), tokens, *responses).result


def test_the_id_token_of_a_code_is_verified_and_its_claims_are_kept() -> None:
    id_token = signed(claims(nonce="a-nonce", at_hash=half_hash("new-access")))

    tokens = signed_answer(ready(OIDC), answer(key_set()), id_token=id_token)

    assert tokens.claims is not None
    assert tokens.claims["sub"] == "248289761001"


@pytest.mark.parametrize("odd", [..., None, "", 5])
def test_an_openid_provider_has_to_send_an_id_token(odd: object) -> None:
    said = {} if odd is ... else {"id_token": odd}

    with pytest.raises(ProviderBroken) as caught:
        signed_answer(ready(OIDC), **said)

    assert caught.value.expected == "an ID token"


def test_an_oauth_provider_may_send_an_id_token_and_then_it_is_verified() -> None:
    client = ready(plain(id_token={"jwks": f"{HOST}/jwks", "issuer": ["https://id.example"]}))

    without = signed_answer(client)
    with_one = signed_answer(client, answer(key_set()), id_token=signed(claims(nonce="a-nonce")))
    with pytest.raises(ProviderBroken):
        signed_answer(client, answer(key_set()), id_token=signed(claims(nonce="other")))

    assert without.claims is None
    assert with_one.claims is not None


def test_a_bad_id_token_of_a_code_is_the_providers_fault_and_its_reason_is_told() -> None:
    with pytest.raises(ProviderBroken) as caught:
        signed_answer(ready(OIDC), answer(key_set()), id_token=signed(claims(nonce="other")))

    assert "nonce" in caught.value.got


def test_an_id_token_from_before_the_flow_is_refused() -> None:
    early = claims(START - 661, nonce="a-nonce", exp=int(START) + 60)

    with pytest.raises(ProviderBroken) as caught:
        signed_answer(ready(OIDC), answer(key_set()), id_token=signed(early))

    assert "expired" in caught.value.got
