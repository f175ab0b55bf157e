"""What is asked of a database in one call, as conversations: generators that yield a statement and are sent rows.

They know tables and rows, and neither connections nor what a database is called; who plays one may play it anew.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import ClauseElement

from asgi_social.errors import StorageError
from asgi_social.storage.repository import StoredAssociation
from asgi_social.storage.schema import social_association, social_flow
from asgi_social.storage.statements import OWN, READ, Condition, of_account, row_of

T = TypeVar("T")

MAX_FORGOTTEN_KEYS = 100


@dataclass(frozen=True, slots=True)
class Many:
    """An INSERT that is run for each of many rows."""

    insert: sa.Insert
    rows: Sequence[Mapping[str, object]]


Asked: TypeAlias = ClauseElement | Many
Rows: TypeAlias = list[Mapping[str, Any]]
Work: TypeAlias = Generator[Asked, Rows, T]


def rows(query: ClauseElement) -> Work[Rows]:
    """Give all rows."""
    return (yield query)


def first(query: ClauseElement) -> Work[Mapping[str, Any] | None]:
    """Give the first row, or None."""
    rows = yield query
    return rows[0] if rows else None


def one(condition: Condition) -> Work[StoredAssociation | None]:
    """Give the association that is chosen, or None."""
    found = yield from first(sa.select(*READ).where(condition))
    return None if found is None else row_of(found)


def every(query: sa.Select[Any]) -> Work[list[StoredAssociation]]:
    """Give the associations that a query reads."""
    rows = yield query
    return [row_of(found) for found in rows]


def added(insert: sa.Insert, row: StoredAssociation, *, write_id: str, operation: str) -> Work[bool]:
    """Store an association, and say whether it was: not where the account has one already.

    Args:
        insert: Does nothing where a unique key is taken.
        row: What is inserted.
        write_id: Names this write, and is read back.
        operation: What an error calls it.
    """
    yield insert
    stored = yield from first(sa.select(OWN.write_id).where(OWN.id == row.id))
    if stored is None or stored["write_id"] == write_id:
        return stored is not None
    if (yield from one(of_account(row.backend, row.authority, row.uid))) is None:
        raise _taken(operation)
    return False


def added_with_user(adding: Work[bool], insert: sa.Insert) -> Work[bool]:
    """Store a user where their association is stored, and say whether they were."""
    if not (yield from adding):
        return False
    yield insert
    return True


def added_each(insert: sa.Insert, rows: Sequence[Mapping[str, object]], *, write_id: str) -> Work[list[bool]]:
    """Store several associations, and say of each whether it was; none where an id is taken."""
    yield Many(insert, rows)
    ids = [row["id"] for row in rows]
    found = yield sa.select(OWN.id, OWN.write_id).where(OWN.id.in_(ids))
    written = {one["id"]: one["write_id"] for one in found}
    if len(set(ids)) < len(ids) or set(written.values()) - {write_id}:
        raise _taken("add_each")
    return [id_ in written for id_ in ids]


def leased(update: sa.Update, association_id: str, lease_id: str) -> Work[StoredAssociation | None]:
    """Take a lease, and give the row where it was got."""
    yield update
    return (yield from one(sa.and_(OWN.id == association_id, OWN.lease_id == lease_id)))


def written(association_id: str, condition: Condition, values: Mapping[str, object], *, write_id: str) -> Work[bool]:
    """Write to an association where a condition holds, and say whether it did: the write's id is read back."""
    chosen = sa.and_(OWN.id == association_id, condition)
    yield sa.update(social_association).where(chosen).values(**values, write_id=write_id)
    query = sa.select(OWN.id).where(OWN.id == association_id, OWN.write_id == write_id)
    return (yield from first(query)) is not None


def removed(query: sa.Select[Any]) -> Work[list[StoredAssociation]]:
    """Delete what a query reads, and give it.

    It is locked, so that what goes is what was read, and deleted by its ids, so that nothing else goes.
    """
    rows = yield from every(query.with_for_update())
    if rows:
        yield sa.delete(social_association).where(OWN.id.in_([row.id for row in rows]))
    return rows


def spent(insert: sa.Insert, key: str, *, now: float, write_id: str) -> Work[bool]:
    """Store a key, to use it up or to keep something under it, and say whether it was new.

    Some that ended are forgotten. Those that another caller forgets just then are passed by, and not waited for.
    """
    flow = social_flow.c
    ended = sa.select(flow.digest).where(flow.expires_at < now).order_by(flow.expires_at).limit(MAX_FORGOTTEN_KEYS)
    rows = yield ended.with_for_update(skip_locked=True)
    is_ended = sa.or_(
        flow.digest.in_([row["digest"] for row in rows]), sa.and_(flow.digest == key, flow.expires_at < now)
    )
    yield sa.delete(social_flow).where(is_ended)
    yield insert
    stored = yield from first(sa.select(flow.write_id).where(flow.digest == key))
    return stored is not None and bool(stored["write_id"] == write_id)


def taken(key: str, *, now: float) -> Work[str | None]:
    """Give what is kept under a key, and delete it; it is locked, so that who comes at once finds nothing."""
    flow = social_flow.c
    kept = sa.select(flow.kept, flow.expires_at).where(flow.digest == key, flow.kept.is_not(None))
    found = yield from first(kept.with_for_update())
    if found is None:
        return None
    yield sa.delete(social_flow).where(flow.digest == key)
    return str(found["kept"]) if found["expires_at"] >= now else None


def _taken(operation: str) -> StorageError:
    return StorageError(f"{operation}: an association with this id is stored already", operation=operation)
