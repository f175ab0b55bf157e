"""The numbers of the picture, and where its bars stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo_app.chart import HEIGHT, OUTCOMES, STEP_SECONDS, STEPS, WIDTH, chart_of
from demo_app.journal import Outcome, Renewal

NOW = 1_795_513_320.0  # 09:42
START = 1_795_513_200.0  # 09:40, at which the last column begins


def renewals(*found: tuple[float, Outcome]) -> list[Renewal]:
    return [Renewal(at=at, outcome=outcome) for at, outcome in found]


def test_an_hour_without_renewals_has_twelve_empty_columns_and_no_bar() -> None:
    chart = chart_of([], now=NOW)

    assert [column.total for column in chart.columns] == [0] * STEPS
    assert chart.columns[-1].starts_at == START
    assert list(chart.bars) == []
    assert [label.text for label in chart.hours] == ["08:45", "09:00", "09:15", "09:30"]


@pytest.mark.parametrize(
    ("at", "column"),
    [
        pytest.param(NOW, 11, id="now"),
        pytest.param(START, 11, id="first moment of the last column"),
        pytest.param(START - 0.5, 10, id="last moment of the one before"),
        pytest.param(START - 11 * STEP_SECONDS, 0, id="first moment of all"),
        pytest.param(START - 11 * STEP_SECONDS - 1, None, id="too old"),
        pytest.param(START + STEP_SECONDS, None, id="to come"),
    ],
)
def test_a_renewal_counts_in_the_five_minutes_that_it_happened_in(at: float, column: int | None) -> None:
    chart = chart_of(renewals((at, "renewed")), now=NOW)

    assert [held.total for held in chart.columns] == [int(place == column) for place in range(STEPS)]


def test_the_outcomes_of_a_column_are_stacked_without_gap_from_the_line_up() -> None:
    found = renewals((NOW, "needs_reauth"), (NOW, "renewed"), (NOW, "renewed"), (NOW, "renewal_failed"))

    chart = chart_of(found, now=NOW)

    renewed, failed, ended = chart.bars
    assert [bar.outcome for bar in chart.bars] == list(OUTCOMES)
    assert renewed.y + renewed.height == chart.ticks[0].y
    assert failed.y + failed.height == pytest.approx(renewed.y)
    assert ended.y + ended.height == pytest.approx(failed.y)
    assert renewed.height == pytest.approx(2 * failed.height)
    assert [chart.total(outcome) for outcome in OUTCOMES] == [2, 1, 1]


@pytest.mark.parametrize(("count", "ticks"), [(0, "0 2 4"), (4, "0 2 4"), (5, "0 3 6"), (38, "0 19 38")])
def test_the_upper_line_is_an_even_number_that_all_columns_fit_below(count: int, ticks: str) -> None:
    chart = chart_of([Renewal(at=NOW, outcome="renewed")] * count, now=NOW)

    assert " ".join(tick.text for tick in chart.ticks) == ticks


@given(
    st.lists(st.tuples(st.floats(NOW - 9000, NOW + 600), st.sampled_from(OUTCOMES)), max_size=60),
    st.floats(NOW - 3600, NOW + 3600),
)
def test_every_bar_lies_within_the_picture_and_no_renewal_counts_twice(
    found: list[tuple[float, Outcome]], now: float
) -> None:
    chart = chart_of(renewals(*found), now=now)

    assert sum(column.total for column in chart.columns) <= len(found)
    assert sum(chart.total(outcome) for outcome in OUTCOMES) == sum(column.total for column in chart.columns)
    for bar in chart.bars:
        assert 0 <= bar.x < bar.x + bar.width <= WIDTH
        assert 0 <= bar.y < bar.y + bar.height <= HEIGHT
