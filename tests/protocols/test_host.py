"""Hosts to which a token may be sent: how they are written, and which others are not them."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.protocols.host import host_of, host_pattern


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("api.example.com", "api.example.com", None),
        ("api.example.com", "API.Example.COM", None),
        ("API.example.com.", "api.example.com", None),
        ("api.example.com", "api.example.com.", None),
        ("api.example.com:443", "api.example.com", None),
        ("api.example.com:8443", "api.example.com", 8443),
        ("bücher.example", "xn--bcher-kva.example", None),
        ("xn--bcher-kva.example", "BÜCHER.example", None),
        ("*.example.com", "api.example.com", None),
        ("*.example.com", "a.b.example.com", None),
        ("*.example.com:8443", "api.example.com", 8443),
        ("localhost", "localhost", None),
        ("127.0.0.1:8001", "127.0.0.1", 8001),
        ("[::1]:8001", "::1", 8001),
        ("[::1]", "0:0:0:0:0:0:0:1", None),
    ],
)
def test_a_host_is_covered_however_it_is_written(text: str, host: str, port: int | None) -> None:
    pattern = host_pattern(text)

    assert pattern is not None
    assert pattern.covers(host, port)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("api.example.com", "example.com", None),
        ("api.example.com", "a.api.example.com", None),
        ("api.example.com", "api.example.com.evil.example", None),
        ("api.example.com", "api.example.com..", None),
        ("api.example.com", "api.example.com", 8443),
        ("api.example.com:8443", "api.example.com", None),
        ("*.example.com", "example.com", None),
        ("*.example.com", "evilexample.com", None),
        ("*.example.com", ".example.com", None),
        ("*.example.com", "evil.test\\.example.com", None),
        ("*.example.com", "evil.test%2f.example.com", None),
        ("*.example.com", "evil.test/.example.com", None),
        ("*.example.com", "api.example.com", 8443),
        ("api.example.com", "\N{CYRILLIC SMALL LETTER A}pi.example.com", None),
        ("api.example.com", "api。example。com\N{ZERO WIDTH SPACE}", None),
        ("127.0.0.1", "127.1", None),
        ("[::1]", "::2", None),
        ("[::1]", "::1::", None),
        ("api.example.com", "", None),
    ],
)
def test_another_host_is_not_covered(text: str, host: str, port: int | None) -> None:
    pattern = host_pattern(text)

    assert pattern is not None
    assert not pattern.covers(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "*.", "*.com", "*.com.", "*example.com", "api.*.com", "*.*.example.com", "*.0.0.1", "*.[::1]"),
        *("https://api.example.com", "api.example.com/v1", "ada@api.example.com", "api.example.com:", "a b.example"),
        *("api.example.com:0", "api.example.com:65536", "api.example.com:a", "[api.example.com]", "::1", "[::1"),
        *(".example", "a..example", "bü\N{ZERO WIDTH SPACE}cher.example", "api.example.com\n"),
    ],
)
def test_what_is_no_host_is_not_read(text: str) -> None:
    assert host_pattern(text) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://API.example.com/me", "api.example.com"),
        ("https://api.example.com:443/me", "api.example.com"),
        ("https://api.example.com:8443/me", "api.example.com:8443"),
        ("http://localhost:80/me", "localhost"),
        ("http://[::1]:8001/me", "[::1]:8001"),
        ("https://bücher.example./me", "xn--bcher-kva.example"),
        ("https:///me", "None"),
    ],
)
def test_the_host_of_an_address_is_that_with_its_port(url: str, expected: str) -> None:
    assert str(host_of(url)) == expected


@given(st.text(max_size=40), st.sampled_from(["api.example.com", "*.example.com", "bücher.example", "[::1]:8001"]))
def test_a_pattern_is_written_as_it_is_read_and_no_text_breaks_it(text: str, known: str) -> None:
    for one in (host_pattern(text), host_pattern(known)):
        assert one is None or host_pattern(str(one)) == one
        assert one is None or one.covers(text, None) in {True, False}


@pytest.mark.parametrize("host", ["API.Example.com", "bücher.example", "BÜCHER.example", "faß.example", "127.0.0.1"])
def test_a_host_is_compared_as_httpx_sends_it(host: str) -> None:
    pattern = host_pattern(host)

    assert pattern is not None
    assert pattern.name == httpx.URL(f"https://{host}/").raw_host.decode()
