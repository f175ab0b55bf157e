"""What is sent: templates, and what they make of values."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from asgi_social.expressions import ExpressionError, template

VALUES: Mapping[str, object] = {
    "client_id": "abc",
    "empty": "",
    "null": None,
    "number": 10**21,
    "fraction": 1.5,
    "small": 1e-7,
    "large": 1e22,
    "infinite": float("inf"),
    "endless": 10**5000,
    "yes": True,
    "no": False,
    "zero": 0,
    "list": ["x"],
    "surrogate": "a\ud800",
    "token": {"id": "https://h.example/1", "authed_user": {"id": 7}, "list": [1], "json": '{"a": 1}'},
    "setting": MappingProxyType({"resource": "r"}),
    "token.flat": "flat",
    "emails": {"@header": {"x-name": "header"}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain text", "plain text", id="text-is-itself"),
        pytest.param("", None, id="the-empty-template-is-not-sent"),
        pytest.param("{client_id}", "abc", id="name"),
        pytest.param("a{client_id}b{client_id}c", "aabcbabcc", id="names-within-text"),
        pytest.param("{client_id}{setting.resource}", "abcr", id="names-side-by-side"),
        pytest.param("{token.authed_user.id}", "7", id="root-and-steps"),
        pytest.param("{setting.resource}", "r", id="any-mapping-has-steps"),
        pytest.param("{token.flat}", "flat", id="a-dotted-name-given-whole-comes-first"),
        pytest.param("{emails.@header.x-name}", "header", id="header"),
        pytest.param("{{client_id}}", "{client_id}", id="literal-braces"),
        pytest.param("{{{client_id}}}", "{abc}", id="a-name-between-literal-braces"),
        pytest.param('{{"id":"{client_id}"}}', '{"id":"abc"}', id="json"),
        pytest.param("a|'b'", "a|'b'", id="nothing-else-has-a-meaning"),
        pytest.param("{number}", "1000000000000000000000", id="whole-number"),
        pytest.param("{fraction}", "1.5", id="fraction"),
        pytest.param("{small}", "0.0000001", id="small-fraction-without-exponent"),
        pytest.param("{large}", "10000000000000000000000", id="large-fraction-without-exponent"),
        pytest.param("{zero}", "0", id="zero-is-not-empty"),
        pytest.param("{yes}{no}", "truefalse", id="booleans"),
        pytest.param("x{empty}", None, id="empty-placeholder"),
        pytest.param("x{null}", None, id="null-placeholder"),
        pytest.param("x{missing}", None, id="missing-name"),
        pytest.param("x{missing.name}", None, id="missing-root"),
        pytest.param("x{client_id.name}", None, id="step-on-text"),
        pytest.param("x{token.list.a}", None, id="step-on-list"),
        pytest.param("x{token.json.a}", None, id="step-on-json-text"),
        pytest.param("x{list}", None, id="list"),
        pytest.param("x{token}", None, id="mapping"),
        pytest.param("x{infinite}", None, id="infinite-number"),
        pytest.param("x{endless}", None, id="number-of-thousands-of-digits"),
        pytest.param("x{surrogate}", None, id="text-that-utf-8-cannot-say"),
    ],
)
def test_a_template_renders_its_text_with_the_values_or_nothing(text: str, expected: str | None) -> None:
    assert template(text).render(VALUES) == expected


def test_a_template_names_its_placeholders_and_keeps_its_source() -> None:
    made = template("{api}/orgs/{setting.org}/{api}/{{no}}")

    assert made.names == {"api", "setting.org"}
    assert made.source == "{api}/orgs/{setting.org}/{api}/{{no}}"


def test_in_a_url_every_placeholder_is_percent_encoded_but_those_named() -> None:
    made = template("{token.id}/b?{token.id}&{yes}").render(VALUES, verbatim={"yes"})

    assert made == "https%3A%2F%2Fh.example%2F1/b?https%3A%2F%2Fh.example%2F1&true"
    assert template("{token.id}/b").render(VALUES, verbatim={"token.id"}) == "https://h.example/1/b"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        pytest.param("{", 1, id="open-brace-alone"),
        pytest.param("ab}", 3, id="close-brace-alone"),
        pytest.param("a{b", 2, id="never-closed"),
        pytest.param("a{}", 2, id="no-name"),
        pytest.param("{a b}", 1, id="space-in-a-name"),
        pytest.param("{ a}", 1, id="space-before-a-name"),
        pytest.param("{a.}", 1, id="dot-at-the-end"),
        pytest.param("{.a}", 1, id="dot-in-front"),
        pytest.param("{a..b}", 1, id="two-dots"),
        pytest.param("{a[0]}", 1, id="pick"),
        pytest.param("{a|b}", 1, id="alternative"),
        pytest.param("{a?}", 1, id="optional"),
        pytest.param("{$token.a}", 1, id="root-of-a-path"),
        pytest.param("{a}}", 4, id="one-brace-too-many"),
        pytest.param("{{a}", 4, id="one-brace-too-few"),
        pytest.param("{é}", 1, id="letter-outside-ascii"),
    ],
)
def test_a_wrong_template_is_refused_with_the_position(text: str, position: int) -> None:
    with pytest.raises(ExpressionError, match=rf"character {position} of "):
        template(text)
