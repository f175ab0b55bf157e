"""How far a long command has come: a bar on a terminal, and everywhere else a line now and then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from asgi_social.clock import Clock

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress(out: Console, doing: str, *, total: int, clock: Clock, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Give a function that is told how many more are done.

    Args:
        out: The console of the command; lines that are printed on it meanwhile stand above the bar.
        doing: What is done, such as ``sealed anew``.
        total: Of how many; more may come meanwhile.
        clock: Times rate and lines.
        quiet: Show nothing.
    """
    began = told = clock.monotonic()
    done = 0
    # No styles but colours, which rich leaves out by NO_COLOR; bold it would write all the same.
    columns = (BarColumn(), TextColumn("{task.description}", style="none"))
    with Progress(*columns, console=out, disable=quiet or not out.is_terminal, redirect_stderr=False) as bar:
        task = bar.add_task(described(doing, 0, total=total, seconds=0.0), total=total)

        def tell(more: int) -> None:
            nonlocal done, told
            done += more
            now = clock.monotonic()
            line = described(doing, done, total=total, seconds=now - began)
            bar.update(task, completed=done, total=max(done, total), description=line)
            if not quiet and not out.is_terminal and now - told >= SECONDS_BETWEEN_LINES:
                told = now
                typer.echo(line, err=True)

        yield tell


def described(doing: str, done: int, *, total: int, seconds: float) -> str:
    """Say how far it is, how fast it goes, and how long it takes yet.

    >>> described("sealed anew", 500, total=2000, seconds=10.0)
    'sealed anew: 500 of 2,000, 50/s, about 0:00:30 left'
    """
    text = f"{doing}: {done:,} of {max(done, total):,}"
    if not done or not seconds:
        return text
    rate = done / seconds
    left = round(max(total - done, 0) / rate)
    return f"{text}, {rate:,.0f}/s, about {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
