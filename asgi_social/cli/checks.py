"""What the doctor finds, as values. The conversation and the database are asked here; nothing here prints."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from asgi_social.cli.origins import Shown, shown
from asgi_social.cli.target import open_error
from asgi_social.errors import SettingsError, SocialError, StorageError
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Request, Response
from asgi_social.protocols.metadata import prepared
from asgi_social.protocols.variables import open_variables
from asgi_social.settings import Checked
from asgi_social.social import Social
from asgi_social.vault import count_unopenable

State = Literal["ok", "note", "fault"]

MAX_SECONDS_OFF = 60
LOCAL = "http://localhost:8000"
_CHECKS = {"secret_key": "key", "base_url": "base URL", "database": "database", "app": "app"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check says.

    Attributes:
        check: What was looked at.
        state: ``note`` is neither good nor bad.
        message: What was found; it holds no secret.
        hint: What to do about a fault.
        backend: The backend concerned, or None.
    """

    check: str
    state: State
    message: str
    hint: str = ""
    backend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What to write into a provider's console."""

    backend: str
    title: str
    redirect_uri: str
    console: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the doctor says."""

    findings: tuple[Finding, ...]
    register: tuple[Registration, ...] = ()
    settings: tuple[Shown, ...] = ()

    @property
    def faults(self) -> list[Finding]:
        """Those findings that are to be mended."""
        return [one for one in self.findings if one.state == "fault"]


def report_of_problems(problems: Sequence[SettingsError]) -> Report:
    """Say everything that keeps the engine from being made; what comes after it is not looked at."""
    found = [
        Finding(
            check=_CHECKS.get(one.setting, "settings"),
            state="fault",
            message=one.message,
            hint=one.hint,
            backend=one.backend,
        )
        for one in problems
    ]
    rest = Finding(check="everything else", state="note", message="is looked at once these are mended")
    return Report(findings=(*found, rest))


async def report_of(social: Social, *, network: Literal["ask", "offline"]) -> Report:
    """Look at an engine whose settings are right: open its database, and ask its providers.

    Args:
        social: Opened here, and closed.
        network: ``offline`` asks no provider.
    """
    settings = social.settings
    findings = [settings_finding(settings), Finding(check="key", state="ok", message=f"{settings.keys!r}")]
    findings.append(base_url_finding(settings))
    findings += lowered(settings)
    findings += [finding for name, one in settings.backends.items() for finding in turned_off(name, one.client)]
    try:
        findings += await _database_findings(social)
        if network == "offline":
            findings.append(Finding(check="clock and providers", state="note", message="not asked, as --offline says"))
        else:
            findings += await _provider_findings(social)
    finally:
        await social.close()
        await social.engine.transport.close()
    return Report(findings=tuple(findings), register=registrations(settings), settings=shown(settings))


def settings_finding(settings: Checked) -> Finding:
    """Say which backends there are."""
    if not settings.backends:
        return Finding(
            check="settings",
            state="fault",
            message="no backend is configured",
            hint="give backends={…}, or set ASGI_SOCIAL_GITHUB_CLIENT_ID and so on",
        )
    return Finding(check="settings", state="ok", message=f"backends: {', '.join(settings.backends)}")


def base_url_finding(settings: Checked) -> Finding:
    """Say under which address the app is known, and whether others than its developer can reach that."""
    if settings.base_url is None:
        text = 'not set, so that only localhost is served, over plain http too; others need base_url="https://…"'
        return Finding(check="base URL", state="note", message=text)
    if settings.development:
        text = f"{settings.base_url} is a developer's machine, which no one else can reach; plain http is allowed"
        return Finding(check="base URL", state="note", message=text)
    return Finding(check="base URL", state="ok", message=settings.base_url)


def lowered(settings: Checked) -> Iterable[Finding]:
    """Say which protections the app has taken into its own hands."""
    lost = {
        "sign_up is allow: whoever has an account at a provider may become a user": settings.sign_up == "allow",
        "http_client is the app's own: its limits of time and connections hold": settings.http_client is not None,
        **{
            f"{setting} is set: the app says whose account it is, in place of the provider's data": True
            for setting in settings.origins
            if setting.startswith("backends.") and setting.endswith(".uid")
        },
    }
    return [Finding(check="protection", state="note", message=text) for text in lost if lost[text]]


def turned_off(name: str, client: Client) -> Iterable[Finding]:
    """Say what protects an app elsewhere, and not at this backend: by a setting that says so, or by its provider."""
    provider, rules = client.provider, client.provider.id_token
    if provider.retired is not None:
        return []
    lost = {
        "allow_unbound_tokens is set: client tokens are taken that nothing shows to be this app's": (
            client.allow_unbound_tokens
        ),
        "PKCE is not sent, because the provider does not take it": provider.authorize.pkce == "off",
        "its ID tokens repeat no nonce": rules is not None and rules.nonce == "off",
        f"its ID tokens are not held to {', '.join(sorted(rules.lax)) if rules else ''}": bool(rules and rules.lax),
        "unlinking is not told to the provider, which has no way to be told": (
            provider.revoke is None and provider.oidc is None
        ),
    }
    return [Finding(check="protection", state="note", message=text, backend=name) for text in lost if lost[text]]


def registrations(settings: Checked) -> tuple[Registration, ...]:
    """Give the redirect URI of each backend, and where it is registered."""
    base = settings.base_url or LOCAL
    return tuple(
        Registration(
            backend=name,
            title=one.client.provider.title,
            redirect_uri=settings.redirect_uri(name, base=base),
            console=one.client.provider.console,
        )
        for name, one in settings.backends.items()
        if one.client.provider.retired is None
    )


def seconds_off(response: Response) -> float | None:
    """Say how far our clock is ahead of a provider's; None where its answer has no date that can be read.

    Source: RFC 9110 section 6.6.1 (``Date``), to the second.
    """
    try:
        date = parsedate_to_datetime(response.headers.get("date", ""))
        return response.received_at - date.timestamp()
    except (ValueError, OverflowError):
        return None


def clock_finding(offsets: Sequence[float]) -> Finding:
    """Judge our clock by that provider which agrees with it best: one may be wrong itself."""
    if not offsets:
        return Finding(check="clock", state="note", message="no provider says what time it is")
    off = min(offsets, key=abs)
    if abs(off) <= MAX_SECONDS_OFF:
        return Finding(check="clock", state="ok", message="agrees with the providers")
    return Finding(
        check="clock",
        state="fault",
        message=f"this machine's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}",
        hint="set it by NTP: ID tokens, flows and renewals are judged by it",
    )


def key_finding(count: int) -> Iterable[Finding]:
    """Say how many associations were sealed with a key that was taken off the list too early."""
    if count:
        yield Finding(
            check="key",
            state="fault",
            message=f"{count:,} associations are sealed with a key that is not on the list",
            hint="put it back, behind the first, and seal everything anew: asgi-social secret rotate; without it these "
            "people have to link again",
        )


async def _database_findings(social: Social) -> Iterable[Finding]:
    if (error := await open_error(social)) is not None:
        social.engine.transport.open()  # which the engine opens last: the providers can be asked all the same
        return [Finding(check="database", state="fault", message=error.message, hint=error.hint)]
    try:
        count = await count_unopenable(social.engine.repository, keys=social.engine.keys)
    except StorageError as unread:
        return [Finding(check="database", state="fault", message=unread.message, hint=unread.hint)]
    opens = Finding(check="database", state="ok", message="opens, and its schema is the one that is known here")
    return [opens, *key_finding(count)]


async def _provider_findings(social: Social) -> list[Finding]:
    """Ask all providers at once, so that several which do not answer cost the time of one."""
    asked = social.settings.backends.items()
    answers = await asyncio.gather(*(_provider_finding(social, name, one.client) for name, one in asked))
    return [clock_finding([off for _, off in answers if off is not None]), *(finding for finding, _ in answers)]


async def _provider_finding(social: Social, name: str, client: Client) -> tuple[Finding, float | None]:
    """Ask one provider; give what is found, and how far our clock is ahead of its own where it says."""
    if (since := client.provider.retired) is not None:
        text = f"is shut down since {since}; what is linked can be unlinked"
        return Finding(check="provider", state="note", message=text, backend=name), None
    if open_variables(client, "person"):
        text = "is somewhere else for each person, who names it when linking"
        return Finding(check="provider", state="ok", message=text, backend=name), None
    try:
        client, response = await social.engine.transport.converse(client, _greeted(client))
    except SocialError as error:
        return Finding(check="provider", state="fault", message=error.message, hint=error.hint, backend=name), None
    issuer = client.endpoints.issuer
    text = f"answers; its issuer is {issuer}" if issuer else "answers; its data name no single issuer"
    return Finding(check="provider", state="ok", message=text, backend=name), seconds_off(response)


def _greeted(client: Client) -> Conversation[tuple[Client, Response]]:
    """Fetch the metadata, where there are any, and the head of the authorization page, whatever its status is."""
    client = yield from prepared(client)
    response = yield Request(endpoint="authorization endpoint", method="HEAD", url=client.endpoints.authorize or "")
    return client, response
