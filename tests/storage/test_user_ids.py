"""User ids of each kind come back from each store as they went in."""

from uuid import UUID

import pytest

from asgi_social import Social
from asgi_social.storage.repository import Repository
from tests.app import settings
from tests.storage.rows import association


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        pytest.param(int, 2**70, id="int"),
        pytest.param(UUID, UUID(int=7), id="uuid"),
        pytest.param(str, "007", id="str"),
        pytest.param(str, " ä\u0308 ", id="str-with-spaces"),
    ],
)
async def test_a_user_id_comes_back_as_it_went_in(store: Repository, kind: type, given: object) -> None:
    social = Social(**settings(user_id=kind, database=store))
    text = social.engine.users.text_of(given)
    await store.add(association("1", user_id=text))
    await store.add(association("2", user_id=f"{text}0"))

    [found] = await social.associations(given)

    assert found.user_id == given
    assert type(found.user_id) is kind
    assert [row.user_id for row in await store.remove(user_id=text)] == [text]
