"""Where associations are kept: the Protocol, ``databases`` over three kinds of database, and memory for tests."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgi_social.storage.schema import metadata as metadata

__all__ = ["metadata"]


def __getattr__(name: str) -> object:
    """Give ``metadata``, the tables for an app's own Alembic; an app with a store of its own needs no SQLAlchemy."""
    if name == "metadata":
        from asgi_social.storage.schema import metadata

        return metadata
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
