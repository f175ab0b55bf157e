"""ID tokens: whose signature they bear, in a flow and as a client token (rows SR-I01 to SR-I03, and I08)."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jws
from joserfc.jwk import ECKey

from asgi_social.errors import ProviderBroken, TokenRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import Expected, header_of, left_half, unverified_claims, verified_claims
from asgi_social.protocols.message import Callback, Challenge, Response
from asgi_social.protocols.oauth2 import exchange_code
from asgi_social.protocols.provider import IdTokenRules
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from asgi_social.verify import account_of_id_token
from tests.protocols.played import METADATA, OIDC, answer, play, raw, ready
from tests.tokens import (
    CLIENT_SECRET,
    ISSUER,
    LEFT_OUT,
    claims,
    ec_key,
    ed_key,
    encoded,
    half_hash,
    key_set,
    public,
    rsa_key,
    secret_key,
    signed,
    signed_with_text,
    unsigned,
)

NONCE = Secret("a-nonce")
EXPECTED = Expected(now=START, nonce=None, max_age=None)


def with_rules(**rules: object) -> dict[str, Any]:
    return {**OIDC, "id_token": {"jwks": f"{ISSUER}/jwks", **rules}}


def verified(
    token: str, *answers: Response, client: Client | None = None, expected: Expected = EXPECTED, asked: Any = None
) -> dict[str, object]:
    return play(verified_claims(client or ready(OIDC), Secret(token), expected=expected), *answers, asked=asked).result


def refusal(token: str, *answers: Response, **more: Any) -> str:
    with pytest.raises(TokenRefused) as caught:
        verified(token, *answers, **more)
    return str(caught.value.reason)


KEYS = answer(key_set())


def torn(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def of_other_claims(token: str) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encoded(json.dumps(claims(sub='evil')).encode())}.{signature}"


def test_an_id_token_of_the_published_key_gives_its_claims() -> None:
    assert verified(signed(), KEYS) == claims()


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "RS384", "ES256", "rs256"])
def test_sr_i01_an_id_token_without_a_signature_is_refused_unasked(alg: str) -> None:
    assert refusal(unsigned(alg)) == "signature"


@pytest.mark.parametrize("alg", [LEFT_OUT, None, 5, ["RS256"], {"RS256": 1}, True])
def test_sr_i01_an_algorithm_that_is_no_text_is_refused(alg: object) -> None:
    head = {name: value for name, value in {"typ": "JWT", "alg": alg}.items() if value is not LEFT_OUT}

    assert refusal(f"{encoded(json.dumps(head).encode())}.{encoded(b'{}')}.AAAA") == "signature"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(torn, "signature", id="torn"),
        pytest.param(of_other_claims, "signature", id="of other claims"),
        pytest.param(lambda token: token.rpartition(".")[0] + ".", "signature", id="cut off"),
    ],
)
def test_sr_i01_a_signature_that_does_not_fit_is_refused(spoil: Callable[[str], str], reason: str) -> None:
    assert refusal(spoil(signed()), KEYS) == reason


def test_sr_i01_a_signature_of_a_key_that_is_not_published_is_refused() -> None:
    assert refusal(signed(key=rsa_key("stranger"), kid="one"), KEYS) == "signature"


CHALLENGE = Challenge(
    redirect_uri="https://app.example/complete/here/",
    state=Secret("a-state"),
    nonce=NONCE,
    verifier=None,
    scope=(),
)


@pytest.mark.parametrize("token", [unsigned(), torn(signed(claims(nonce="a-nonce")))], ids=["unsigned", "torn"])
def test_sr_i01_the_signature_is_checked_in_a_flow_and_of_a_client_token_alike(token: str) -> None:
    """OpenID Connect Core section 3.1.3.7 would let a client skip it where TLS vouches; here nobody may."""
    keys = [KEYS] if token != unsigned() else []
    tokens = answer({"access_token": "a", "id_token": token})

    with pytest.raises(ProviderBroken) as in_flow:
        play(exchange_code(ready(OIDC), Callback(code=Secret("c")), CHALLENGE), tokens, *keys)
    with pytest.raises(TokenRefused) as in_do_auth:
        play(account_of_id_token(ready(OIDC), Secret(token), nonce=None), answer(METADATA), *keys)

    assert "signature" in in_flow.value.got
    assert in_do_auth.value.reason == "signature"


PEM, DER, JWK = (
    rsa_key().as_pem(private=False),
    rsa_key().as_der(private=False),
    json.dumps(public(rsa_key())).encode(),
)


@pytest.mark.parametrize("text", [PEM, PEM.strip(), DER, JWK], ids=["pem", "pem without its newline", "der", "jwk"])
@pytest.mark.parametrize("algs", [["RS256"], ["RS256", "HS256"]], ids=["RS256", "RS256 and HS256"])
def test_sr_i02_a_public_key_is_no_shared_secret(text: bytes, algs: list[str]) -> None:
    client = ready(with_rules(algs=algs))

    assert refusal(signed_with_text(text, kid="one"), client=client) == "signature"


def test_sr_i02_an_algorithm_that_the_data_do_not_declare_is_refused_though_its_key_is_published() -> None:
    assert refusal(signed(key=ec_key(), alg="ES256")) == "signature"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 9864 gives it a new name, which few providers know yet
@pytest.mark.parametrize(("key", "alg"), [(ec_key(), "ES256"), (ed_key(), "EdDSA"), (rsa_key(), "RS256")])
def test_sr_i02_an_algorithm_that_the_data_declare_is_taken(key: Any, alg: str) -> None:
    client = ready(with_rules(algs=["RS256", "ES256", "EdDSA"]))

    assert verified(signed(key=key, alg=alg), answer(key_set(rsa_key(), ec_key(), ed_key())), client=client) == claims()


def test_sr_i02_metadata_do_not_widen_what_the_data_declare() -> None:
    metadata = answer({**METADATA, "id_token_signing_alg_values_supported": ["none", "HS256", "ES256"]})
    for token in (unsigned(), signed(key=ec_key(), alg="ES256"), signed_with_text(CLIENT_SECRET.encode())):
        with pytest.raises(TokenRefused) as caught:
            play(account_of_id_token(ready(OIDC), Secret(token), nonce=None), metadata)
        assert caught.value.reason == "signature"


def test_sr_i02_a_shared_secret_is_taken_where_the_data_declare_it_and_no_key_set_is_asked() -> None:
    client = ready(with_rules(algs=["HS256"]))

    assert verified(signed(key=secret_key(), alg="HS256"), client=client) == claims()
    assert (
        refusal(signed(key=secret_key("another-secret-of-thirty-two-bytes"), alg="HS256"), client=client) == "signature"
    )


def test_sr_i02_a_client_without_a_secret_takes_no_token_signed_with_an_empty_one() -> None:
    client = replace(ready(with_rules(algs=["HS256"])), client_secret=Secret(""))

    assert refusal(signed_with_text(b""), client=client) == "signature"


def test_sr_i02_a_key_of_a_key_set_is_never_a_shared_secret() -> None:
    symmetric = {"kty": "oct", "k": encoded(b"k" * 32), "kid": "one", "alg": "RS256", "use": "sig"}

    assert refusal(signed_with_text(b"k" * 32, kid="one"), client=ready(with_rules(algs=["RS256"]))) == "signature"
    assert refusal(signed(), answer(key_set(symmetric)), answer(key_set(symmetric))) == "signature"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(public(rsa_key(), kid="other"), id="another kid"),
        pytest.param(public(rsa_key(), use="enc"), id="for encryption"),
        pytest.param(public(rsa_key(), alg="RS512"), id="for another algorithm"),
        pytest.param(public(rsa_key(), kty="EC"), id="another kind"),
        pytest.param(public(rsa_key(), kid=LEFT_OUT), id="no kid"),
        pytest.param(public(rsa_key(), n=LEFT_OUT), id="torn"),
        pytest.param(public(rsa_key(), n=5), id="odd"),
        pytest.param(public(ec_key(), kid="one", alg="RS256", kty="RSA"), id="another kind in disguise"),
    ],
)
def test_sr_i03_a_key_that_is_not_for_this_is_not_used(key: dict[str, object]) -> None:
    assert refusal(signed(), answer(key_set(key)), answer(key_set(key))) == "signature"


@pytest.mark.parametrize("entry", [5, "key", None, ["key"], {}])
def test_sr_i03_what_is_no_key_is_passed_over(entry: Any) -> None:
    assert verified(signed(), answer(key_set(entry, public(rsa_key())))) == claims()


def test_sr_i03_without_a_kid_a_single_fitting_key_is_meant_and_of_several_none() -> None:
    token = signed(kid=LEFT_OUT)
    others = [public(rsa_key("enc"), use="enc"), public(rsa_key("two"), alg="RS512"), public(ec_key(), alg=LEFT_OUT)]
    one = answer(key_set(rsa_key(), *others))
    two = answer(key_set(rsa_key(), rsa_key("two")))

    assert verified(token, one) == claims()
    assert refusal(token, two, two) == "signature"


@pytest.mark.parametrize("kid", [5, True, ["one"], {"one": 1}])
def test_sr_i03_a_kid_that_is_no_text_names_no_key(kid: object) -> None:
    two = answer(key_set(rsa_key(), rsa_key("two")))

    assert refusal(signed(kid=kid), two, two) == "signature"


def test_sr_i03_keys_that_the_token_brings_or_points_to_are_never_looked_at() -> None:
    stranger = rsa_key("stranger")
    asked: list[Any] = []
    brought: dict[str, Any] = {
        "jwk": public(stranger),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/cert",
        "x5c": [encoded(stranger.as_der(private=False))],
        "x5t": "AAAA",
    }

    reason = refusal(signed(key=stranger, **brought), KEYS, KEYS, asked=asked)
    good = verified(signed(jwk=public(stranger), jku="https://evil.example/jwks"), KEYS, asked=asked)

    assert (reason, good) == ("signature", claims())
    assert {request.url for request in asked} == {f"{ISSUER}/jwks"}


def respelled(token: str, part: int, spell: Callable[[str], str]) -> str:
    """Give a token with one of its parts in another spelling of the same bytes, signed as if it were so."""
    parts = token.split(".")
    parts[part] = spell(parts[part])
    if part != 2:
        signature = jws.JWSRegistry.algorithms["RS256"].sign(".".join(parts[:2]).encode(), rsa_key())
        parts[2] = encoded(signature)
    return ".".join(parts)


def with_last_bits(part: str) -> str:
    """Set a bit that decoding drops; the last character stands for two or four bits that count."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + digits[digits.index(part[-1]) + 1]


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "payload", "signature"])
@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda part: part + "=" * (-len(part) % 4), id="padded"),
        pytest.param(lambda part: part.replace("_", "/"), id="of the other alphabet"),
        pytest.param(with_last_bits, id="with bits that are dropped"),
        pytest.param(lambda part: f"{part[:8]}\n{part[8:]}", id="in two lines"),
        pytest.param(lambda part: f"{part[:8]}!{part[8:]}", id="with a character that is none"),
        pytest.param(lambda part: f"{part[:8]}\u00e9{part[8:]}", id="no ascii"),
    ],
)
def test_sr_i01_a_part_in_another_spelling_is_refused(part: int, spell: Callable[[str], str]) -> None:
    # Each part has a "_", and is no multiple of four characters.
    token = next(
        token
        for token in (signed(claims(pad="?" * number), pad="?" * number) for number in range(3, 99))
        if all("_" in one and len(one) % 4 for one in token.split("."))
    )
    spelled = respelled(token, part, spell)

    assert verified(token, KEYS)["sub"] == "248289761001"
    assert spelled != token
    with pytest.raises(TokenRefused) as caught:
        play(verified_claims(ready(OIDC), Secret(spelled), expected=EXPECTED), *[KEYS][: part != 0])
    assert caught.value.reason in {"signature", "malformed"}


@pytest.mark.parametrize(
    "head",
    [
        pytest.param({"b64": False}, id="a payload that is not encoded"),
        pytest.param({"b64": 1}, id="b64 as a number"),
        pytest.param({"jwk": "a-key"}, id="a key that is none"),
        pytest.param({"jku": 5}, id="an address that is none"),
        pytest.param({"x5c": "AAAA"}, id="certificates that are no list"),
        pytest.param({"typ": 5}, id="a type that is no text"),
        pytest.param({"kid": 5}, id="a kid that is no text"),
    ],
)
def test_sr_i03_a_header_whose_parts_are_not_what_they_should_be_is_refused_unasked(head: dict[str, Any]) -> None:
    assert refusal(signed(**head)) == "signature"


def test_sr_i03_a_payload_that_says_to_be_encoded_is_taken() -> None:
    assert verified(signed(b64=True), KEYS) == claims()


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(public(rsa_key(), key_ops=["sign"]), id="to sign with"),
        pytest.param(public(rsa_key(), use=LEFT_OUT, key_ops=["encrypt"]), id="to encrypt with"),
    ],
)
def test_sr_i03_a_key_that_is_for_other_operations_is_not_used(key: dict[str, object]) -> None:
    with pytest.raises(TokenRefused) as caught:
        play(verified_claims(ready(OIDC), Secret(signed()), expected=EXPECTED), answer(key_set(key)))

    assert caught.value.reason == "signature"


def test_sr_i03_a_key_of_another_curve_than_the_algorithms_is_not_used() -> None:
    key = ECKey.generate_key("P-384", {"kid": "ec", "use": "sig"})
    client = ready(with_rules(algs=["ES256"]))

    assert refusal(signed(key=key, alg="ES256"), answer(key_set(key)), client=client) == "signature"


def test_sr_i01_a_signature_of_another_length_or_form_is_refused() -> None:
    client, keys = ready(with_rules(algs=["ES256"])), answer(key_set(ec_key()))
    token = signed(key=ec_key(), alg="ES256")
    head, body, signature = token.split(".")
    raw_signature = base64.urlsafe_b64decode(signature + "==")
    half = len(raw_signature) // 2
    in_der = encode_dss_signature(int.from_bytes(raw_signature[:half]), int.from_bytes(raw_signature[half:]))

    assert verified(token, keys, client=client) == claims()
    for other in (in_der, raw_signature + b"\0", raw_signature[:-1], b"\0" + raw_signature, raw_signature[:half]):
        assert refusal(f"{head}.{body}.{encoded(other)}", keys, client=client) == "signature"


def test_what_is_kept_of_a_key_set_is_of_its_bytes_alone() -> None:
    """One set is read once, and neither another set nor one that cannot be read is taken for it."""
    two = answer(key_set(rsa_key("two")))
    torn_set = raw(KEYS.body[:-1])

    assert verified(signed(), KEYS) == claims()
    assert refusal(signed(), two, two) == "signature"
    for _ in range(2):
        with pytest.raises(ProviderBroken):
            verified(signed(), torn_set)
    assert verified(signed(), KEYS) == claims()


@pytest.mark.parametrize("crit", [["x"], [], ["exp"], "x", None, ["b64"]])
def test_sr_i03_a_token_that_demands_an_extension_is_refused_unasked(crit: object) -> None:
    head = {"alg": "RS256", "kid": "one", "crit": crit, "x": 1, "b64": True}

    assert refusal(f"{encoded(json.dumps(head).encode())}.{encoded(b'{}')}.AAAA") == "malformed"


def test_sr_i03_an_unknown_key_is_asked_for_once_more() -> None:
    asked: list[Any] = []

    result = verified(signed(key=rsa_key("two")), KEYS, answer(key_set(rsa_key(), rsa_key("two"))), asked=asked)

    assert result == claims()
    assert [(request.shared, request.renewed) for request in asked] == [(True, False), (True, True)]


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(answer({"keys": [public(rsa_key())] * 101}), id="too many"),
        pytest.param(answer({"keys": {}}), id="no list"),
        pytest.param(answer({}), id="nothing"),
        pytest.param(answer([]), id="an array"),
        pytest.param(raw(b"<html>"), id="html"),
        pytest.param(answer({}, 302, location="https://evil.example"), id="redirect"),
    ],
)
def test_a_key_set_that_cannot_be_read_is_the_providers_fault(response: Response) -> None:
    with pytest.raises(ProviderBroken) as caught:
        verified(signed(), response)

    assert caught.value.endpoint == "key set"


def test_a_provider_that_publishes_no_keys_has_no_id_tokens() -> None:
    client = ready(OIDC)
    client = replace(client, endpoints=replace(client.endpoints, jwks=None))

    assert refusal(signed(), client=client) == "kind"


def test_a_provider_whose_data_say_nothing_of_id_tokens_is_held_to_the_standard() -> None:
    client = ready(OIDC)
    client = replace(client, provider=replace(client.provider, id_token=None))

    assert verified(signed(), KEYS, client=client) == claims()


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.b.c.d.e", id="encrypted"),
        pytest.param("a.b.c", id="no base64"),
        pytest.param("ü.b.c", id="no ascii"),
        pytest.param(f"{encoded(b'[]')}.e30.AAAA", id="a header that is a list"),
        pytest.param(f"{encoded(b'{')}.e30.AAAA", id="a torn header"),
        pytest.param(encoded(b'{"alg":"RS256","alg":"none"}') + ".e30.AAAA", id="a name twice"),
        pytest.param(f"{encoded(b' ' * 1600)}.e30.AAAA", id="a long header"),
        pytest.param(signed(claims(pad="x" * 16384)), id="too long"),
    ],
)
def test_a_token_that_is_no_signed_jwt_is_refused_unasked(token: str) -> None:
    assert refusal(token) == "malformed"


@pytest.mark.parametrize(
    "payload", [b"[]", b'"text"', b"{", b"\xff", b'{"sub": "a", "sub": "b"}', b'{"exp": NaN}', b""]
)
def test_signed_bytes_that_are_no_claims_are_refused(payload: bytes) -> None:
    assert refusal(signed(payload), KEYS) == "malformed"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt"])
def test_a_jwt_of_another_kind_is_no_id_token(typ: str) -> None:
    assert refusal(signed(typ=typ)) == "kind"


@pytest.mark.parametrize("typ", [LEFT_OUT, "JWT", "jwt", "id_token+jwt"])
def test_the_kind_need_not_be_named(typ: object) -> None:
    assert verified(signed(typ=typ), KEYS) == claims()


def with_at_hash(at_hash: object, **rules: object) -> dict[str, object]:
    expected = replace(EXPECTED, access_token=Secret("an-access-token"))
    return verified(signed(claims(at_hash=at_hash)), KEYS, client=ready(with_rules(**rules)), expected=expected)


@pytest.mark.parametrize("at_hash", [half_hash("another"), "", 5, [half_hash("an-access-token")]])
def test_sr_i08_an_id_token_of_another_access_token_is_refused(at_hash: object) -> None:
    with pytest.raises(TokenRefused) as caught:
        with_at_hash(at_hash)

    assert caught.value.reason == "signature"


@pytest.mark.parametrize("at_hash", [half_hash("an-access-token"), LEFT_OUT, None])
def test_sr_i08_an_id_token_of_this_access_token_or_of_none_is_taken(at_hash: object) -> None:
    assert with_at_hash(at_hash)["sub"] == "248289761001"


def test_sr_i08_a_hash_is_not_compared_where_the_data_say_that_it_is_wrong_there() -> None:
    assert with_at_hash("whatever", lax=["at_hash"])["sub"] == "248289761001"


@pytest.mark.parametrize(
    ("alg", "length"), [("RS256", 22), ("ES384", 32), ("PS512", 43), ("Ed25519", 43), ("EdDSA", 43)]
)
def test_a_half_hash_is_by_the_hash_of_the_algorithm(alg: str, length: int) -> None:
    assert len(left_half("an-access-token", alg=alg)) == length


def test_the_claims_of_a_stored_token_are_read_and_of_a_torn_one_none() -> None:
    assert unverified_claims(Secret(signed())) == claims()
    for torn_token in ("a.b", "a.b.c", ""):
        assert unverified_claims(Secret(torn_token)) == {}


def test_a_header_names_the_algorithm_and_the_key() -> None:
    header = header_of(Secret(signed()), rules=IdTokenRules(), backend="here")

    assert (header.alg, header.kid) == ("RS256", "one")
