"""``asgi-social doctor``: is everything as it must be, and what is to be registered where?"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from asgi_social.cli.checks import Finding, Report, report_of, report_of_problems
from asgi_social.cli.printing import console
from asgi_social.cli.target import social_of
from asgi_social.errors import SettingsError

_STYLES = {"ok": "green", "note": "yellow", "fault": "red"}


def doctor(
    app: Annotated[
        str | None,
        typer.Argument(envvar="ASGI_SOCIAL_APP", help="module:attribute, as uvicorn takes it, of an app or a Social"),
    ] = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
) -> None:
    """Check settings, key, base URL, database, clock and providers, and tell the redirect URIs to register.

    Without APP the settings are those of the environment alone. Ends with 1 where anything is to be mended.
    """
    with redirect_stdout(sys.stderr):  # what the app prints when it is imported is no part of the report
        report = examined(app, environment=os.environ, network="offline" if offline else "ask")  # noqa: TID251  # a command's own input
    if as_json:
        typer.echo(json.dumps({"ok": not report.faults, **asdict(report)}, indent=2))
    else:
        print_report(console(), report)
    raise typer.Exit(1 if report.faults else 0)


def examined(
    target: str | None, *, environment: Mapping[str, str], network: Literal["ask", "offline"] = "ask"
) -> Report:
    """Make or find the engine, and look at it."""
    try:
        social = social_of(target, environment=environment)
    except SettingsError as error:
        return report_of_problems(error.problems)
    return asyncio.run(report_of(social, network=network))


def print_report(out: Console, report: Report) -> None:
    """Print a report for people."""
    for one in report.findings:
        out.print(_line(one))
    if report.register:
        out.print("\nRegister these redirect URIs:")
    for wanted in report.register:
        where = wanted.console or f"the console of {wanted.title}"
        out.print(f"  {wanted.backend}: {wanted.redirect_uri}\n    at {where}")
    faults = report.faults
    out.print(f"\nTo be mended: {len(faults)}" if faults else "\nAll is well.")


def _line(one: Finding) -> Text:
    place = f"{one.check} {one.backend}" if one.backend and one.check == "provider" else one.check
    hint = f"\n       {one.hint}" if one.hint else ""
    return Text.assemble((f"{one.state:<5}", _STYLES[one.state]), f"  {place}: {one.message}{hint}")
