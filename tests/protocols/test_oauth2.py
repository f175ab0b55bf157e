"""OAuth 2.0 at its endpoints: what is sent, what is read, and what is refused."""

import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.account import Uid
from asgi_social.errors import ConsentDenied, FlowRefused, ProviderBroken, ProviderError, ProviderRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Request, Response, Tokens
from asgi_social.protocols.oauth2 import (
    authorization_url,
    authorize_params,
    exchange_code,
    expiry_of,
    is_token,
    read_callback,
    renew,
    revoke,
    scope_of,
    suspicion,
    tokens_from,
)
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, OIDC, answer, play, raw, ready
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, half_hash, key_set, rsa_key, signed

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


@pytest.mark.parametrize("url", [f"{HOST}/authorize", f"{HOST}/authorize?team=1"])
def test_the_browser_is_sent_to_the_authorization_endpoint_with_its_own_query_kept(url: str) -> None:
    sent_to = urlsplit(authorization_url(ready(plain(authorize={"url": url})), CHALLENGE))

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


@pytest.mark.parametrize("console", [None, "https://console.example"])
def test_a_refused_redirect_uri_is_spelled_out_for_the_console(console: str | None) -> None:
    client = ready(plain(**({"console": console} if console else {})))

    with pytest.raises(ProviderRefused) as caught:
        play(exchange_code(client, CALLBACK, CHALLENGE), answer({"error": "redirect_uri_mismatch"}, 400))

    assert "https://app.example/complete/here/" in caught.value.hint
    assert (str(console) in caught.value.hint) == (console is not None)


def test_the_parts_of_an_answer_are_read_where_the_data_say() -> None:
    token = {
        "url": f"{HOST}/token",
        "path": "data",
        "access_token": "user.token",
        "expires": "user.until",
        "expires_unit": "epoch",
        "refresh_token": "again",
    }
    data = {"user": {"token": "t", "until": START + 60}, "again": "r", "scope": "a,b"}

    tokens = tokens_from(
        ready(plain(token=token, authorize={"url": f"{HOST}/a", "scope_sep": ","})), answer({"data": data})
    )

    assert (tokens.access_token.reveal(), tokens.expires_at) == ("t", START + 60)
    assert tokens.refresh_token == Secret("r")
    assert (tokens.scope, tokens.answer) == (("a", "b"), data)


def test_an_answer_whose_parts_are_not_where_the_data_say_is_broken() -> None:
    with pytest.raises(ProviderBroken):
        tokens_from(ready(plain(token={"url": f"{HOST}/token", "path": "data"})), answer({**GOOD, "data": "text"}))


@pytest.mark.parametrize("odd", [5, "", "a b", ["a"], None, True])
def test_an_odd_refresh_token_or_id_token_is_none(odd: object) -> None:
    tokens = tokens_from(ready(OAUTH2), answer({**GOOD, "refresh_token": odd, "id_token": odd}))

    assert (tokens.refresh_token, tokens.id_token) == (None, None)


@pytest.mark.parametrize(
    ("lifetime", "unit", "left"),
    [
        (3600, "s", 3600),
        ("3600", "s", 3600),
        (3600.0, "s", 3600),
        (1, "s", 1),
        (315_360_000, "s", 315_360_000),
        (315_360_001, "s", None),
        (0, "s", None),
        (-1, "s", None),
        (1.5, "s", None),
        ("1.5", "s", None),
        ("", "s", None),
        ("9" * 16, "s", None),
        ("9" * 5000, "s", None),
        ("\u0663", "s", None),
        (True, "s", None),
        (None, "s", None),
        ([3600], "s", None),
        (float("inf"), "s", None),
        (1500, "ms", 1.5),
        (999, "ms", None),
        (int(START) + 60, "epoch", 60),
        (int(START) - 60, "epoch", None),
    ],
)
def test_an_odd_lifetime_means_unknown_and_costs_no_token(lifetime: object, unit: str, left: float | None) -> None:
    expires_at = expiry_of(lifetime, received_at=START, unit=unit)

    assert expires_at == (None if left is None else START + left)


@pytest.mark.parametrize(
    ("value", "scope"),
    [
        ("a b", ("a", "b")),
        ("a,b c", ("a", "b", "c")),
        (["a", "b c"], ("a", "b c")),
        ([1], None),
        (None, None),
        ({}, None),
    ],
)
def test_a_scope_is_a_text_or_a_list_of_texts(value: object, scope: tuple[str, ...] | None) -> None:
    assert scope_of(value, separator=",") == scope


@given(text=st.text(max_size=30))
def test_a_token_is_printable_ascii_without_spaces(text: str) -> None:
    assert is_token(text) == (text != "" and all("!" <= character <= "~" for character in text))


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


def renewed(client: Client, *answers: Response, old: Tokens = OLD) -> tuple[Tokens, list[Request]]:
    played = play(renew(client, old), *answers)
    return played.result, played.asked


def test_tokens_are_renewed_with_the_refresh_token() -> None:
    tokens, [asked] = renewed(ready(OAUTH2), answer({**GOOD, "expires_in": 60, "refresh_token": "new-refresh"}))

    assert asked.form == {
        "grant_type": "refresh_token",
        "refresh_token": "old-refresh",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert tokens.refresh_token == Secret("new-refresh")
    assert (tokens.expires_at, tokens.scope) == (START + 60, None)


def test_what_a_renewal_leaves_out_is_none() -> None:
    tokens, _ = renewed(ready(OAUTH2), answer({"access_token": "new-access"}))

    assert (tokens.refresh_token, tokens.scope, tokens.expires_at) == (None, None, None)


def test_tokens_are_renewed_as_the_data_say() -> None:
    refresh = {
        "with": "access_token",
        "grant": "fb_exchange_token",
        "token_param": "fb_exchange_token",
        "method": "GET",
        "expires_default": 5184000,
    }

    tokens, [asked] = renewed(ready(plain(refresh=refresh)), answer(GOOD))

    assert (asked.method, asked.query["fb_exchange_token"]) == ("GET", "old-access")
    assert tokens.expires_at == START + 5184000


def test_a_lifetime_that_is_said_goes_before_the_default() -> None:
    tokens, _ = renewed(ready(plain(refresh={"expires_default": 100})), answer({**GOOD, "expires_in": 5}))

    assert tokens.expires_at == START + 5


@pytest.mark.parametrize(
    "response", [answer({}), raw(b"<html>"), answer({"error": "invalid_grant"}, 400), answer({}, 500)]
)
def test_sr_f02_an_answer_without_an_access_token_renews_nothing(response: Response) -> None:
    with pytest.raises(ProviderError):
        renewed(ready(OAUTH2), response)


def suspected(client: Client, new: Tokens, *answers: Response, old: Tokens = OLD) -> str | None:
    return play(suspicion(client, old, new), *answers).result


def with_id_token(text: str, base: Tokens = OLD) -> Tokens:
    return replace(base, id_token=Secret(text))


def test_renewed_tokens_without_an_id_token_are_not_suspect() -> None:
    assert suspected(ready(OIDC), OLD) is None
    assert suspected(ready(OAUTH2), with_id_token("whatever")) is None


def test_a_renewed_id_token_of_the_same_subject_needs_no_nonce() -> None:
    old, new = with_id_token(signed(claims(START - 7200))), with_id_token(signed())

    assert suspected(ready(OIDC), new, answer(key_set()), old=old) is None
    assert suspected(ready(OIDC), new, answer(key_set())) is None
    assert suspected(ready(OIDC), new, answer(key_set()), old=with_id_token("torn")) is None


def test_sr_f02_renewed_tokens_of_another_type_or_subject_or_signature_are_suspect() -> None:
    client, old = ready(OIDC), with_id_token(signed())

    kind = suspected(client, replace(OLD, token_type="mac"))
    subject = suspected(client, with_id_token(signed(claims(sub="other"))), answer(key_set()), old=old)
    strange = signed(key=rsa_key("stranger"), kid="one")
    signature = suspected(client, with_id_token(strange), answer(key_set()), old=old)
    swapped = suspected(client, with_id_token(signed(claims(at_hash=half_hash("other")))), answer(key_set()), old=old)

    assert kind == "another token_type"
    assert subject == "an ID token of another subject"
    assert signature == swapped == "an ID token refused for its signature"


def revoked(client: Client, *answers: Response, tokens: Tokens = OLD) -> list[Request]:
    return play(revoke(client, tokens, Uid("7")), *answers).asked


def test_nothing_is_asked_where_a_provider_revokes_nothing() -> None:
    assert revoked(ready(OAUTH2)) == []


@pytest.mark.parametrize(("tokens", "sent"), [(OLD, "old-refresh"), (replace(OLD, refresh_token=None), "old-access")])
def test_the_refresh_token_is_revoked_and_else_the_access_token(tokens: Tokens, sent: str) -> None:
    [asked] = revoked(ready(plain(revoke={"url": f"{HOST}/revoke"})), raw(b""), tokens=tokens)

    assert (asked.method, asked.url) == ("POST", f"{HOST}/revoke")
    assert asked.form == {"token": sent, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def test_tokens_are_revoked_where_the_metadata_say() -> None:
    client = ready(OIDC)
    client = replace(client, endpoints=replace(client.endpoints, revocation=f"{HOST}/revoke"))

    [asked] = revoked(client, raw(b""))

    assert asked.url == f"{HOST}/revoke"
    assert asked.form == {"token": "old-refresh"}
    assert "authorization" in asked.headers


def test_a_revocation_that_is_refused_is_told() -> None:
    with pytest.raises(ProviderRefused):
        revoked(ready(plain(revoke={"url": f"{HOST}/revoke"})), answer({"error": "unsupported_token_type"}, 400))


OWN = {
    "style": "own",
    "url": f"{HOST}/{{uid}}/permissions",
    "method": "DELETE",
    "auth": "query",
    "ok": [200, 204],
    "ok_body": ["true", '{"success":true}'],
}


@pytest.mark.parametrize("response", [raw(b"true\n"), raw(b'{"success": true}'), raw(b"true", status=204)])
def test_tokens_are_revoked_in_the_providers_own_way(response: Response) -> None:
    [asked] = revoked(ready(plain(revoke=OWN)), response)

    assert (asked.method, asked.url, asked.query) == ("DELETE", f"{HOST}/7/permissions", {"access_token": "old-access"})


@pytest.mark.parametrize("response", [raw(b"false"), raw(b"true", status=201), raw(b"\xff"), answer({}, 404)])
def test_what_does_not_confirm_a_revocation_is_broken(response: Response) -> None:
    with pytest.raises(ProviderBroken):
        revoked(ready(plain(revoke=OWN)), response)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = ["access_token", "token_type", "refresh_token", "id_token", "scope", "expires_in", "error"]


@given(said=st.dictionaries(st.sampled_from(NAMES), JSON | st.just("a-token")))
def test_every_token_answer_gives_tokens_or_a_provider_error(said: dict[str, object]) -> None:
    try:
        tokens = tokens_from(ready(OAUTH2), answer(said))
    except ProviderError:
        return
    assert tokens.access_token
