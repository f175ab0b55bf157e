"""Where the data are: what the setting ``database`` says, checked, and the dialect that goes with it."""

from collections.abc import Callable, Collection, Mapping

from databases import Database, DatabaseURL

from asgi_social.errors import SettingsError, cleaned
from asgi_social.storage import sqlite
from asgi_social.storage.dialect import Dialect, refuse_rollback

# As databases names them.
_SCHEMES: Mapping[str, str] = {
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "mariadb": "mysql+asyncmy",
    "mariadb+asyncmy": "mysql+asyncmy",
    "mysql": "mysql+asyncmy",
    "mysql+asyncmy": "mysql+asyncmy",
}
# What databases reads of a URL; it passes by all others in silence, sslmode=require too.
_OPTIONS: Mapping[str, Collection[str]] = {
    "postgresql+asyncpg": ("host", "max_size", "min_size", "ssl"),
    "mysql+asyncmy": ("max_size", "min_size", "pool_recycle", "ssl", "unix_socket"),
}
_NUMBERS = ("max_size", "min_size", "pool_recycle")


def found(database: str | Database) -> tuple[Callable[[], Database], Dialect]:
    """Give what makes a database that nobody has connected, and its dialect.

    Args:
        database: What the app wrote; a ``Database`` is not touched.

    Raises:
        SettingsError: It is not one of ours, or its driver is not installed. A password in it is not shown.
    """
    options: Mapping[str, object] = {}
    if isinstance(database, Database):
        refuse_rollback(database)
        options = database.options
    url, scheme = _read(str(database.url) if isinstance(database, Database) else database)
    dialect = _dialect(scheme)
    if dialect.kind == "SQLite":
        _check_file(url)
    else:
        _check_server(url, scheme)
    own = {name: value for name, value in dialect.options.items() if name not in url.options}
    address = url.replace(scheme=scheme)
    return lambda: Database(address, **{**own, **options}), dialect


def _read(text: str) -> tuple[DatabaseURL, str]:
    try:
        url = DatabaseURL(text)
        written, _ = url.scheme, url.port
    except ValueError:
        written = ""
    if (scheme := _SCHEMES.get(written)) is None:
        raise _refused(f"the database is of the kind {cleaned(written)!r}, which is not supported")
    return url, scheme


def _dialect(scheme: str) -> Dialect:
    """Give the dialect; that of a server is imported here alone, for its driver need not be installed."""
    if scheme == "sqlite":
        return sqlite.DIALECT
    try:
        if scheme == "postgresql+asyncpg":
            from asgi_social.storage.postgresql import DIALECT
        else:
            from asgi_social.storage.mariadb import DIALECT
    except ModuleNotFoundError as missing:
        extra = "postgresql" if scheme == "postgresql+asyncpg" else "mariadb"
        raise SettingsError(
            f"the driver of the database, {missing.name}, is not installed",
            hint=f'pip install "asgi-social[{extra}]"',
            setting="database",
            allowed="a database whose driver is installed",
        ) from None
    return DIALECT


def _check_file(url: DatabaseURL) -> None:
    """Raise ``SettingsError`` unless a URL names a file."""
    if url.components.query or url.components.fragment:
        # databases makes the query a part of the file's name, and drops a fragment.
        raise _refused("the database's URL has a ? or # with something behind it, which would change the file's name")
    if url.netloc:
        raise _refused("the database's URL has two slashes before the file, which makes its first part a host")
    if url.database in {"", ":memory:"}:
        raise _refused("the database's URL names no file, and what is in memory is lost with its connection")


def _check_server(url: DatabaseURL, scheme: str) -> None:
    """Raise ``SettingsError`` unless a URL names a database of a server, with options that are heeded."""
    if not url.database:
        raise _refused("the database's URL names a server, and no database of it")
    for name, value in url.options.items():
        if name not in _OPTIONS[scheme]:
            raise _refused(f"the option {cleaned(name)!r} in the database's URL is not known, and would not be heeded")
        if not _is_heeded(name, value, scheme):
            raise _refused(f"the option {name} in the database's URL has a value that it cannot have")


def _is_heeded(name: str, value: str, scheme: str) -> bool:
    if name in _NUMBERS:
        return value.isdecimal()
    return name != "ssl" or scheme != "mysql+asyncmy" or value in {"true", "false"}


def _refused(problem: str) -> SettingsError:
    return SettingsError(
        problem,
        hint="write sqlite+aiosqlite:///social.db (four slashes before an absolute path), "
        "postgresql+asyncpg://user@host/name or mysql+asyncmy://user@host/name, with options such as ?ssl=true; or "
        "pass a Repository of the app's own; for tests, MemoryRepository() of asgi_social.testing",
        setting="database",
        allowed="a file of SQLite, or a database of PostgreSQL or MariaDB, by its URL; a Database; or a Repository",
    )
