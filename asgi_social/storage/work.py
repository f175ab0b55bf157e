"""What is asked of a database in one call, as conversations: generators that yield a statement and are sent rows.

They know tables and rows, and neither connections nor what a database is called; who plays one may play it anew.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import ClauseElement

from asgi_social.errors import StorageError
from asgi_social.storage.repository import Claimed, Due, LeaseSeconds, StoredAssociation, chosen
from asgi_social.storage.schema import social_association, social_flow
from asgi_social.storage.statements import OWN, READ, STORE_NOW, Condition, of_account, row_of
from asgi_social.storage.written import Statements, Written, new_values_of

T = TypeVar("T")

MAX_FORGOTTEN_KEYS = 100


@dataclass(frozen=True, slots=True)
class Many:
    """A statement that is written out already, and its values for each of many rows."""

    statement: Written
    rows: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement that is written out already, and its values this time."""

    statement: Written
    values: Mapping[str, object]


Asked: TypeAlias = ClauseElement | Many | Bound
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


def added_each(insert: Written, rows: Sequence[Mapping[str, object]], *, write_id: str) -> Work[list[bool]]:
    """Store several associations, and say of each whether it was; none where an id is taken."""
    yield Many(insert, rows)
    ids = [row["id"] for row in rows]
    found = yield sa.select(OWN.id, OWN.write_id).where(OWN.id.in_(ids))
    written = {one["id"]: one["write_id"] for one in found}
    if len(set(ids)) < len(ids) or set(written.values()) - {write_id}:
        raise _taken("add_each")
    return [id_ in written for id_ in ids]


def got(statements: Sequence[Written], values: Mapping[str, object]) -> Work[StoredAssociation | None]:
    """Run statements with the same values, and give the association that the last one reads, or None."""
    rows = yield from _in_turn(statements, values)
    return row_of(rows[0]) if rows else None


def changed(statements: Sequence[Written], values: Mapping[str, object]) -> Work[bool]:
    """Run statements with the same values, and say whether they changed anything, which the last one reads."""
    return bool((yield from _in_turn(statements, values)))


def _in_turn(statements: Sequence[Written], values: Mapping[str, object]) -> Work[Rows]:
    rows: Rows = []
    for statement in statements:
        rows = yield Bound(statement, values)
    return rows


def claimed(
    statements: Statements,
    due: Due,
    lease_id: str,
    seconds: LeaseSeconds,
    wanted: Callable[[StoredAssociation], bool],
) -> Work[Claimed]:
    """Take the leases of what is due and wanted; nobody else is at a row between the look at it and its lease."""
    renew_at, id_ = due.after
    found = yield Bound(statements.due, {**asdict(due), "after_renew_at": renew_at, "after_id": id_})
    now = {row["id"]: row[STORE_NOW] for row in found}
    rows = (row_of({name: value for name, value in row.items() if name != STORE_NOW}) for row in found)
    claimed = chosen(rows, limit=due.limit, wanted=wanted)
    leased = [replace(row, lease_id=lease_id, lease_until=now[row.id] + seconds.of(row)) for row in claimed.rows]
    if leased:
        yield Many(statements.claim, [{"association_id": row.id, **new_values_of(row)} for row in leased])
    return replace(claimed, rows=leased)


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
