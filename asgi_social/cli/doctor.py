"""``asgi-social doctor``: is everything as it must be, and what is to be registered where?"""

import asyncio
import json
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from asgi_social.cli.checks import Finding, Report, report_of, report_of_problems
from asgi_social.cli.printing import console, stoppable
from asgi_social.cli.target import App, Quiet, social_of
from asgi_social.errors import SettingsError

_STYLES = {"ok": "green", "note": "yellow", "fault": "red"}


def doctor(
    app: App = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")] = False,
    quiet: Quiet = False,
) -> None:
    """Check settings, key, base URL, database, clock and providers, and tell the redirect URIs to register.

    Without APP the settings are those of the environment alone. Ends with 1 where anything is to be mended.
    """
    # What the app prints when it is imported is no part of the report.
    with redirect_stdout(sys.stderr), stoppable("Stopped. Nothing was changed: run the same command again."):
        report = examined(app, network="offline" if offline else "ask")
    if as_json:
        typer.echo(json.dumps({"ok": not report.faults, **asdict(report)}, indent=2))
    elif quiet:
        print_findings(console(), report.faults)
    else:
        print_report(console(), report)
    raise typer.Exit(1 if report.faults else 0)


def examined(target: str | None, *, network: Literal["ask", "offline"] = "ask") -> Report:
    """Make or find the engine, and look at it."""
    try:
        social = social_of(target)
    except SettingsError as error:
        return report_of_problems(error.problems)
    return asyncio.run(report_of(social, network=network))


def print_report(out: Console, report: Report) -> None:
    """Print a report for people."""
    print_findings(out, report.findings)
    if report.settings:
        out.print("\nSettings, and where each is from:")
    for setting in report.settings:
        if setting.origin != "default":
            out.print(f"  {setting.setting}: {setting.value}  ({setting.origin})")
    if report.register:
        out.print("\nRegister these redirect URIs:")
    for wanted in report.register:
        where = wanted.console or f"the console of {wanted.title}"
        out.print(f"  {wanted.backend}: {wanted.redirect_uri}\n    at {where}")
    faults = report.faults
    out.print(f"\nTo be mended: {len(faults)}" if faults else "\nAll is well.")


def print_findings(out: Console, findings: Iterable[Finding]) -> None:
    """Print findings, a line or two for each."""
    for one in findings:
        out.print(_line(one))


def _line(one: Finding) -> Text:
    place = f"{one.check} {one.backend}" if one.backend and one.check in {"provider", "protection"} else one.check
    hint = f"\n       {one.hint}" if one.hint else ""
    return Text.assemble((f"{one.state:<5}", _STYLES[one.state]), f"  {place}: {one.message}{hint}")
