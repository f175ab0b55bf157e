"""Answers in the formats that providers speak, read into what JSON could hold, and nothing hostile among them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.protocols.formats import Format, read_as
from asgi_social.testing.shaped_answers import written

FORMATS: tuple[Format, ...] = ("json", "query", "jsonp", "xml", "text", "none")


@pytest.mark.parametrize(
    ("form", "body", "value"),
    [
        pytest.param("json", b'{"id": 9007199254740993}', {"id": 9007199254740993}, id="json"),
        pytest.param("query", b"access_token=a&expires=7", {"access_token": "a", "expires": "7"}, id="query"),
        pytest.param("jsonp", b'callback( {"openid":"A"} );\n', {"openid": "A"}, id="jsonp"),
        pytest.param("jsonp", b'{"ret": 0}', {"ret": 0}, id="json where jsonp was awaited"),
        pytest.param("jsonp", b"cb([1])", [1], id="a list as jsonp"),
        pytest.param("xml", b'<R><u id="7"><n>Ada</n></u></R>', {"R": {"u": {"@id": "7", "n": "Ada"}}}, id="xml"),
        pytest.param("xml", b"<R><m>a</m><m>b</m><m>c</m></R>", {"R": {"m": ["a", "b", "c"]}}, id="xml, a list"),
        pytest.param("xml", b'<R k="1"> t </R>', {"R": {"@k": "1", "#text": "t"}}, id="xml, text and attribute"),
        pytest.param("xml", "<R>Größe</R>".encode(), {"R": "Größe"}, id="xml, Unicode"),
        pytest.param("text", b" ada\n", {"text": "ada"}, id="text"),
        pytest.param("none", b"\xff", {}, id="none"),
    ],
)
def test_a_body_is_read_in_its_format(form: Format, body: bytes, value: object) -> None:
    assert read_as(form, body) == value


@pytest.mark.parametrize(
    ("form", "body"),
    [
        pytest.param("json", b"callback({})", id="jsonp where json was awaited"),
        pytest.param("query", b"a=1&a=2", id="a name twice"),
        pytest.param("query", b"<html>", id="no form text"),
        pytest.param("query", b"&".join(b"a%d=1" % number for number in range(101)), id="too many fields"),
        pytest.param("jsonp", b"callback({", id="jsonp cut off"),
        pytest.param("jsonp", b"alert(1)//({}", id="more than a call"),
        pytest.param("xml", b"<R>", id="xml cut off"),
        pytest.param("xml", b"no xml", id="no xml"),
        pytest.param("xml", b"<!DOCTYPE R><R/>", id="a document type"),
        pytest.param("xml", b'<!DOCTYPE R [<!ENTITY x "y">]><R>&x;</R>', id="an entity"),
        pytest.param("xml", b'<!DOCTYPE R [<!ENTITY x SYSTEM "file:///etc/passwd">]><R>&x;</R>', id="a file"),
        pytest.param("xml", b"<a>" * 40 + b"</a>" * 40, id="xml too deep"),
        pytest.param("xml", b"<a>" * 5000 + b"</a>" * 5000, id="xml far too deep"),
        pytest.param("text", b"\xff", id="no text"),
    ],
)
def test_what_is_in_another_format_or_hostile_is_refused(form: Format, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whichever of its kinds
        read_as(form, body)


@given(st.sampled_from(FORMATS), st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(form: Format, body: bytes) -> None:
    try:
        read_as(form, body)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("json", {"id": 7}),
        ("query", {"id": "7", "name": "Ada L"}),
        ("jsonp", {"id": 7}),
        ("xml", {"R": {"@id": "7", "name": "Ada & L", "mail": ["a", {"@primary": "true", "#text": "b"}]}}),
        ("text", {"text": "ada"}),
        ("none", {}),
    ],
)
def test_the_fake_provider_writes_what_is_read(form: Format, value: object) -> None:
    assert read_as(form, bytes(written(value, form).body)) == value
