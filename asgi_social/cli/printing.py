"""What the commands write with: colours on a terminal that wants them, plain lines everywhere else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asgi_social.errors import SettingsError, SocialError

STOPPED = 130  # as shells name a command that was interrupted


def console(*, quiet: bool = False) -> Console:
    """Give the console on standard output; rich keeps to ``NO_COLOR``, and colours nothing that is no terminal."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, quiet=quiet)


@contextmanager
def stoppable(text: str) -> Iterator[None]:
    """Let a person stop a command by Ctrl-C, and tell them how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\n{text}", err=True)
        raise typer.Exit(STOPPED) from None


@contextmanager
def errors_told() -> Iterator[None]:
    """End a command with 1 where something is wrong, and say what to do; of settings, all that is wrong with them."""
    try:
        yield
    except SocialError as error:
        for one in error.problems if isinstance(error, SettingsError) else (error,):
            typer.echo(f"{one.message}\n  {one.hint}", err=True)
        raise typer.Exit(1) from None


def print_table(out: Console, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: with columns on a terminal, else a line for each row with tabs between, for other programs."""
    if not out.is_terminal:
        for row in (heading, *rows):
            out.file.write("\t".join(row) + "\n")
        return
    # Headings in no style of rich's own: bold would be written in spite of NO_COLOR.
    table = Table(*heading, box=None, header_style="cyan", pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table, soft_wrap=False)
