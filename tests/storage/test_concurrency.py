"""Many callers at once, of whom one gets what only one can have; each test runs over all of our stores."""

import asyncio
from dataclasses import replace

from asgi_social.storage.repository import Repository
from tests.storage.rows import association, user

CALLERS = 50


async def test_of_many_who_add_one_account_at_once_one_does(store: Repository) -> None:
    rows = [association(f"{number}", uid="u") for number in range(CALLERS)]

    added = await asyncio.gather(*[store.add(row) for row in rows])

    assert added.count(True) == 1
    assert await store.find(backend="github", authority="", uid="u") == rows[added.index(True)]


async def test_of_many_who_replace_one_version_at_once_one_does(store: Repository) -> None:
    row = association()
    await store.add(row)
    rows = [replace(row, access_token=f"v1.k.{number}", version=2) for number in range(CALLERS)]

    saved = await asyncio.gather(*[store.save_tokens(each, replaces=1) for each in rows])

    assert saved.count(True) == 1
    assert await store.get(row.id) == rows[saved.index(True)]


async def test_of_many_who_spend_one_key_at_once_one_does(store: Repository) -> None:
    spent = await asyncio.gather(*[store.spend("key", expires_at=600.0, now=0.0) for _ in range(CALLERS)])

    assert spent.count(True) == 1


async def test_of_many_who_take_what_is_kept_at_once_one_gets_it(store: Repository) -> None:
    await store.keep("key", "v1.k.kept", expires_at=600.0, now=0.0)

    taken = await asyncio.gather(*[store.take("key", now=0.0) for _ in range(CALLERS)])

    assert sorted(taken, key=str) == [None] * (CALLERS - 1) + ["v1.k.kept"]


async def test_an_association_removed_while_its_tokens_are_saved_is_gone_and_given_whole(
    store: Repository,
) -> None:
    row = association()
    await store.add(row)
    versions = [replace(row, access_token=f"v1.k.{number}", version=number) for number in range(2, 12)]
    saves = [store.save_tokens(each, replaces=each.version - 1) for each in versions]

    results: list[object] = await asyncio.gather(*saves[:5], store.remove(user_id="user-1"), *saves[5:])

    removed, saved = results.pop(5), results
    assert removed == [[row, *versions][saved.count(True)]]
    assert saved == [True] * saved.count(True) + [False] * saved.count(False)
    assert await store.get(row.id) is None


async def test_of_many_who_sign_up_with_one_account_at_once_one_does(store: Repository) -> None:
    people = [user(f"{number}") for number in range(CALLERS)]
    rows = [association(f"{number}", uid="u", user_id=f"{number}") for number in range(CALLERS)]

    added = await asyncio.gather(*map(store.add_user, people, rows))

    assert added.count(True) == 1
    assert [await store.user(person.id) is not None for person in people] == added


async def test_calls_work_inside_gather_shield_and_wait_for(store: Repository) -> None:
    shielded, waited, both = await asyncio.gather(
        asyncio.shield(store.add(association("1"))),
        asyncio.wait_for(store.add(association("2")), timeout=30),
        asyncio.wait_for(asyncio.shield(store.add_user(user(), association("3"))), timeout=30),
    )

    assert shielded
    assert waited
    assert both
    assert [row.id for row in await store.of_user("user-1")] == ["1", "2", "3"]
