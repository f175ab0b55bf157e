"""Signatures of OAuth 1.0a, held against the specification's own example, and written out here a second time."""

import base64
import hashlib
import hmac
import importlib.machinery
import logging
import sys
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from asgi_social.protocols.signing import Pairs, Signer, TokenPair, is_installed, pair_of, private_key
from asgi_social.secret import Secret
from asgi_social.testing.clock import START

RSA = RSAKey.generate_key(2048)
PEM = RSA.as_pem(private=True).decode()
PAIR = TokenPair(token="a/token", secret=Secret("its&secret"))
HMAC = Signer(client_id="an-id", client_secret=Secret("a-secret"), method="HMAC-SHA1", now=START)


def said(header: str) -> dict[str, str]:
    """Give the parameters of a header."""
    scheme, _, rest = header.partition(" ")
    assert scheme == "OAuth"
    pairs = (one.partition("=") for one in rest.split(", "))
    return {name: unquote(value.strip('"')) for name, _, value in pairs}


def base_of(method: str, address: str, pairs: Pairs) -> str:
    """Put together what is signed, by RFC 5849 section 3.4.1, without oauthlib."""
    encoded = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in pairs)
    normalized = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join(quote(part, safe="-._~") for part in (method, address, normalized))


def hmac_of(base: str, client_secret: str, token_secret: str) -> str:
    key = "&".join(quote(one, safe="-._~") for one in (client_secret, token_secret))
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha1).digest()).decode()


def test_what_these_tests_hold_signatures_against_is_right_about_the_example_of_the_specification() -> None:
    """OAuth Core 1.0 Revision A, appendix A.5."""
    pairs = {
        "oauth_consumer_key": "dpf43f3p2l4k3l03",
        "oauth_token": "nnch734d00sl2jdk",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": "1191242096",
        "oauth_nonce": "kllo9940pd9333jh",
        "oauth_version": "1.0",
        "file": "vacation.jpg",
        "size": "original",
    }

    base = base_of("GET", "http://photos.example.net/photos", pairs.items())

    assert hmac_of(base, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00") == "tR3+Ty81lMeYAr/Fid0kMTYa/WM="


@pytest.mark.parametrize(
    ("method", "url", "form", "pair", "more", "address"),
    [
        pytest.param("GET", "https://a.example/r", {}, None, {}, "https://a.example/r", id="nothing besides"),
        pytest.param(
            "POST",
            "https://a.example/r",
            {},
            None,
            {"oauth_callback": "https://app.example/complete/x/?state=s~1"},
            "https://a.example/r",
            id="a callback",
        ),
        pytest.param(
            "GET", "https://a.example/r?b=2&a=1&a=%C3%A4+x&e=", {}, PAIR, {}, "https://a.example/r", id="query"
        ),
        pytest.param("GET", "https://a.example/r?a=1#part", {}, PAIR, {}, "https://a.example/r", id="a fragment"),
        pytest.param(
            "POST", "https://a.example/r?a=1", {"a": "2 &=", "z": "ü"}, PAIR, {}, "https://a.example/r", id="form"
        ),
        pytest.param("DELETE", "https://A.example:443/R", {}, PAIR, {}, "https://a.example/R", id="as it is compared"),
        pytest.param("GET", "https://a.example:8443/r", {}, PAIR, {}, "https://a.example:8443/r", id="another port"),
    ],
)
def test_a_request_is_signed_over_all_of_it(
    method: str, url: str, form: dict[str, str], pair: TokenPair | None, more: Mapping[str, str], address: str
) -> None:
    header = said(HMAC.authorization(method, url, form=form.items(), pair=pair, more=more))

    signature = header.pop("oauth_signature")
    query = parse_qsl(url.partition("?")[2].partition("#")[0], keep_blank_values=True)
    base = base_of(method, address, [*header.items(), *query, *form.items()])
    assert signature == hmac_of(base, "a-secret", "" if pair is None else "its&secret")
    assert {name: header[name] for name in header if name != "oauth_nonce"} == {
        "oauth_consumer_key": "an-id",
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(int(START)),
        "oauth_version": "1.0",
        **({} if pair is None else {"oauth_token": "a/token"}),
        **more,
    }


def test_each_request_has_a_nonce_of_its_own() -> None:
    headers = [said(HMAC.authorization("GET", "https://a.example/", form=(), pair=None, more={})) for _ in range(2)]

    assert headers[0]["oauth_nonce"] != headers[1]["oauth_nonce"]


def test_rsa_sha1_signs_with_the_private_key_and_no_token_secret() -> None:
    signer = Signer(client_id="an-id", client_secret=Secret(f"\n{PEM}\n"), method="RSA-SHA1", now=START)

    header = said(signer.authorization("GET", "https://a.example/r?a=1", form=(), pair=PAIR, more={}))

    signature = base64.b64decode(header.pop("oauth_signature"))
    base = base_of("GET", "https://a.example/r", [*header.items(), ("a", "1")])
    assert header["oauth_signature_method"] == "RSA-SHA1"
    public_key = private_key(Secret(PEM)).public_key()
    # It raises where the signature is another.
    public_key.verify(signature, base.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # the protocol's


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a-secret", id="no PEM"),
        pytest.param("", id="nothing"),
        pytest.param(ECKey.generate_key("P-256").as_pem(private=True).decode(), id="another kind"),
        pytest.param(RSA.as_pem(private=False).decode(), id="a public key"),
        pytest.param(RSA.as_pem(private=True, password="hunter2").decode(), id="with a password"),
    ],
)
def test_what_is_no_private_key_is_told(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of cryptography's own words
        private_key(Secret(text))


def test_nothing_that_is_signed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        HMAC.authorization("GET", "https://a.example/r?a=1", form=(), pair=PAIR, more={"oauth_verifier": "a-verifier"})

    assert caplog.records == []


def test_a_pair_is_stored_as_social_auth_has_it_and_read_again() -> None:
    text = PAIR.as_text()

    assert text.reveal() == '{"oauth_token":"a/token","oauth_token_secret":"its&secret"}'
    assert pair_of(text) == PAIR
    assert "secret" not in repr(PAIR).replace("secret=", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"oauth_token": "t", "oauth_token_secret": ""}', TokenPair(token="t", secret=Secret(""))),
        ('{"oauth_token": "t", "oauth_token_secret": "s", "user_id": "7"}', TokenPair(token="t", secret=Secret("s"))),
        ('{"oauth_token": "", "oauth_token_secret": "s"}', None),
        ('{"oauth_token": "t"}', None),
        ('{"oauth_token": 7, "oauth_token_secret": "s"}', None),
        ('["t", "s"]', None),
        ("a-token", None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_any_other_text_is_no_pair(text: str, expected: TokenPair | None) -> None:
    assert pair_of(Secret(text)) == expected


@given(st.text())
def test_whatever_is_stored_is_a_pair_or_none(text: str) -> None:
    assert pair_of(Secret(text)) is None or "oauth_token" in text


@given(token=st.text(min_size=1), secret=st.text())
def test_every_pair_comes_back(token: str, secret: str) -> None:
    pair = TokenPair(token=token, secret=Secret(secret))

    assert pair_of(pair.as_text()) == pair


def test_whether_oauthlib_is_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    there = is_installed()
    for name in [one for one in sys.modules if one.partition(".")[0] == "oauthlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.machinery.PathFinder, "find_spec", lambda *_: None)

    assert (there, is_installed()) == (True, False)
