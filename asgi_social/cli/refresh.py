"""``asgi-social refresh``: renews what will end soon, from cron or by hand."""

import asyncio
import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from asgi_social.cli.printing import console, errors_told, stoppable
from asgi_social.cli.progress import progress
from asgi_social.cli.target import App, Quiet, open_error, social_of
from asgi_social.refresh.sweep import Swept
from asgi_social.social import Social


def refresh(
    app: App = None,
    *,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="How many associations to look at.")] = None,
    quiet: Quiet = False,
) -> None:
    """Renew the tokens that will end soon; any number of these may run at once on one database.

    Without APP the settings are those of the environment alone. Ends with 1 where an operator has to mend something:
    credentials that a provider does not take, associations that no renewal is possible for, a database that does not
    answer. That a provider is down, or a person has to link again, is no such thing.
    """
    with errors_told(), stoppable("Stopped. What was sent was brought to its end: run the same command again."):
        with redirect_stdout(sys.stderr):  # what the app prints when it is imported is no part of the answer
            social = social_of(app)
        swept = asyncio.run(_swept(social, limit=limit, quiet=quiet))
    if not quiet:
        console().print(counts(swept))
    for fault in faults(swept):
        typer.echo(fault, err=True)
    raise typer.Exit(1 if faults(swept) else 0)


def counts(swept: Swept) -> str:
    """Give the counts by outcome, in a line; an outcome that nothing had is left out."""
    words = {
        "renewed": swept.renewed,
        "failed, and tried again later": swept.failed,
        "to be linked again by their users": swept.needs_reauth,
        "not to be renewed": swept.cannot_renew,
        "left to another process": swept.elsewhere,
    }
    return ", ".join(f"{count:,} {word}" for word, count in words.items() if count) or "Nothing was due."


def faults(swept: Swept) -> list[str]:
    """Say what an operator has to mend."""
    found = [
        f"{name}: the provider does not take client_id and client_secret; nothing of it is renewed until it does"
        for name in sorted(swept.refused_backends)
    ]
    if swept.cannot_renew:
        found.append(
            f"{swept.cannot_renew:,} cannot be renewed: see the settings client_id, former_token_hosts and secret_key"
        )
    return found


async def _swept(social: Social, *, limit: int | None, quiet: bool) -> Swept:
    if (error := await open_error(social)) is not None:
        raise error
    try:
        due = await social.engine.repository.count(
            backends=list(social.settings.backends), due_at=social.settings.clock.now()
        )
        total = due if limit is None else min(due, limit)
        with progress(console(), "looked at", total=total, clock=social.settings.clock, quiet=quiet) as tell:
            told = 0

            def tell_more(swept: Swept) -> None:
                nonlocal told
                tell(swept.total - told)
                told = swept.total

            return await social.refresh_due(limit, on_progress=tell_more)
    finally:
        await social.close()
