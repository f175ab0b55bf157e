"""How far a command has come: a bar on a terminal, a line now and then elsewhere, nothing where that is asked for."""

import pytest
from rich.console import Console

from asgi_social.cli.printing import console
from asgi_social.cli.progress import described, progress
from asgi_social.testing import ManualClock


def advanced(out: Console, *, quiet: bool = False) -> None:
    """Do 600 of 1,000 in 12 seconds, a hundred at a time."""
    clock = ManualClock()
    with progress(out, "sealed anew", total=1000, clock=clock, quiet=quiet) as tell:
        for _ in range(6):
            clock.advance(2.0)
            tell(100)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        pytest.param(0, 2000, 0.0, "rows: 0 of 2,000", id="the beginning"),
        pytest.param(500, 2000, 0.0, "rows: 500 of 2,000", id="at once"),
        pytest.param(500, 2000, 10.0, "rows: 500 of 2,000, 50/s, about 0:00:30 left", id="the middle"),
        pytest.param(10, 100_000, 1.0, "rows: 10 of 100,000, 10/s, about 2:46:39 left", id="long"),
        pytest.param(2100, 2000, 10.0, "rows: 2,100 of 2,100, 210/s, about 0:00:00 left", id="more than there were"),
    ],
)
def test_a_line_says_how_far_how_fast_and_how_long(done: int, total: int, seconds: float, text: str) -> None:
    assert described("rows", done, total=total, seconds=seconds) == text


def test_where_there_is_no_terminal_a_line_comes_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    advanced(console())

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "sealed anew: 300 of 1,000, 50/s, about 0:00:14 left\nsealed anew: 600 of 1,000, 50/s, about 0:00:08 left\n"
    )


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal(monkeypatch)

    advanced(console())

    told = capsys.readouterr()
    assert "sealed anew: 600 of 1,000, 50/s, about 0:00:08 left" in told.out
    assert "━" in told.out
    assert "\x1b[38;5;" in told.out
    assert told.err == ""


def test_on_a_terminal_that_wants_none_there_is_no_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")

    advanced(console())

    told = capsys.readouterr().out
    assert "sealed anew: 600 of 1,000" in told
    assert "\x1b[3" not in told
    assert "\x1b[1m" not in told


@pytest.mark.parametrize("is_terminal", [True, False])
def test_quiet_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool
) -> None:
    if is_terminal:
        terminal(monkeypatch)

    advanced(console(), quiet=True)

    assert tuple(capsys.readouterr()) == ("", "")


def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
