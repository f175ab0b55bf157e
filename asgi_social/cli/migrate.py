"""``asgi-social migrate``: brings the schema of an app's database up to date, and shows beforehand what that does."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from textwrap import dedent, indent
from typing import Annotated

import typer

from asgi_social.cli.printing import console, errors_told, stoppable
from asgi_social.cli.target import App, Quiet, social_of
from asgi_social.storage.sql import SqlRepository


def migrate(
    app: App = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps, and change nothing.")] = False,
    quiet: Quiet = False,
) -> None:
    """Bring the database to the newest schema; a second run does nothing, and a newer schema is refused.

    Without APP the settings are those of the environment alone. Ends with 1 where it could not be done.
    """
    out = console(quiet=quiet)
    with errors_told(), stoppable("Stopped. Run the same command again: it goes on where it is needed."):
        with redirect_stdout(sys.stderr):  # what the app prints when it is imported is no part of the answer
            repository = social_of(app).engine.repository
        if not isinstance(repository, SqlRepository):
            out.print("The database is a Repository of the app's own, which looks after its schema itself.")
            return
        version = asyncio.run(repository.version())
        for line in lines_of(version, repository.steps):
            out.print(line)
        if version == len(repository.steps):
            return
        if dry_run:
            out.print("Nothing was changed.")
            return
        asyncio.run(repository.migrate())
        out.print(f"The schema is {len(repository.steps)} now.")


def lines_of(version: int, steps: Sequence[Sequence[str]]) -> Iterable[str]:
    """Say what is to be done to a database with this schema.

    Args:
        version: The last step that it has had.
        steps: All there are, each with its statements.
    """
    if version == len(steps):
        yield f"The schema is {version}, which is the newest: nothing to do."
    else:
        yield f"The schema is {version}, and the newest is {len(steps)}."
    for number, statements in enumerate(steps[version:], start=version + 1):
        yield f"Step {number}:"
        for statement in statements:
            yield indent(f"{dedent(statement).strip()};", "  ")
