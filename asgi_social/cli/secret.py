"""``asgi-social secret``: a new key, and how it takes the place of the old one; ``secret rotate`` seals all with it."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Literal

import typer
from rich.console import Console

from asgi_social.cli.printing import console, errors_told, stoppable
from asgi_social.cli.progress import progress
from asgi_social.cli.target import App, Quiet, open_error, social_of
from asgi_social.errors import NeedsReauth
from asgi_social.secret import Keys, random_text
from asgi_social.social import Social
from asgi_social.storage.repository import Associations, StoredAssociation
from asgi_social.vault import resealed

HOW = """\
Set it as secret_key. Where there is a key already, put the old one second, for it still opens what it has sealed:
  secret_key=["<the new key>", "<the old key>"]
  ASGI_SOCIAL_SECRET_KEY="<the new key> <the old key>"
Or name a file that holds them, by ASGI_SOCIAL_SECRET_KEY_FILE. What the old key has sealed stays readable while that
key is on the list. Once every process has the new list, asgi-social secret rotate seals everything anew while the app
runs, and says when the old key can go.
Keep it out of the code, and lose none: stored tokens open with no other."""

ROWS_OF_A_PAGE = 100
ROWS_AT_ONCE = 8  # fewer than the connections of a pool, of which the app has its own

Outcome = Literal["sealed", "already", "unreadable", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What came of a rotation.

    Attributes:
        sealed: How many associations were sealed anew.
        already: How many were under the first key already, or were unlinked meanwhile.
        unreadable: How many do not open with any key on the list.
        otherwise: How many have, at its end, a value that the first key did not seal.
    """

    sealed: int
    already: int
    unreadable: int
    otherwise: int


def secret(context: typer.Context) -> None:
    """Make a key; it alone is on standard output, what to do with it on standard error."""
    if context.invoked_subcommand is None:
        typer.echo(random_text())
        typer.echo(HOW, err=True)


def rotate(app: App = None, *, quiet: Quiet = False) -> None:
    """Seal all associations with the first key of secret_key, while the app runs.

    It may be stopped and run again at any time: what is under the first key already is left alone. Ends with 1 where a
    value does not open, or where old keys are needed still. Without APP the settings are those of the environment.
    """
    out = console()
    with errors_told(), stoppable("Stopped. What is sealed anew stays so: run the same command again to go on."):
        with redirect_stdout(sys.stderr):  # what the app prints when it is imported is no part of the answer
            social = social_of(app)
        rotation = asyncio.run(_rotated(social, out, quiet=quiet))
    if not quiet:
        out.print(f"Sealed anew: {rotation.sealed:,}. Under the first key already: {rotation.already:,}.")
    if not quiet or rotation.otherwise:
        out.print(advice(rotation, keys=social.settings.keys))
    raise typer.Exit(1 if rotation.otherwise else 0)


def advice(rotation: Rotation, *, keys: Keys) -> str:
    """Say whether the old keys can be taken off the list."""
    if rotation.otherwise > rotation.unreadable:
        return (
            f"{rotation.otherwise - rotation.unreadable:,} have been sealed with another key meanwhile: a process runs "
            "that has not the new list yet.\nRestart it, and run this again. The old keys are needed until then."
        )
    if rotation.unreadable:
        return (
            f"{rotation.unreadable:,} do not open with any key on the list, and were left as they are. Put the key\n"
            "that sealed them at the end of the list and run this again, or let these people link again; nothing else\n"
            "needs an old key."
        )
    if len(keys.prefixes) == 1:
        return "There is one key on the list, and everything is sealed with it."
    return (
        "The old keys can be taken off the list, ten minutes after the last process began with the new one in front: "
        "\nuntil then a flow may be open that an old key has sealed."
    )


async def rotated(
    repository: Associations, *, keys: Keys, tell: Callable[[int], None], unreadable: Callable[[str], None]
) -> Rotation:
    """Seal all rows with the first key, page by page.

    Args:
        repository: Open; the app may be at work in it.
        keys: The app's.
        tell: Told how many more are done.
        unreadable: Told the id of each association that does not open.
    """
    counts: dict[Outcome, int] = {"sealed": 0, "already": 0, "unreadable": 0, "gone": 0}
    after = ""
    while page := await repository.page(after=after, limit=ROWS_OF_A_PAGE):
        for start in range(0, len(page), ROWS_AT_ONCE):
            rows = page[start : start + ROWS_AT_ONCE]
            outcomes = await asyncio.gather(*(_sealed_anew(repository, row, keys=keys) for row in rows))
            for row, outcome in zip(rows, outcomes, strict=True):
                counts[outcome] += 1
                if outcome == "unreadable":
                    unreadable(row.id)
            tell(len(rows))
        after = page[-1].id
    return Rotation(
        sealed=counts["sealed"],
        already=counts["already"] + counts["gone"],
        unreadable=counts["unreadable"],
        # A process that has not the new list yet may have written behind us, and a row before our place.
        otherwise=await repository.count_sealed_otherwise(keys.prefixes[:1]),
    )


async def _sealed_anew(repository: Associations, row: StoredAssociation, *, keys: Keys) -> Outcome:
    current: StoredAssociation | None = row
    while current is not None:
        try:
            anew = resealed(current, keys=keys)
        except NeedsReauth:
            return "unreadable"
        if anew is None:
            return "already"
        if await repository.reseal(anew):
            return "sealed"
        current = await repository.get(row.id)  # it was renewed meanwhile, by a process with the new list or the old
    return "gone"


async def _rotated(social: Social, out: Console, *, quiet: bool) -> Rotation:
    if (error := await open_error(social)) is not None:
        raise error
    engine = social.engine

    def unreadable(association_id: str) -> None:
        out.print(f"association {association_id}: no key on the list opens it")

    try:
        total = await engine.repository.count()
        with progress(out, "sealed anew", total=total, clock=engine.clock, quiet=quiet) as tell:
            return await rotated(engine.repository, keys=engine.keys, tell=tell, unreadable=unreadable)
    finally:
        await social.close()
