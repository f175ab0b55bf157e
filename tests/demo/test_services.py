"""The made-up services: who is told, what is told, and moments as people read them."""

from pathlib import Path

import pytest

from demo_app import diary, moments
from tests.demo.browsing import TUESDAY, a_demo

DAY = 86400.0


@pytest.mark.parametrize("path", ["footfall/api/runs", "daymark/api/events", "tunewell/api/playlists"])
async def test_a_service_tells_whoever_shows_its_token(tmp_path: Path, path: str) -> None:
    service, _, resource = path.split("/")
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        token = demo.provider(service).issue_tokens("bruno", scope=["openid", resource])["access_token"]
        answer = await http.get(f"/services/{path}", headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == 200
    assert answer.json() == demo.club.services[service].tell("bruno", TUESDAY)


async def test_a_service_tells_nothing_without_a_good_token_of_its_own(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        scope = ["openid", "runs"]
        ended = demo.provider().issue_tokens("amina", scope=scope)["access_token"]
        demo.provider().revoke_all("amina")
        tokens = demo.provider().issue_tokens("bruno", scope=scope)
        others = demo.provider("daymark").issue_tokens("amina", scope=scope)["access_token"]
        shown = [
            "",
            "Basic x",
            "Bearer made-up",
            f"Bearer {ended}",
            f"Bearer {tokens['refresh_token']}",
            f"Bearer {others}",
        ]
        answers = [await http.get("/services/footfall/api/runs", headers={"authorization": one}) for one in shown]

    assert [answer.status_code for answer in answers] == [401] * len(shown)


async def test_a_service_tells_nothing_for_a_token_without_the_scope(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        token = demo.provider().issue_tokens("amina")["access_token"]
        answer = await http.get("/services/footfall/api/runs", headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == 403


@pytest.mark.parametrize("account", ["amina", "bruno", "layla", "chiara", "harbour"])
def test_what_is_told_is_near_to_now_at_any_hour(account: str) -> None:
    for now in (TUESDAY + hours * 3600 for hours in range(0, 24 * 14, 5)):
        runs, events = diary.runs(account, now)["runs"], diary.events(account, now)["events"]

        assert isinstance(runs, list)
        assert isinstance(events, list)
        assert len(runs) >= 3
        assert all(now - 7 * DAY < run["started_at"] < now for run in runs)
        assert len(events) >= 2
        assert all(now < event["starts_at"] < now + 7 * DAY for event in events)
        assert events == sorted(events, key=lambda event: event["starts_at"])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (580, "9 min 40 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_a_stretch_of_time_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert moments.span(seconds) == text


@pytest.mark.parametrize(
    ("expires_at", "text"),
    [
        (None, "Token of unknown lifetime"),
        (TUESDAY + 580, "Token good for 9 min 40 s"),
        (TUESDAY, "Token ended 0 s ago"),
        (TUESDAY - 61, "Token ended 1 min 1 s ago"),
    ],
)
def test_the_end_of_a_token_is_told_from_now(expires_at: float | None, text: str) -> None:
    assert moments.token_end(expires_at, now=TUESDAY) == text


def test_a_moment_is_told_in_utc() -> None:
    assert (moments.day_of(TUESDAY), moments.time_of(TUESDAY)) == ("Tue 24 Nov", "09:42")
