"""Reading answers: a value or the error that fits, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.errors import ProviderBroken, ProviderError, ProviderRefused, ProviderUnreachable
from asgi_social.expressions import path
from asgi_social.protocols.body import object_of, retry_after_of
from asgi_social.protocols.message import Response
from asgi_social.protocols.strict_json import MAX_DEPTH, parsed
from asgi_social.testing.clock import START
from tests.protocols.played import answer, raw

FORM = "application/x-www-form-urlencoded"


def read(response: Response) -> dict[str, object]:
    return object_of(response, endpoint="token endpoint", backend="here")


@pytest.mark.parametrize(
    ("response", "value"),
    [
        pytest.param(answer({"a": 1}), {"a": 1}, id="json"),
        pytest.param(answer({"a": 1}, 201), {"a": 1}, id="another 2xx"),
        pytest.param(raw(b'{"a": 1}', "text/html"), {"a": 1}, id="json under another name"),
        pytest.param(raw(b"a=1&b=x%20y", FORM), {"a": "1", "b": "x y"}, id="form"),
        pytest.param(raw(b"a=1", "text/plain; charset=utf-8"), {"a": "1"}, id="form as plain text"),
        pytest.param(raw(b"a=1", ""), {"a": "1"}, id="form without a content type"),
    ],
)
def test_an_answer_is_read_as_json_or_as_a_form(response: Response, value: object) -> None:
    assert read(response) == value


@pytest.mark.parametrize(
    ("response", "got"),
    [
        pytest.param(raw(b"[1]"), "3 bytes of an array", id="array"),
        pytest.param(raw(b'"a"'), "3 bytes of a str", id="text"),
        pytest.param(raw(b"null"), "4 bytes of a NoneType", id="null"),
        pytest.param(raw(b""), "an empty body", id="nothing"),
        pytest.param(raw(b"<html>", "text/html"), "6 bytes of text/html", id="html"),
        pytest.param(raw(b"a=1", "text/html"), "3 bytes of text/html", id="a form as html"),
        pytest.param(raw(b"no form", FORM), f"7 bytes of {FORM}", id="no form"),
        pytest.param(raw(b"a=1&a=2", FORM), f"7 bytes of {FORM}", id="a name twice in a form"),
        pytest.param(raw(b"\xff=1", FORM), f"3 bytes of {FORM}", id="a form that is no utf-8"),
        pytest.param(raw(b'{"a": 1'), "7 bytes of application/json", id="cut off"),
        pytest.param(raw(b'{"a": 1, "a": 2}'), "16 bytes of application/json", id="a name twice"),
        pytest.param(raw(b'{"a": NaN}'), "10 bytes of application/json", id="NaN"),
        pytest.param(raw(b'{"a": -Infinity}'), "16 bytes of application/json", id="Infinity"),
        pytest.param(raw(b'{"a": 1e999}'), "12 bytes of application/json", id="beyond a float"),
        pytest.param(raw(b'{"a": "\xff"}'), "10 bytes of application/json", id="no utf-8"),
        pytest.param(raw(b"\xef\xbb\xbf{}", ""), "5 bytes of no content type", id="byte order mark"),
    ],
)
def test_an_answer_that_is_no_object_is_broken_and_only_its_size_is_told(response: Response, got: str) -> None:
    with pytest.raises(ProviderBroken) as caught:
        read(response)

    assert caught.value.got == got


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 5_000, 200_000])
def test_an_answer_that_is_too_deep_is_broken(depth: int) -> None:
    with pytest.raises(ProviderBroken):
        read(raw(b'{"a":' * depth + b"1" + b"}" * depth))


def test_a_depth_within_the_limit_is_read() -> None:
    value = read(raw(b'{"a":' * (MAX_DEPTH - 1) + b"1" + b"}" * (MAX_DEPTH - 1)))

    assert list(value) == ["a"]


def test_many_objects_beside_each_other_are_not_deep() -> None:
    assert parsed("[" + "{}," * MAX_DEPTH + '"' + "[" * MAX_DEPTH + '"]') == [{}] * MAX_DEPTH + ["[" * MAX_DEPTH]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("18446744073709551615", 2**64 - 1, id="64 bits"),
        pytest.param("18446744073709551616", "18446744073709551616", id="65 bits"),
        pytest.param("1" * 5_000, "1" * 5_000, id="more digits than Python reads"),
        pytest.param("-7", -7, id="negative"),
        pytest.param("1.5", 1.5, id="fraction"),
    ],
)
def test_a_number_that_cannot_be_counted_with_comes_as_its_text(text: str, value: object) -> None:
    assert parsed(text) == value


@pytest.mark.parametrize(
    ("response", "error", "description"),
    [
        pytest.param(answer({"error": "invalid_grant"}, 400), "invalid_grant", "", id="rfc 6749"),
        pytest.param(answer({"error": "e", "error_description": "why"}, 401), "e", "why", id="with its description"),
        pytest.param(
            answer({"error": {"type": "OAuthException", "message": "m"}}, 400), "OAuthException", "m", id="facebook"
        ),
        pytest.param(answer({"error": {"status": "DENIED", "code": 403}}, 403), "DENIED", "", id="google"),
        pytest.param(answer({"error": {"code": 190}}, 400), "190", "", id="by its number"),
        pytest.param(raw(b"error=invalid_grant&error_description=no", FORM, 400), "invalid_grant", "no", id="form"),
        pytest.param(answer({"error": "e", "error_description": 5}, 400), "e", "", id="an odd description"),
    ],
)
def test_an_error_status_with_an_error_is_the_providers_no(response: Response, error: str, description: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        read(response)

    assert (caught.value.error, caught.value.description) == (error, description)
    assert caught.value.http_status == response.status


@pytest.mark.parametrize(
    ("code", "error"),
    [
        pytest.param("error.code", "190", id="there"),
        pytest.param("errcode", "OAuthException", id="not there"),
    ],
)
def test_an_error_status_is_read_where_the_provider_has_its_code(code: str, error: str) -> None:
    said = answer({"error": {"type": "OAuthException", "code": 190}}, 400)

    with pytest.raises(ProviderRefused) as caught:
        object_of(said, endpoint="token endpoint", backend="a-backend", code=path(code))

    assert caught.value.error == error


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(answer({}, 400), id="no error"),
        pytest.param(answer({"error": True}, 400), id="a boolean"),
        pytest.param(answer({"error": {}}, 400), id="an empty object"),
        pytest.param(answer(["error"], 404), id="array"),
        pytest.param(raw(b"<html>", "text/html", 403), id="html"),
        pytest.param(answer({"error": "e"}, 304), id="not modified"),
        pytest.param(answer({}, 302, location="https://other.example"), id="redirect"),
        pytest.param(answer({}, 199), id="below 200"),
    ],
)
def test_any_other_status_is_broken(response: Response) -> None:
    with pytest.raises(ProviderBroken) as caught:
        read(response)

    assert caught.value.http_status == response.status


@pytest.mark.parametrize(("status", "may_have_arrived"), [(429, False), (500, True), (503, True)])
def test_a_busy_provider_is_unreachable(status: int, may_have_arrived: bool) -> None:
    with pytest.raises(ProviderUnreachable) as caught:
        read(answer({"error": "invalid_grant"}, status, retry_after="7"))

    assert (caught.value.may_have_arrived, caught.value.retry_after) == (may_have_arrived, 7.0)
    assert caught.value.http_status == status


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("0", 0.0, id="at once"),
        pytest.param(" 120 ", 120.0, id="seconds"),
        pytest.param("9" * 400, 3600.0, id="for ever"),
        pytest.param("Fri, 15 Jan 2027 08:01:00 GMT", 60.0, id="date"),
        pytest.param("Fri, 15 Jan 2027 08:01:00 -0000", 60.0, id="date without a zone"),
        pytest.param("Fri, 15 Jan 2027 07:00:00 GMT", 0.0, id="gone by"),
        pytest.param("Fri, 15 Jan 2028 08:00:00 GMT", 3600.0, id="next year"),
        pytest.param("", None, id="nothing"),
        pytest.param("soon", None, id="a word"),
        pytest.param("-5", None, id="negative"),
        pytest.param("\u0663", None, id="a digit of another script"),
        pytest.param("Fri, 15 Jan 99999999999999999999 08:00:00 GMT", None, id="a year of twenty digits"),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(text: str, seconds: float | None) -> None:
    assert START == 1_800_000_000.0  # 15 January 2027, 8:00 UTC

    assert retry_after_of(answer({}, 503, retry_after=text)) == seconds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(
    body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    status=st.integers(100, 599),
    kind=st.sampled_from(["application/json", FORM, "text/html", ""]),
    retry_after=st.text(max_size=40),
)
def test_every_answer_gives_an_object_or_a_provider_error(
    body: bytes, status: int, kind: str, retry_after: str
) -> None:
    try:
        value = read(raw(body, kind, status, retry_after=retry_after))
    except ProviderError:
        return
    assert isinstance(value, dict)
    assert 200 <= status < 300
