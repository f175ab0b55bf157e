"""The statements of a renewal, written out once for a database and then run with other values each time.

``databases`` writes a statement out anew at each call, and SQLAlchemy builds it anew before: of the work that a worker
has with a renewal, that was more than half (``benchmarks/sweep.py``). What is asked less often is not here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ClauseElement

from asgi_social.storage.dialect import Dialect
from asgi_social.storage.repository import StoredAssociation
from asgi_social.storage.schema import social_association
from asgi_social.storage.statements import (
    AT_REST,
    NEVER_REWRITTEN,
    OWN,
    READ,
    SEALED,
    STORE_NOW,
    Condition,
    behind,
    due_by,
    unleased,
    values_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A statement in the words of a database.

    Attributes:
        text: As the driver takes it, with a mark for each value.
        marks: The names of the values, in the order of the marks.
        constants: The values that are the same each time.
        columns: The names of what it gives, in order; none where it gives nothing.
    """

    text: str
    marks: Sequence[str] = ()
    constants: Mapping[str, object] = field(default_factory=dict)
    columns: Sequence[str] = ()

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """Give the values in the order of the marks; there may be more of them than it has marks for."""
        known = {**self.constants, **values}
        return [known[name] for name in self.marks]


def written(query: ClauseElement, words: sa.Dialect) -> Written:
    """Write a statement out.

    Args:
        query: Its parameters are named by ``bindparam``; none is a list.
        words: Of the database, with marks that have an order.
    """
    compiled = query.compile(dialect=words)
    marks = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]  # each statement with marks has it
    columns = [column.name for column in query.exported_columns] if isinstance(query, sa.Select | sa.UpdateBase) else []
    return Written(text=str(compiled), marks=marks, constants=compiled.params, columns=columns)


class Statements:
    """Those of one database.

    What changes one association is a sequence: all are run with the same values, and the last gives a row where it was
    changed. MariaDB has no UPDATE … RETURNING, and ``databases`` gives no count; there a second one reads back.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Write them out."""
        self._dialect = dialect
        now = dialect.now
        has_version = OWN.version == _old("version")
        fresh, taking_over = (now + _given(name, OWN.lease_until) for name in ("fresh", "taking_over"))
        put_off = {name: _new(name) for name in ("attempts", "next_attempt_at", "renew_at")}
        has_lease = OWN.lease_id.is_not_distinct_from(_old("lease_id"))
        rewritten = {column.name for column in READ} - {*NEVER_REWRITTEN, *AT_REST}

        self.get = [self._written(sa.select(*READ).where(_IS_IT))]
        self.lease = self._changing(
            has_version & unleased(now),
            {"lease_id": _new("lease_id"), "lease_until": sa.case((OWN.sent_at.is_(None), fresh), else_=taking_over)},
            named_by="lease_id",
            gives=READ,
        )
        self.mark_sent = self._changing(has_version & has_lease & ~unleased(now), {"sent_at": now})
        self.save_tokens = self._changing(
            has_version, {name: _new(name) for name in rewritten} | {**AT_REST, "version": OWN.version + 1}
        )
        self.release = {
            "known": self._changing(has_lease, {**put_off, "lease_id": None, "lease_until": None, "sent_at": None}),
            "unknown": self._changing(has_lease, put_off),
        }
        after = behind(_given("after_renew_at", OWN.renew_at), _given("after_id", OWN.id))
        is_due = due_by(_given("now", OWN.renew_at), now=now) & after & (OWN.backend == _given("backend", OWN.backend))
        self.due = self._written(
            sa.select(*READ, now.label(STORE_NOW))
            .where(is_due)
            .order_by(OWN.renew_at, OWN.id)
            .limit(sa.bindparam("among", type_=sa.Integer))
            .with_for_update(skip_locked=True)
        )
        leased = {"lease_id": _new("lease_id"), "lease_until": _new("lease_until")}
        self.claim = self._written(sa.update(social_association).where(_IS_IT).values(leased))
        self.reseal = self._changing(has_version, {name: _new(name) for name in SEALED})

    def _changing(
        self,
        condition: Condition,
        values: Mapping[str, object],
        *,
        named_by: str = "write_id",
        gives: Sequence[sa.Column[object]] = (OWN.id,),
    ) -> Sequence[Written]:
        """Write out a change of one association where a condition holds.

        Args:
            condition: Besides its id.
            values: Of its columns.
            named_by: The column that says whose change it was.
            gives: What is read.
        """
        named = {named_by: _new(named_by)}
        update = sa.update(social_association).where(_IS_IT, condition).values({**values, **named})
        if self._dialect.has_returning:
            return [self._written(update.returning(*gives))]
        back = sa.select(*gives).where(_IS_IT, OWN[named_by] == named[named_by])
        return [self._written(update), self._written(back)]

    def _written(self, query: ClauseElement) -> Written:
        return written(query, self._dialect.words)


def new_values_of(row: StoredAssociation) -> dict[str, object]:
    """Give what a row's columns become, by the names that the statements have for it."""
    return {f"new_{name}": value for name, value in values_of(row).items()}


def _old(name: str) -> sa.BindParameter[Any]:
    return _given(f"old_{name}", OWN[name])


def _given(name: str, like: sa.ColumnElement[object]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=like.type)


def _new(name: str) -> sa.BindParameter[Any]:
    return _given(f"new_{name}", OWN[name])


_IS_IT = OWN.id == _given("association_id", OWN.id)
