"""The tables, and the numbered steps that make them.

``metadata`` is what the code reads and writes; ``steps_for`` is how a database gets there. A step that was released is
never changed: a new schema is a new step. A test holds the two together on each database.

An app with an Alembic of its own takes ``metadata`` into its ``target_metadata`` and writes the number in the same
migration: ``INSERT INTO social_schema (version) VALUES (2)``. A start then finds the schema it knows and makes nothing.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql import ClauseElement

from asgi_social.errors import SettingsError

Kind = Literal["SQLite", "PostgreSQL", "MariaDB"]
T = TypeVar("T")
Statements: TypeAlias = Generator[ClauseElement, list[Mapping[str, Any]], T]

metadata = sa.MetaData()

# Text is compared by bytes everywhere, or two people become one: MariaDB's own choice takes Abc for abc, and "abc " for
# "abc"; PostgreSQL's order would depend on the system's locale, and an index break when that is renewed.
_COLLATION = "utf8mb4_nopad_bin"
_OF_MARIADB: Mapping[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": _COLLATION}.items()
}


def _chars(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


# MEDIUMTEXT, for TEXT of MariaDB ends at 64 KiB, which a sealed answer of a provider may pass.
_TEXT = (
    sa.Text().with_variant(sa.Text(collation="C"), "postgresql").with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
)

social_association = sa.Table(
    "social_association",
    metadata,
    sa.Column("id", _chars(64), primary_key=True),
    sa.Column("user_id", _chars(255), nullable=False, index=True),
    sa.Column("backend", _chars(64), nullable=False),
    # Never NULL: a NULL differs from every NULL, and one account would be stored twice.
    sa.Column("authority", _chars(255), nullable=False),
    sa.Column("uid", _chars(255), nullable=False),
    sa.Column("account", _TEXT, nullable=False),
    sa.Column("client_id", _chars(255), nullable=False),
    sa.Column("access_token", _TEXT, nullable=False),
    sa.Column("refresh_token", _TEXT),
    sa.Column("id_token", _TEXT),
    sa.Column("token_type", _chars(64), nullable=False),
    sa.Column("scope", _TEXT, nullable=False),
    # Double, not Float: a Float of MySQL has seven digits, and the moment would be off by a minute.
    sa.Column("expires_at", sa.Double),
    sa.Column("issued_at", sa.Double, nullable=False),
    sa.Column("status", _chars(32), nullable=False),
    sa.Column("reason", _chars(32)),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("token_host", _chars(255), nullable=False),
    sa.Column("renew_at", sa.Double, index=True),
    sa.Column("next_attempt_at", sa.Double),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease_id", _chars(64)),
    # By the database's clock, as sent_at is; all other moments are by the app's.
    sa.Column("lease_until", sa.Double),
    sa.Column("sent_at", sa.Double),
    # Names the last write, so that a writer can read back whether it was its own.
    sa.Column("write_id", _chars(64), nullable=False),
    sa.UniqueConstraint("backend", "authority", "uid", name="uq_social_association_account"),
    **_OF_MARIADB,
)

social_user = sa.Table(
    "social_user",
    metadata,
    sa.Column("id", _chars(64), primary_key=True),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("username", _TEXT),
    sa.Column("created_at", sa.Double, nullable=False),
    **_OF_MARIADB,
)

social_flow = sa.Table(
    "social_flow",
    metadata,
    sa.Column("digest", _chars(64), primary_key=True),
    sa.Column("expires_at", sa.Double, nullable=False, index=True),
    sa.Column("write_id", _chars(64), nullable=False),
    # Sealed, and NULL where the key is spent: what a flow may not carry through the browser.
    sa.Column("kept", _TEXT),
    **_OF_MARIADB,
)

social_schema = sa.Table(
    "social_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    **_OF_MARIADB,
)

VERSION = "SELECT max(version) FROM social_schema"

_STEPS: Sequence[Sequence[str]] = (
    (
        """
        CREATE TABLE {unless}social_schema (version INTEGER NOT NULL PRIMARY KEY){table}
        """,
        """
        CREATE TABLE {unless}social_association (
            id VARCHAR(64){chars} NOT NULL PRIMARY KEY,
            user_id VARCHAR(255){chars} NOT NULL,
            backend VARCHAR(64){chars} NOT NULL,
            authority VARCHAR(255){chars} NOT NULL,
            uid VARCHAR(255){chars} NOT NULL,
            account {text} NOT NULL,
            client_id VARCHAR(255){chars} NOT NULL,
            access_token {text} NOT NULL,
            refresh_token {text},
            id_token {text},
            token_type VARCHAR(64){chars} NOT NULL,
            scope {text} NOT NULL,
            expires_at DOUBLE PRECISION,
            issued_at DOUBLE PRECISION NOT NULL,
            status VARCHAR(32){chars} NOT NULL,
            reason VARCHAR(32){chars},
            since DOUBLE PRECISION NOT NULL,
            created_at DOUBLE PRECISION NOT NULL,
            version INTEGER NOT NULL,
            token_host VARCHAR(255){chars} NOT NULL,
            renew_at DOUBLE PRECISION,
            next_attempt_at DOUBLE PRECISION,
            attempts INTEGER NOT NULL,
            lease_id VARCHAR(64){chars},
            lease_until DOUBLE PRECISION,
            sent_at DOUBLE PRECISION,
            write_id VARCHAR(64){chars} NOT NULL,
            CONSTRAINT uq_social_association_account UNIQUE (backend, authority, uid)
        ){table}
        """,
        "CREATE INDEX {unless}ix_social_association_user_id ON social_association (user_id)",
        "CREATE INDEX {unless}ix_social_association_renew_at ON social_association (renew_at)",
        """
        CREATE TABLE {unless}social_user (
            id VARCHAR(64){chars} NOT NULL PRIMARY KEY,
            is_active BOOLEAN NOT NULL,
            username {text},
            created_at DOUBLE PRECISION NOT NULL
        ){table}
        """,
        """
        CREATE TABLE {unless}social_flow (
            digest VARCHAR(64){chars} NOT NULL PRIMARY KEY,
            expires_at DOUBLE PRECISION NOT NULL,
            write_id VARCHAR(64){chars} NOT NULL
        ){table}
        """,
        "CREATE INDEX {unless}ix_social_flow_expires_at ON social_flow (expires_at)",
    ),
    ("ALTER TABLE social_flow ADD COLUMN {unless}kept {text}",),
)

# MariaDB ends a transaction at each statement that makes something, so that a step which broke off there is done again
# from its beginning: each of its statements passes by what is there already.
_WORDS: Mapping[Kind, Mapping[str, str]] = {
    "SQLite": {"chars": "", "text": "TEXT", "table": "", "unless": ""},
    "PostgreSQL": {"chars": ' COLLATE "C"', "text": 'TEXT COLLATE "C"', "table": "", "unless": ""},
    "MariaDB": {
        "chars": "",
        "text": "MEDIUMTEXT",
        "table": f" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={_COLLATION}",
        "unless": "IF NOT EXISTS ",
    },
}


def steps_for(kind: Kind) -> Sequence[Sequence[str]]:
    """Give the statements of each step, as a kind of database takes them; step 1 makes ``social_schema``."""
    return [[statement.format_map(_WORDS[kind]) for statement in step] for step in _STEPS]


def upgrade(tables: str, steps: Sequence[Sequence[str]], *, kind: Kind) -> Statements[None]:
    """Take the steps that a database lacks, and write the number of each when it is done.

    It is played where no other process migrates at the same time.

    Args:
        tables: The query of this kind of database for the names of our tables.
        steps: All there are.
        kind: Of the database.

    Raises:
        SettingsError: As ``known_version`` says.
    """
    names, stored = yield from stored_version(tables)
    version = known_version(names, stored, newest=len(steps), kind=kind)
    for number, statements in enumerate(steps[version:], start=version + 1):
        for statement in statements:
            yield sa.text(statement)
        yield sa.insert(social_schema).values(version=number)


def stored_version(tables: str) -> Statements[tuple[set[str], int | None]]:
    """Give which of our tables there are, and the number of the last step that ``social_schema`` has, if any.

    Args:
        tables: The query of this kind of database for the names of our tables.
    """
    names = {row["name"] for row in (yield sa.text(tables).columns(sa.column("name", sa.String)))}
    if "social_schema" not in names:
        return names, None
    [found] = yield sa.select(sa.func.max(social_schema.c.version).label("version"))
    return names, found["version"]


def known_version(names: Collection[str], stored: int | None, *, newest: int, kind: Kind) -> int:
    """Give the number of the last step that a database has had; 0 for one without our tables.

    Args:
        names: Which of our tables there are.
        stored: What ``VERSION`` finds.
        newest: The last step that this code knows.
        kind: Of the database. On MariaDB a number that is missing is that of a first step which broke off: it is 0.

    Raises:
        SettingsError: The database is newer than this code, or its tables are there without a version.
    """
    if not names or (stored is None and kind == "MariaDB"):
        return 0
    if stored is None:
        raise SettingsError(
            "the database has tables of asgi_social, and social_schema does not say of which version",
            hint="where migrations of the app's own made them, let those write it too: "
            "INSERT INTO social_schema (version) VALUES (<the number of the last step>)",
            setting="database",
            allowed="a database without our tables, or with the number of their schema",
        )
    if stored > newest:
        raise SettingsError(
            f"the database has schema {stored}, and this asgi_social knows schema {newest} at most",
            hint="install the asgi_social that made it or a newer one, or go back to a copy from before",
            setting="database",
            allowed=f"a database with schema {newest} or older",
        )
    return stored
