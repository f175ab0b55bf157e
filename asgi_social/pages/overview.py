"""What the page of linked accounts shows, as plain values: the page and its JSON are made of the same."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from asgi_social.association import Association
from asgi_social.backend import Backend

# Why only the person can mend a link, in words for them; a reason that is not among these would be a fault of ours.
WHYS: Mapping[str | None, str] = {
    "revoked": "The service has ended it",
    "answer_lost": "A renewal was broken off",
    "suspect": "The service answered for another account",
    "unreadable": "What was stored cannot be opened",
}
_MAX_LABEL = 80


def overview(
    associations: Sequence[Association[Any]], backends: Sequence[Backend[Any]], *, base: str
) -> dict[str, Any]:
    """Give a person's linked accounts, and what more can be linked.

    Args:
        associations: The person's, oldest first.
        backends: All that are configured.
        base: The path of ``/associate/`` as the browser asks for it.

    Returns:
        ``linked``: of each association its attributes under their names, besides ``title`` (the service), ``label``
        (see :func:`label_of`), and as paths ``picture``, ``unlink`` and ``link_again`` (to post to), None where there
        is none. ``backends``: of each that is linked by a redirect ``name``, ``title``, ``link`` (to post to), how many
        are ``linked``, and ``unlink_all`` (to be asked at). Moments are epoch seconds.
    """
    known = {backend.name: backend for backend in backends}
    counts = [one.backend for one in associations]
    return {
        "linked": [_linked(one, known.get(one.backend), base=base) for one in associations],
        "backends": [
            {
                "name": backend.name,
                "title": backend.title,
                "link": f"{base}{backend.name}/",
                "linked": counts.count(backend.name),
                "unlink_all": f"{base.removesuffix('associate/')}disconnect/{backend.name}/",
            }
            for backend in backends
            if backend.has_redirect
        ],
    }


def label_of(association: Association[Any]) -> str:
    """Give what tells an account from another of the same person at the same service, in at most 80 characters."""
    text = association.username or association.email or association.fullname or association.uid
    return text if len(text) <= _MAX_LABEL else f"{text[:_MAX_LABEL]}…"


def _linked(one: Association[Any], backend: Backend[Any] | None, *, base: str) -> dict[str, Any]:
    root = base.removesuffix("associate/")
    return {
        "id": one.id,
        "backend": one.backend,
        "title": backend.title if backend else one.backend,
        "uid": one.uid,
        "label": label_of(one),
        "username": one.username,
        "fullname": one.fullname,
        "email": one.email,
        "picture": f"{base}picture/{one.id}/" if one.picture else None,
        "created_at": one.created_at,
        "scope": list(one.scope),
        "expires_at": one.expires_at,
        "status": one.status,
        "reason": one.reason,
        "since": one.since,
        # A backend that was taken out of the settings has no door any more; its rows stay until the app removes them.
        "unlink": f"{root}disconnect/{one.backend}/{one.id}/" if backend else None,
        "link_again": f"{base}{one.backend}/" if backend and backend.has_redirect else None,
    }


def day(moment: float) -> str:
    """Write a moment as its day for people, in UTC.

    >>> day(1_795_478_400.0)
    '24 Nov 2026'
    """
    return formatdate(moment)[5:16].lstrip("0")  # whose months are English, whatever the locale


def iso_day(moment: float) -> str:
    """Write a moment as its day for programs, in UTC.

    >>> iso_day(1_795_478_400.0)
    '2026-11-24'
    """
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
