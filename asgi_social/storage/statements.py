"""What is asked of the tables, as conditions and values: pure, and the same for each database."""

import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from asgi_social.storage.repository import LONGEST_HOLD_SECONDS, StoredAssociation
from asgi_social.storage.schema import social_association

Condition = sa.ColumnElement[bool]

OWN = social_association.c
READ = [column for column in OWN if column.name != "write_id"]
SEALED = ("account", "access_token", "refresh_token", "id_token")
NEVER_REWRITTEN = ("id", "user_id", "backend", "authority", "uid", "created_at", "version")
STORE_NOW = "store_now"  # a column that is not stored: the moment by the database's clock
AT_REST: Mapping[str, object] = {
    "lease_id": None,
    "lease_until": None,
    "sent_at": None,
    "attempts": 0,
    "next_attempt_at": None,
}


def values_of(row: StoredAssociation) -> dict[str, object]:
    """Give the columns of a row."""
    values: dict[str, object] = {field.name: getattr(row, field.name) for field in fields(row)}
    return values | {"scope": json.dumps(list(row.scope))}


def row_of(columns: Mapping[str, Any]) -> StoredAssociation:
    """Give the row of its columns."""
    return StoredAssociation(**{**columns, "scope": tuple(json.loads(columns["scope"]))})


def of_account(backend: str, authority: str, uid: str) -> Condition:
    """Choose the association of an account."""
    return sa.and_(OWN.backend == backend, OWN.authority == authority, OWN.uid == uid)


def of_user(user_id: str, *, backend: str | None, association_id: str | None) -> Condition:
    """Choose a user's associations that match all that is given."""
    condition: Condition = OWN.user_id == user_id
    if backend is not None:
        condition &= OWN.backend == backend
    if association_id is not None:
        condition &= OWN.id == association_id
    return condition


def unleased(now: sa.ColumnElement[float]) -> Condition:
    """Choose what nobody renews at present.

    Args:
        now: By the database's clock, as leases are.
    """
    return sa.or_(OWN.lease_until.is_(None), OWN.lease_until <= now)


def due_by(moment: sa.ColumnElement[float], *, now: sa.ColumnElement[float]) -> Condition:
    """Choose what is to be renewed ahead of time, and may be.

    Args:
        moment: By the app's clock, as the moments of a renewal are.
        now: By the database's clock, as leases are.
    """
    held_until = sa.func.coalesce(OWN.next_attempt_at, 0.0)
    may_be = sa.or_(held_until <= moment, held_until > moment + LONGEST_HOLD_SECONDS)
    return sa.and_(OWN.status == "active", OWN.renew_at <= moment, may_be, unleased(now))


def behind(renew_at: sa.ColumnElement[float], id_: sa.ColumnElement[str]) -> Condition:
    """Choose what comes after a place in the order of ``renew_at`` and id."""
    # The first half is what an index is entered by.
    return sa.and_(OWN.renew_at >= renew_at, sa.or_(OWN.renew_at > renew_at, OWN.id > id_))


def sealed_otherwise(prefixes: Collection[str]) -> Condition:
    """Choose what has a sealed value that begins with none of these; no LIKE, which SQLite compares without case."""
    return sa.or_(
        *(
            (OWN[name] != "") & sa.and_(sa.true(), *(sa.func.substr(OWN[name], 1, len(one)) != one for one in prefixes))
            for name in SEALED
        )
    )
