"""SR-B10: where a flow may end. Each row of the sample, by the rule alone, at the start, and once more at the end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social import Social
from asgi_social.flow import MAX_NEXT, Arrival, checked_next, cookie_name, pack, unpack
from asgi_social.secret import Secret
from tests.app import BASE, app_of, browser, query_of, settings

ROWS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("next_targets.json").read_text(encoding="utf-8"))
DEFAULT = "/associate/"
by_id = pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS])


def as_sent(target: str) -> str:
    """Give a target as it stands in a Location: what is beyond ASCII percent-encoded, all else as it was."""
    return "".join(one if one.isascii() else quote(one) for one in target)


def in_query(value: str) -> str:
    """Write a value into a query, also one that holds a lone surrogate, as its bytes would be."""
    return urlencode({"next": value}, errors="surrogatepass")


@by_id
def test_sr_b10_the_sample_by_the_rule(row: dict[str, Any]) -> None:
    """Up to 2,048 characters pass, where the design says 512: the sample calls 1,001 characters safe."""
    assert checked_next(row["value"]) == (row["value"] if row["safe"] else None)


@by_id
async def test_sr_b10_a_start_takes_only_a_safe_target(row: dict[str, Any]) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        begun = await client.get(f"/associate/github/?{in_query(row['value'])}")
        state = query_of(begun.headers["location"])["state"]
        flow = unpack(dict(client.cookies), arrival(social, state), keys=social.engine.keys)

        completed = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    expected = row["value"] if row["safe"] else DEFAULT
    assert flow.next == expected
    assert (completed.status_code, completed.headers["location"]) == (303, as_sent(expected))


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS if row["id"] != "NX-77"])
async def test_sr_b10_a_flow_that_was_tampered_with_ends_at_a_safe_target(row: dict[str, Any]) -> None:
    """All but the lone surrogate, which cannot be sealed, so that no flow holds one."""
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/")
        state = query_of(begun.headers["location"])["state"]
        flow = unpack(dict(client.cookies), arrival(social, state), keys=social.engine.keys)
        tampered = replace(flow, next=row["value"])
        client.cookies.clear()
        client.cookies.set(cookie_name(Secret(state), secure=True), pack(tampered, keys=social.engine.keys))

        completed = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    expected = row["value"] if row["safe"] else DEFAULT
    assert (completed.status_code, completed.headers["location"]) == (303, as_sent(expected))


@by_id
async def test_sr_b10_disconnect_takes_only_a_safe_target(row: dict[str, Any]) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        gone = await client.post("/disconnect/github/", content=in_query(row["value"]), headers=headers)

    expected = row["value"] if row["safe"] else DEFAULT
    assert (gone.status_code, gone.headers["location"]) == (303, as_sent(expected))


def arrival(social: Social, state: str) -> Arrival:
    return Arrival(
        state=state,
        issuer=None,
        backend="github",
        client_id="an-id",
        user_id="ada",
        now=social.engine.clock.now(),
        secure=True,
    )


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        pytest.param("/" + "a" * (MAX_NEXT - 1), True, id="longest"),
        pytest.param("/" + "a" * MAX_NEXT, False, id="one-too-long"),
        pytest.param("", False, id="empty"),
        pytest.param("settings", False, id="relative"),
        pytest.param(None, False, id="none"),
        pytest.param(["/a"], False, id="list"),
        pytest.param("/a/", True, id="last-slash"),
        pytest.param("/a//b", False, id="empty-segment"),
        pytest.param("/a/../b", False, id="dots"),
        pytest.param("/..", False, id="dots-at-the-end"),
        pytest.param("/a/.", False, id="dot-at-the-end"),
        pytest.param("/%2e%2e/b", False, id="encoded-dots"),
        pytest.param("/a/%2E", False, id="encoded-dot-at-the-end"),
        pytest.param("/%252Fevil.example", False, id="encoded-twice"),
        pytest.param("/%5Cevil.example", False, id="encoded-backslash"),
        pytest.param("/%09/evil.example", False, id="encoded-tab"),
        pytest.param("/%00", False, id="encoded-nul"),
        pytest.param("/a\x7f", False, id="delete"),
        pytest.param("/?next=//evil.example", True, id="foreign-address-in-the-query"),
        pytest.param("/#//evil.example", True, id="foreign-address-in-the-fragment"),
        pytest.param("/a?b=\\", False, id="backslash-in-the-query"),
        pytest.param("/%25252525252525", True, id="percent-encoded-seven-times"),
        pytest.param("/%" + "25" * 9, False, id="percent-encoded-more-often-than-anybody-decodes"),
        pytest.param("/%", True, id="bare-percent"),
        pytest.param("/%FF", True, id="no-utf-8"),
    ],
)
def test_sr_b10_more_targets_by_the_rule(target: object, safe: bool) -> None:
    assert checked_next(target) == (target if safe else None)


@given(st.text(alphabet="/\\.%25eE2fF5cC:@?#&a\t\r\n \x00\x7fé\u3002", max_size=30))
def test_sr_b10_what_passes_stays_within_the_app(text: str) -> None:
    passed = checked_next(text)

    if passed is not None:
        assert passed == text
        assert urljoin(f"{BASE}/somewhere", passed).startswith(f"{BASE}/")
        assert f"{BASE}{passed}".startswith(f"{BASE}/")
        assert not set(passed) & set("\\\t\r\n\x00\x7f")
        assert not passed.startswith("//")
