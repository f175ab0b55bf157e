"""Rows for the rules that are pure, and a provider's rules for them."""

from typing import Any

from asgi_social.protocols.provider import Refresh, TokenCall
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing.clock import START


def row_of(**more: Any) -> StoredAssociation:
    """Give a row of an hour's token, issued at ``START``."""
    parts: dict[str, Any] = {
        "id": "an-id",
        "user_id": "ada",
        "backend": "acme",
        "authority": "",
        "uid": "7",
        "account": "sealed",
        "client_id": "an-id",
        "access_token": "sealed",
        "refresh_token": "sealed",
        "issued_at": START,
        "expires_at": START + 3600,
        "since": START,
        "created_at": START,
    }
    return StoredAssociation(**{**parts, **more})


def rules_of(**more: Any) -> Refresh:
    """Give how a provider renews."""
    return Refresh(call=TokenCall(), **more)
