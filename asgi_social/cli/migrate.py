"""``asgi-social migrate``: brings the schema of an app's database up to date, and shows beforehand what that does."""

import asyncio
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from textwrap import dedent, indent
from typing import Annotated

import typer

from asgi_social.cli.printing import console, stoppable
from asgi_social.cli.target import App, Quiet, open_error, social_of
from asgi_social.errors import SettingsError, SocialError
from asgi_social.social import Social
from asgi_social.storage.schema import STEPS
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
    try:
        with redirect_stdout(sys.stderr):  # what the app prints when it is imported is no part of the answer
            social = social_of(app)
        version = version_of(social)
        for line in lines_of(version):
            out.print(line)
        if version in {None, len(STEPS)}:
            return
        if dry_run:
            out.print("Nothing was changed.")
            return
        with stoppable("Stopped. A step is done whole or not at all: run the same command again."):
            asyncio.run(_migrated(social))
        out.print(f"The schema is {len(STEPS)} now.")
    except SocialError as error:
        for one in error.problems if isinstance(error, SettingsError) else (error,):
            typer.echo(f"{one.message}\n  {one.hint}", err=True)
        raise typer.Exit(1) from None


def version_of(social: Social) -> int | None:
    """Give the schema that a database has, without touching it; None where it is a store of the app's own.

    Raises:
        SettingsError: It is newer than this code.
        StorageError: It cannot be read.
    """
    repository = social.engine.repository
    return repository.version() if isinstance(repository, SqlRepository) else None


def lines_of(version: int | None) -> Iterable[str]:
    """Say what is to be done to a database with this schema."""
    if version is None:
        yield "The database is a Repository of the app's own, which looks after its schema itself."
    elif version == len(STEPS):
        yield f"The schema is {version}, which is the newest: nothing to do."
    else:
        yield f"The schema is {version}, and the newest is {len(STEPS)}."
    for number, statements in enumerate(STEPS[version:] if version is not None else (), start=(version or 0) + 1):
        yield f"Step {number}:"
        for statement in statements:
            yield indent(f"{dedent(statement).strip()};", "  ")


async def _migrated(social: Social) -> None:
    error = await open_error(social)
    await social.close()
    if error is not None:
        raise error
