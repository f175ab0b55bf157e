"""Files of SQLite seen from outside: their URL, a statement from another program, and the driver watched at work."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


def url_of(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def raw(file: Path, statement: str, *values: object) -> list[Any]:
    """Give what a statement of another program gives."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


class Watched:
    """A factory of the driver's connections; ``Database(url, factory=watched, check_same_thread=False)`` takes it.

    Attributes:
        made: The connections made so far.
        threads: The thread of each.
        before: Called with each statement, in the connection's thread, before it is run.
    """

    def __init__(self, before: Callable[[str], object] = lambda statement: None) -> None:
        self.made: list[sqlite3.Connection] = []
        self.threads: list[threading.Thread] = []
        self.before = before

    def __call__(self, *args: Any, **options: Any) -> sqlite3.Connection:
        watched = self

        class Cursor(sqlite3.Cursor):
            def execute(self, statement: str, *values: Any) -> Any:
                watched.before(statement)
                return super().execute(statement, *values)

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
                watched.before(statement)
                return super().execute(statement, *values)

        connection = Connection(*args, **options)
        self.made.append(connection)
        self.threads.append(threading.current_thread())
        return connection

    def alive(self) -> list[threading.Thread]:
        """Give the threads that do not end by themselves."""
        for thread in self.threads:
            thread.join(timeout=5)
        return [thread for thread in self.threads if thread.is_alive()]
