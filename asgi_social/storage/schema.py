"""The tables, and the numbered steps that make them.

``metadata`` is what the code reads and writes; ``STEPS`` is how a database gets there. A step that was released is
never changed: a new schema is a new step. A test holds the two together.

An app with an Alembic of its own takes ``metadata`` into its ``target_metadata`` and writes the number in the same
migration: ``INSERT INTO social_schema (version) VALUES (1)``. A start then finds the schema it knows and makes nothing.
"""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from databases.core import Connection

from asgi_social.errors import SettingsError

metadata = sa.MetaData()

social_association = sa.Table(
    "social_association",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("user_id", sa.String(255), nullable=False, index=True),
    sa.Column("backend", sa.String(64), nullable=False),
    # Never NULL: a NULL differs from every NULL, and one account would be stored twice.
    sa.Column("authority", sa.String(255), nullable=False),
    sa.Column("uid", sa.String(255), nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("client_id", sa.String(255), nullable=False),
    sa.Column("access_token", sa.Text, nullable=False),
    sa.Column("refresh_token", sa.Text),
    sa.Column("id_token", sa.Text),
    sa.Column("token_type", sa.String(64), nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    # Double, not Float: a Float of MySQL has seven digits, and the moment would be off by a minute.
    sa.Column("expires_at", sa.Double),
    sa.Column("issued_at", sa.Double, nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("reason", sa.String(32)),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    # Names the last write, so that a writer can read back whether it was its own.
    sa.Column("write_id", sa.String(64), nullable=False),
    sa.UniqueConstraint("backend", "authority", "uid", name="uq_social_association_account"),
)

social_user = sa.Table(
    "social_user",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("username", sa.Text),
    sa.Column("created_at", sa.Double, nullable=False),
)

social_flow = sa.Table(
    "social_flow",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("expires_at", sa.Double, nullable=False, index=True),
)

social_schema = sa.Table(
    "social_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('social_schema', 'social_association')"
VERSION = "SELECT max(version) FROM social_schema"

STEPS: Sequence[Sequence[str]] = (
    (
        """
        CREATE TABLE social_schema (version INTEGER NOT NULL PRIMARY KEY)
        """,
        """
        CREATE TABLE social_association (
            id VARCHAR(64) NOT NULL PRIMARY KEY,
            user_id VARCHAR(255) NOT NULL,
            backend VARCHAR(64) NOT NULL,
            authority VARCHAR(255) NOT NULL,
            uid VARCHAR(255) NOT NULL,
            account TEXT NOT NULL,
            client_id VARCHAR(255) NOT NULL,
            access_token TEXT NOT NULL,
            refresh_token TEXT,
            id_token TEXT,
            token_type VARCHAR(64) NOT NULL,
            scope TEXT NOT NULL,
            expires_at DOUBLE PRECISION,
            issued_at DOUBLE PRECISION NOT NULL,
            status VARCHAR(32) NOT NULL,
            reason VARCHAR(32),
            since DOUBLE PRECISION NOT NULL,
            created_at DOUBLE PRECISION NOT NULL,
            version INTEGER NOT NULL,
            write_id VARCHAR(64) NOT NULL,
            CONSTRAINT uq_social_association_account UNIQUE (backend, authority, uid)
        )
        """,
        "CREATE INDEX ix_social_association_user_id ON social_association (user_id)",
        """
        CREATE TABLE social_user (
            id VARCHAR(64) NOT NULL PRIMARY KEY,
            is_active BOOLEAN NOT NULL,
            username TEXT,
            created_at DOUBLE PRECISION NOT NULL
        )
        """,
        """
        CREATE TABLE social_flow (
            digest VARCHAR(64) NOT NULL PRIMARY KEY,
            expires_at DOUBLE PRECISION NOT NULL
        )
        """,
        "CREATE INDEX ix_social_flow_expires_at ON social_flow (expires_at)",
    ),
)


async def upgrade(connection: Connection, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """Bring a SQLite database to the last step; one that is there already is left as it is.

    Args:
        connection: In a transaction that no other writer is in, so that of two processes one makes the tables.
        steps: The statements of each step; step 1 makes ``social_schema``, which has a row for each step done.

    Raises:
        SettingsError: The database is newer than this code, or its tables are there without a version.
    """
    names = {row[0] for row in await connection.fetch_all(TABLES)}
    stored = await connection.fetch_val(VERSION) if "social_schema" in names else None
    version = known_version(names, stored, newest=len(steps))
    for number, statements in enumerate(steps[version:], start=version + 1):
        for statement in statements:
            await connection.execute(statement)
        await connection.execute(sa.insert(social_schema).values(version=number))


def known_version(names: Collection[str], stored: int | None, *, newest: int) -> int:
    """Give the number of the last step that a database has had; 0 for one without our tables.

    Args:
        names: What ``TABLES`` finds.
        stored: What ``VERSION`` finds.
        newest: The last step that this code knows.

    Raises:
        SettingsError: The database is newer than this code, or its tables are there without a version.
    """
    if not names:
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
