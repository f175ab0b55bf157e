"""``asgi-social import``: takes over what another library has linked, and never writes to its tables."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import typer
from rich.console import Console

from asgi_social.cli import allauth, social_auth
from asgi_social.cli.former import UNCONFIGURED, Former, Rules, row_of
from asgi_social.cli.printing import console, errors_told, stoppable
from asgi_social.cli.progress import progress
from asgi_social.cli.target import App, Quiet, open_error, social_of
from asgi_social.social import Social
from asgi_social.storage.others import OtherDatabase
from asgi_social.storage.repository import Associations, StoredAssociation

ROWS_OF_A_PAGE = 500
ROWS_AT_ONCE = 100  # a store has only seconds for a call
_STOPPED = "Stopped. What is taken over stays: run the same command again to go on."

Outcome = Literal["taken", "there", "conflict", "left"]
Mode = Literal["for real", "dry"]

Url = Annotated[
    str,
    typer.Argument(help="The database with its tables, such as postgresql://user@host/name or sqlite:///their.db"),
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Tell what would be done, and take nothing over.")]
Unconfigured = Annotated[
    bool, typer.Option("--unconfigured", help="Take over accounts of providers that have no backend here too.")
]
Tokenless = Annotated[bool, typer.Option("--tokenless", help="Take over accounts without a token too: the link alone.")]


class Formers(Protocol):
    """Reads the accounts of one library."""

    def __call__(self, database: OtherDatabase, *, page_size: int, now: float) -> AsyncIterator[list[Former]]:
        """Give all accounts, page by page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Another library: its name, the table that has a row for each account, and how that is read."""

    title: str
    table: str
    formers: Formers


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person asked for, by the command's options of these names."""

    dry_run: bool
    unconfigured: bool
    tokenless: bool
    quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be taken over, by what rules, and whether for real."""

    library: Library
    rules: Rules
    mode: Mode


SOCIAL_AUTH = Library(title="social-auth", table=social_auth.TABLE, formers=social_auth.formers)
ALLAUTH = Library(title="allauth", table=allauth.TABLE, formers=allauth.formers)


def import_social_auth(  # noqa: PLR0913  # typer reads the options from the signature
    url: Url,
    app: App = None,
    *,
    dry_run: Dry = False,
    unconfigured: Unconfigured = False,
    tokenless: Tokenless = False,
    quiet: Quiet = False,
) -> None:
    """Take over the accounts that python-social-auth has linked.

    The table social_auth_usersocialauth is read, and never written. A second run takes over what came since.
    """
    options = Options(dry_run=dry_run, unconfigured=unconfigured, tokenless=tokenless, quiet=quiet)
    _run(SOCIAL_AUTH, url, app, options)


def import_allauth(  # noqa: PLR0913  # typer reads the options from the signature
    url: Url,
    app: App = None,
    *,
    dry_run: Dry = False,
    unconfigured: Unconfigured = False,
    tokenless: Tokenless = False,
    quiet: Quiet = False,
) -> None:
    """Take over the accounts that django-allauth has linked.

    The tables socialaccount_* are read, and never written. A second run takes over what came since.
    """
    options = Options(dry_run=dry_run, unconfigured=unconfigured, tokenless=tokenless, quiet=quiet)
    _run(ALLAUTH, url, app, options)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of the accounts, in numbers; those of providers without a backend by provider."""

    outcomes: Counter[Outcome]
    unconfigured: Counter[str]


async def imported(
    database: OtherDatabase,
    repository: Associations,
    job: Job,
    *,
    tell: Callable[[int], None],
    leave: Callable[[str], None],
) -> Tally:
    """Take over all accounts, a page at a time.

    Args:
        database: Where the library's tables are; entered.
        repository: Where the associations go; open.
        job: What is to be done; where it is ``dry``, nothing is written.
        tell: Told how many more are done.
        leave: Told, as a line, of each account that is left out, and why.
    """
    tally = Tally(outcomes=Counter(), unconfigured=Counter())
    async for page in job.library.formers(database, page_size=ROWS_OF_A_PAGE, now=job.rules.now):
        rows: list[tuple[Former, StoredAssociation]] = []
        for former in page:
            made = row_of(former, job.rules)
            if isinstance(made, StoredAssociation):
                rows.append((former, made))
                continue
            tally.outcomes["left"] += 1
            if made == UNCONFIGURED:
                tally.unconfigured[former.provider] += 1
            else:
                leave(f"{former.place} ({former.provider}) left out: {made}")
        outcomes = await _stored(repository, [row for _, row in rows], mode=job.mode)
        tally.outcomes.update(outcomes)
        for (former, _), outcome in zip(rows, outcomes, strict=True):
            if outcome == "conflict":
                leave(f"{former.place} ({former.provider}) left out: the account is linked to another user here")
        tell(len(page))
    return tally


async def _stored(repository: Associations, rows: Sequence[StoredAssociation], *, mode: Mode) -> list[Outcome]:
    """Store new associations, and say of each what came of it; those that are there already stay as they are."""
    added: list[bool] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        added += [False] * len(some) if mode == "dry" else await repository.add_each(some)
    outcomes: list[Outcome] = []
    for row, is_new in zip(rows, added, strict=True):
        there = None if is_new else await repository.find(backend=row.backend, authority=row.authority, uid=row.uid)
        if there is None:  # where it was there and was unlinked just now, it is not brought back
            outcomes.append("taken" if is_new or mode == "dry" else "there")
        else:
            outcomes.append("there" if there.user_id == row.user_id else "conflict")
    return outcomes


def summary(tally: Tally, *, mode: Mode) -> str:
    """Say what came of it all."""
    taken, there, conflict, left = (f"{tally.outcomes[one]:,}" for one in ("taken", "there", "conflict", "left"))
    rest = f"There already: {there}. Linked to another user: {conflict}. Left out: {left}."
    if mode == "dry":
        return f"Would be taken over: {taken}. {rest}\nNothing was changed."
    return f"Taken over: {taken}. {rest}"


def _run(library: Library, url: str, app: str | None, options: Options) -> None:
    out = console()
    with errors_told(), stoppable(_STOPPED):
        with redirect_stdout(sys.stderr):  # what the app prints when it is imported is no part of the answer
            social = social_of(app)
        rules = Rules(
            clients={name: one.client for name, one in social.settings.backends.items()},
            users=social.engine.users,
            keys=social.engine.keys,
            now=social.engine.clock.now(),
            takes_unconfigured=options.unconfigured,
            takes_tokenless=options.tokenless,
        )
        job = Job(library=library, rules=rules, mode="dry" if options.dry_run else "for real")
        tally = asyncio.run(_imported(social, url, job, out, quiet=options.quiet))
    for provider, count in sorted(tally.unconfigured.items()):
        out.print(f"{count:,} of the provider {provider!r} left out: {UNCONFIGURED} (--unconfigured takes them over)")
    if not options.quiet:
        out.print(summary(tally, mode=job.mode))


async def _imported(social: Social, url: str, job: Job, out: Console, *, quiet: bool) -> Tally:
    async with OtherDatabase(url) as database:
        total = await database.count(job.library.table)
        if (error := await open_error(social)) is not None:
            raise error
        engine = social.engine
        try:
            with progress(out, "accounts", total=total, clock=engine.clock, quiet=quiet) as tell:
                return await imported(database, engine.repository, job, tell=tell, leave=out.print)
        finally:
            await social.close()
