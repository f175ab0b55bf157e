"""ID tokens: whether their claims are what this app may believe (rows SR-I04 to SR-I07, I10, and who a subject is)."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from asgi_social import TokenRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import Expected, verified_claims
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import OIDC, answer, play, ready
from tests.tokens import CLIENT_ID, ISSUER, LEFT_OUT, claims, key_set, signed

KEYS = answer(key_set())
EXPECTED = Expected(now=START, nonce=None, max_age=None)


def with_rules(**rules: object) -> dict[str, Any]:
    return {**OIDC, "id_token": {"jwks": f"{ISSUER}/jwks", **rules}}


def verified(client: Client | None = None, expected: Expected = EXPECTED, **changed: Any) -> dict[str, object]:
    token = Secret(signed(claims(**changed)))
    return play(verified_claims(client or ready(OIDC), token, expected=expected), KEYS).result


def refusal(client: Client | None = None, expected: Expected = EXPECTED, **changed: object) -> str:
    with pytest.raises(TokenRefused) as caught:
        verified(client, expected, **changed)
    return str(caught.value.reason)


@pytest.mark.parametrize(
    "iss",
    [
        f"{ISSUER}/",
        f"{ISSUER}/tenant",
        "https://ID.example",
        "http://id.example",
        "id.example",
        "https://id.example.evil.example",
        "https://evil.example",
        "",
        None,
        LEFT_OUT,
        5,
        True,
        [ISSUER],
        {"a": ISSUER},
    ],
)
def test_sr_i04_the_issuer_is_compared_as_a_text(iss: object) -> None:
    assert refusal(iss=iss) == "issuer"


@pytest.mark.parametrize("iss", ["accounts.google.com", "https://accounts.google.com"])
def test_sr_i04_the_spellings_that_the_data_list_are_taken_and_no_other(iss: str) -> None:
    client = ready(with_rules(issuer=["accounts.google.com", "https://accounts.google.com"]))

    assert verified(client, iss=iss)["iss"] == iss
    assert refusal(client, iss=f"{iss}/") == "issuer"
    assert refusal(client) == "issuer"


@pytest.mark.parametrize("iss", [None, "", LEFT_OUT])
def test_sr_i04_where_no_issuer_is_known_none_is_right(iss: object) -> None:
    client = ready(OIDC)
    client = replace(client, endpoints=replace(client.endpoints, issuer=None))

    assert refusal(client, iss=iss) == "issuer"


def test_sr_i04_the_issuer_of_a_tenant_is_that_of_the_tokens_own_tenant() -> None:
    client = ready(with_rules(issuer=[f"{ISSUER}/{{claim.tid}}/v2"]))

    assert verified(client, iss=f"{ISSUER}/a-tenant/v2", tid="a-tenant")["tid"] == "a-tenant"
    for tid in ("b-tenant", "", None, LEFT_OUT, ["a-tenant"], {"a": "a-tenant"}):
        assert refusal(client, iss=f"{ISSUER}/a-tenant/v2", tid=tid) == "issuer"


@pytest.mark.parametrize(
    "aud",
    [
        LEFT_OUT,
        None,
        "",
        [],
        [[]],
        CLIENT_ID[:-1],
        f"{CLIENT_ID}2",
        f"x {CLIENT_ID}",
        CLIENT_ID.upper(),
        "other",
        ["other"],
        5,
        True,
        {CLIENT_ID: 1},
        [[CLIENT_ID]],
    ],
)
def test_sr_i05_a_token_for_another_app_is_refused(aud: object) -> None:
    assert refusal(aud=aud) == "audience"


@pytest.mark.parametrize("aud", [CLIENT_ID, [CLIENT_ID]])
@pytest.mark.parametrize("azp", [LEFT_OUT, CLIENT_ID])
def test_sr_i05_a_token_for_this_app_alone_is_taken(aud: object, azp: object) -> None:
    assert verified(aud=aud, azp=azp)["aud"] == aud


@pytest.mark.parametrize("azp", ["other", "", 5, [CLIENT_ID], True])
def test_sr_i05_a_token_for_this_app_that_another_got_is_refused(azp: object) -> None:
    assert refusal(azp=azp) == "audience"


@pytest.mark.parametrize("azp", [LEFT_OUT, None, CLIENT_ID, "other"])
def test_sr_i05_a_token_for_this_app_and_a_stranger_is_refused(azp: object) -> None:
    assert refusal(aud=[CLIENT_ID, "other"], azp=azp) == "audience"


@pytest.mark.parametrize(
    ("azp", "is_taken"), [(CLIENT_ID, True), ("an-ios-id", True), (LEFT_OUT, False), (None, False)]
)
def test_sr_i05_a_token_for_several_ids_of_this_app_names_who_got_it(azp: object, is_taken: bool) -> None:
    client, aud = ready(OIDC, client_ids=["an-ios-id"]), [CLIENT_ID, "an-ios-id"]

    if is_taken:
        assert verified(client, aud=aud, azp=azp)["aud"] == aud
    else:
        assert refusal(client, aud=aud, azp=azp) == "audience"


def test_sr_i05_a_provider_whose_data_say_so_may_name_strangers_besides() -> None:
    client = ready(with_rules(lax=["aud_azp"]))

    assert verified(client, aud=[CLIENT_ID, "other"])["sub"] == "248289761001"
    assert refusal(client, aud=["other", "another"]) == "audience"
    assert refusal(client, aud=[CLIENT_ID, "other"], azp="other") == "audience"


NOW = int(START)


@pytest.mark.parametrize(
    ("changed", "is_taken"),
    [
        pytest.param({"exp": NOW - 59}, True, id="exp within the skew"),
        pytest.param({"exp": NOW - 60}, True, id="exp at the skew"),
        pytest.param({"exp": NOW - 61}, False, id="exp beyond the skew"),
        pytest.param({"iat": NOW + 59}, True, id="iat within the skew"),
        pytest.param({"iat": NOW + 60}, True, id="iat at the skew"),
        pytest.param({"iat": NOW + 61}, False, id="iat beyond the skew"),
        pytest.param({"nbf": NOW + 60}, True, id="nbf at the skew"),
        pytest.param({"nbf": NOW + 61}, False, id="nbf beyond the skew"),
        pytest.param({"nbf": NOW - 1000}, True, id="nbf long ago"),
        pytest.param({"iat": NOW + 0.5}, True, id="a fraction"),
        pytest.param({"iat": NOW - 86400 * 300}, True, id="iat long ago, where only exp counts"),
    ],
)
def test_sr_i06_a_token_is_good_from_iat_to_exp_and_a_minute_more(changed: dict[str, Any], is_taken: bool) -> None:
    if is_taken:
        assert verified(**changed)["sub"] == "248289761001"
    else:
        assert refusal(**changed) == "expired"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("odd", [None, True, False, "1800000000", [], {}, -1, 1e12, 10**400])
def test_sr_i06_a_moment_that_is_no_number_is_refused(name: str, odd: Any) -> None:
    changed: dict[str, Any] = {name: odd}

    assert refusal(**changed) == "expired"


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_sr_i06_a_token_that_does_not_say_when_it_is_good_is_refused(name: str) -> None:
    changed: dict[str, Any] = {name: LEFT_OUT}

    assert refusal(**changed) == "expired"


@pytest.mark.parametrize("odd", [b"NaN", b"Infinity", b"1e999"])
def test_sr_i06_a_moment_that_is_beyond_numbers_is_refused(odd: bytes) -> None:
    payload = b'{"iss": "%b", "sub": "s", "aud": "%b", "iat": 1800000000, "exp": %b}'
    token = Secret(signed(payload % (ISSUER.encode(), CLIENT_ID.encode(), odd)))

    with pytest.raises(TokenRefused) as caught:
        play(verified_claims(ready(OIDC), token, expected=EXPECTED), KEYS)

    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(("age", "is_taken"), [(659, True), (660, True), (661, False)])
def test_sr_i06_a_token_of_a_flow_is_of_the_last_ten_minutes(age: int, is_taken: bool) -> None:
    in_flow = replace(EXPECTED, max_age=600.0)

    if is_taken:
        assert verified(None, in_flow, iat=NOW - age)["sub"] == "248289761001"
    else:
        assert refusal(None, in_flow, iat=NOW - age) == "expired"


SENT = replace(EXPECTED, nonce=Secret("a-Nonce"))


@pytest.mark.parametrize("nonce", [LEFT_OUT, None, "", "other", "a-nonce", "a-Nonce ", ["a-Nonce"], {"a": 1}, 5, True])
def test_sr_i07_a_nonce_that_is_not_the_one_that_was_sent_is_refused(nonce: object) -> None:
    assert refusal(None, SENT, nonce=nonce) == "nonce"


@pytest.mark.parametrize("sent", ["", 5, True, ["a-Nonce"], {"a-Nonce": 1}, "\ud800"])
def test_a_client_that_sends_no_text_for_its_nonce_is_refused(sent: Any) -> None:
    for client in (None, ready(with_rules(nonce="sha256"))):
        assert refusal(client, replace(EXPECTED, nonce=Secret(sent)), nonce="a-Nonce") == "nonce"


def test_sr_i07_the_nonce_that_was_sent_is_taken() -> None:
    assert verified(None, SENT, nonce="a-Nonce")["nonce"] == "a-Nonce"


def test_sr_i07_a_nonce_is_not_asked_of_a_provider_whose_data_say_that_it_gives_none() -> None:
    assert verified(ready(with_rules(nonce="off")), SENT)["sub"] == "248289761001"


def test_sr_d05_a_hashed_nonce_is_taken_where_the_data_say_so() -> None:
    hashed = hashlib.sha256(b"a-Nonce").hexdigest()
    apple = ready(with_rules(nonce="sha256"))

    assert verified(apple, SENT, nonce=hashed)["nonce"] == hashed
    assert verified(apple, SENT, nonce="a-Nonce")["nonce"] == "a-Nonce"
    assert refusal(apple, SENT, nonce=hashed.upper()) == "nonce"
    assert refusal(None, SENT, nonce=hashed) == "nonce"


@pytest.mark.parametrize("sub", [LEFT_OUT, None, "", 5, True, ["s"], {"s": 1}])
def test_sr_i13_a_token_that_names_no_subject_is_refused(sub: object) -> None:
    assert refusal(sub=sub) == "subject"
