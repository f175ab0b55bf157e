"""When tokens are renewed, and when an attempt is made again."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.refresh.schedule import (
    MAX_BACKOFF_SECONDS,
    MIN_BACKOFF_SECONDS,
    backoff,
    backoff_seconds,
    held_back_seconds,
    is_renewable,
    is_short,
    with_renew_at,
)
from asgi_social.testing.clock import START
from tests.refresh.rows import row_of, rules_of

MOMENTS = st.floats(min_value=0, max_value=1e11)


@pytest.mark.parametrize(
    ("lifetime", "rules", "least", "most"),
    [
        pytest.param(3600, {}, 300, 375, id="an hour: 300 s"),
        pytest.param(600, {}, 120, 150, id="ten minutes: a fifth"),
        pytest.param(86_400, {"early": 3600}, 3600, 4500, id="the provider's own"),
        pytest.param(60, {"early": 86_400}, 30, 30, id="never more than half"),
        pytest.param(100, {"early": 0}, 0, 0, id="none"),
    ],
)
def test_a_token_is_renewed_so_many_seconds_before_its_end(
    lifetime: float, rules: dict[str, Any], least: float, most: float
) -> None:
    row = with_renew_at(row_of(expires_at=START + lifetime), rules_of(**rules))

    assert row.renew_at is not None
    assert least <= START + lifetime - row.renew_at <= most


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        pytest.param({"expires_at": None}, {}, id="unknown lifetime"),
        pytest.param({"refresh_token": None}, {}, id="no refresh token"),
        pytest.param({}, {"enabled": False}, id="not renewed"),
        pytest.param({}, {"never_expires": True}, id="never expires"),
        pytest.param({"access_token": ""}, {"with_token": "access_token"}, id="no access token to exchange"),
    ],
)
def test_what_is_not_renewed_ahead_of_its_end_has_no_moment_for_it(row: dict[str, Any], rules: dict[str, Any]) -> None:
    assert with_renew_at(row_of(renew_at=START, **row), rules_of(**rules)).renew_at is None


def test_an_access_token_is_renewed_with_itself_where_the_provider_does_so() -> None:
    assert is_renewable(row_of(refresh_token=None), rules_of(with_token="access_token"))


def test_the_moment_is_the_same_for_every_process_and_another_for_every_row_and_version() -> None:
    rows = [row_of(id=f"id-{number}", version=version) for number in range(20) for version in (1, 2)]

    once, again = ([with_renew_at(row, rules_of()).renew_at for row in rows] for _ in range(2))

    assert once == again
    assert len(set(once)) == len(rows)


@given(expires_at=MOMENTS, issued_at=MOMENTS, early=st.none() | st.integers(min_value=0, max_value=10**9))
def test_a_token_is_never_renewed_in_the_first_half_of_its_life(
    expires_at: float, issued_at: float, early: int | None
) -> None:
    row = with_renew_at(row_of(expires_at=expires_at, issued_at=issued_at), rules_of(early=early))

    assert row.renew_at is not None
    if expires_at > issued_at:
        assert (expires_at + issued_at) / 2 - 1e-3 <= row.renew_at <= expires_at


@pytest.mark.parametrize(
    ("age", "seconds", "short"),
    [
        (0, 60, False),
        (3539, 60, False),
        (3541, 60, True),
        (1799, 10_000, False),
        (1801, 10_000, True),
        (3600, 0, False),
    ],
)
def test_a_token_is_short_when_it_ends_within_so_many_seconds_or_half_its_life(
    age: float, seconds: float, short: bool
) -> None:
    assert is_short(row_of(), seconds=seconds, now=START + age) is short


def test_of_an_unknown_lifetime_nobody_knows_that_it_is_short() -> None:
    assert not is_short(row_of(expires_at=None), seconds=10**9, now=10**12)


@given(attempts=st.integers(min_value=1, max_value=10**6), name=st.text(max_size=40))
def test_the_wait_after_attempts_that_went_wrong_is_from_half_of_the_longest_to_the_longest(
    attempts: int, name: str
) -> None:
    longest = backoff_seconds(attempts)

    assert longest / 2 <= backoff(row_of(id=name), attempts=attempts) <= longest
    assert MIN_BACKOFF_SECONDS <= longest <= MAX_BACKOFF_SECONDS


def test_the_longest_wait_doubles_up_to_an_hour() -> None:
    longest = [backoff_seconds(attempts) for attempts in range(1, 14)]

    assert all(later == min(2 * earlier, 3600) for earlier, later in pairwise(longest))
    assert (longest[0], longest[-1]) == (2, 3600)


@pytest.mark.parametrize(
    ("next_attempt", "held"),
    [(None, 0), (-1, 0), (0, 0), (5, 5), (3600, 3600), (3601, 0), (10**9, 0)],
)
def test_an_attempt_is_held_back_until_its_moment_but_not_by_one_that_no_backoff_gives(
    next_attempt: float | None, held: float
) -> None:
    row = row_of(next_attempt_at=None if next_attempt is None else START + next_attempt)

    assert held_back_seconds(row, now=START) == held


@given(next_attempt_at=st.none() | MOMENTS, now=MOMENTS)
def test_nobody_is_held_back_for_more_than_an_hour(next_attempt_at: float | None, now: float) -> None:
    assert 0 <= held_back_seconds(row_of(next_attempt_at=next_attempt_at), now=now) <= MAX_BACKOFF_SECONDS
