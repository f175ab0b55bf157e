"""What may name an account, and which picture a page may show."""

import pytest

from asgi_social.account import https_or_none, uid_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(583231, "583231", id="a whole number is its digits"),
        pytest.param(2**63 + 1, "9223372036854775809", id="also beyond what a fraction holds"),
        pytest.param("Abc", "Abc", id="text as it is"),
        pytest.param("ä" * 127, "ä" * 127, id="254 bytes"),
        pytest.param("ä" * 128, None, id="256 bytes"),
        pytest.param(2**64, None, id="more than 64 bits"),
        pytest.param(0, None, id="zero"),
        pytest.param(1.0, None, id="a fraction"),
        pytest.param(True, None, id="a boolean"),
        pytest.param(None, None, id="nothing"),
        pytest.param("", None, id="empty"),
        pytest.param(" \t", None, id="white space"),
        pytest.param("None", None, id="a program's nothing"),
        pytest.param("a\0b", None, id="a NUL"),
        pytest.param("a\ud800", None, id="a lone surrogate"),
        pytest.param(["7"], None, id="a list"),
        pytest.param({"id": 7}, None, id="an object"),
    ],
)
def test_a_uid_is_a_text_or_a_whole_number_that_names_somebody(value: object, expected: str | None) -> None:
    assert uid_of(value) == expected


@pytest.mark.parametrize(
    "value", ["http://a.example/p.png", "javascript:alert(1)", "//a.example/p", "https://" + "a" * 2048, 7, None]
)
def test_a_picture_is_shown_from_an_https_address_only(value: object) -> None:
    assert https_or_none("https://a.example/p.png") == "https://a.example/p.png"
    assert https_or_none(value) is None
