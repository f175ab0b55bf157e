"""What the app is told of: one callable that gets an event, and can never break the flow that emits it."""

import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EventName = Literal[
    "associated",
    "disconnected",
    "signed_in",
    "renewed",
    "renewal_failed",
    "renewal_odd",
    "renewal_unstored",
    "credentials_refused",
    "needs_reauth",
    "account_taken",
    "token_refused",
    "revocation_failed",
]
_log = logging.getLogger("asgi_social")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. It carries names and ids, and no secret.

    Attributes:
        name: What happened.
        backend: The backend's name.
        user_id: The app's user, as text, where one is concerned.
        association_id: The association, where one is concerned.
        code: The error's stable word, where something was refused or failed.
        reason: The closer cause, where there are several.
        detail: What helps the app's makers to mend it, and no visitor is told, such as the audience of a refused token.
    """

    name: EventName
    backend: str
    user_id: str | None = None
    association_id: str | None = None
    code: str | None = None
    reason: str | None = None
    detail: str | None = None


Hook = Callable[[Event], object]


class Events:
    """Hands events to the app's hook, each in a task of its own."""

    def __init__(self, hook: Hook | None, *, start: Callable[..., None]) -> None:
        """Set up.

        Args:
            hook: The app's ``on_event``, sync or async, or None.
            start: Begins a task that nobody waits for: ``Background.start``.
        """
        self._hook = hook
        self._start = start

    def emit(self, event: Event) -> None:
        """Log an event by its names and ids, and hand it to the hook."""
        _log.info(
            "%s backend=%s association=%s code=%s reason=%s%s",
            event.name,
            event.backend,
            event.association_id,
            event.code,
            event.reason,
            f" detail={event.detail}" if event.detail else "",
        )
        if self._hook is not None:
            self._start(_told(self._hook, event), name=f"on_event {event.name}")


async def _told(hook: Hook, event: Event) -> None:
    result = hook(event)
    if inspect.isawaitable(result):
        await result
