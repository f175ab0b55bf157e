"""Rows for the tests of the stores; what a test is about it says itself."""

from asgi_social.storage.repository import StoredAssociation, StoredUser


def association(id: object = "association-1", **changed: object) -> StoredAssociation:  # noqa: A002  # as the row says it
    values: dict[str, object] = {
        "id": id,
        "user_id": "user-1",
        "backend": "github",
        "authority": "",
        "uid": f"uid of {id}",
        "account": "v1.k.account",
        "client_id": "client-1",
        "access_token": "v1.k.sealed",
        "issued_at": 1_700_000_000.25,
        "since": 1_700_000_000.25,
        "created_at": 1_700_000_000.25,
    }
    return StoredAssociation(**values | changed)  # type: ignore[arg-type]  # a test changes any field


def user(id: str = "user-1", **changed: object) -> StoredUser:  # noqa: A002  # as the row says it
    return StoredUser(**{"id": id, "created_at": 1_700_000_000.25} | changed)  # type: ignore[arg-type]  # as above
