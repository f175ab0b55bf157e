"""What every store does; each test runs over all of ours."""

import asyncio
import unicodedata
from dataclasses import replace

import pytest

from asgi_social.errors import StorageError
from asgi_social.storage.repository import Repository, StoredAssociation
from tests.storage.rows import association, user


def renewed(row: StoredAssociation, **changed: object) -> StoredAssociation:
    return replace(row, version=row.version + 1, **changed)  # type: ignore[arg-type]  # a test changes any field


async def test_a_row_comes_back_as_it_was_given(store: Repository) -> None:
    row = association(
        authority="https://id.example",
        account="v1.k.account2",
        refresh_token="v1.k.refresh",
        id_token="v1.k.id",
        token_type="bearer",
        scope=("read:user", "ä b"),
        expires_at=1_700_003_600.123456,
        status="needs_reauth",
        reason="revoked",
        version=7,
    )

    assert await store.add(row)

    assert await store.get(row.id) == row


async def test_what_is_unknown_comes_back_as_none(store: Repository) -> None:
    row = association(refresh_token=None, id_token=None, expires_at=None, reason=None, scope=(), account="")

    await store.add(row)

    assert await store.get(row.id) == row


async def test_what_a_caller_does_to_a_scope_afterwards_changes_nothing_stored(store: Repository) -> None:
    given = ["read:user"]
    await store.add(association(scope=given))
    given.append("repo")

    stored = await store.get("association-1")

    assert stored is not None
    assert stored.scope == ("read:user",)


async def test_an_account_is_found_by_backend_authority_and_uid_together(store: Repository) -> None:
    row = association(backend="oidc", authority="https://id.example", uid="7")
    await store.add(row)

    assert await store.find(backend="oidc", authority="https://id.example", uid="7") == row
    assert await store.find(backend="other", authority="https://id.example", uid="7") is None
    assert await store.find(backend="oidc", authority="", uid="7") is None
    assert await store.find(backend="oidc", authority="https://id.example", uid="8") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Abc", "abc", id="case"),
        pytest.param("abc", "abc ", id="trailing-space"),
        pytest.param("é", unicodedata.normalize("NFD", "é"), id="decomposed"),
        pytest.param("007", "7", id="leading-zeros"),
        pytest.param("1e3", "1000.0", id="number"),
        pytest.param("straße", "strasse", id="sharp-s"),
    ],
)
@pytest.mark.parametrize("column", ["uid", "authority", "backend"])
async def test_accounts_compare_by_bytes(store: Repository, column: str, one: str, other: str) -> None:
    rows = [association("1", **{"uid": "u", column: one}), association("2", **{"uid": "u", column: other})]

    added = [await store.add(row) for row in rows]

    found = [await store.find(backend=row.backend, authority=row.authority, uid=row.uid) for row in rows]
    assert added == [True, True]
    assert found == rows


@pytest.mark.parametrize(
    ("one", "other"), [pytest.param("a", "a\x00b", id="nul"), pytest.param("", "\x00", id="only-nul")]
)
@pytest.mark.parametrize("column", ["uid", "authority", "backend"])
async def test_text_with_a_nul_is_another_account_or_refused_and_never_cut(
    store: Repository, column: str, one: str, other: str
) -> None:
    rows = [association("1", **{"uid": "u", column: one}), association("2", **{"uid": "u", column: other})]
    await store.add(rows[0])

    try:
        added = await store.add(rows[1])
    except StorageError:  # PostgreSQL holds no NUL in text
        assert await store.get("2") is None
    else:
        assert added
        assert await store.get("2") == rows[1]
    assert await store.get("1") == rows[0]


async def test_users_compare_by_bytes(store: Repository) -> None:
    await store.add(association("1", user_id="7"))
    await store.add(association("2", user_id="07"))

    assert [row.id for row in await store.of_user("7")] == ["1"]


async def test_an_account_is_stored_once_and_the_second_changes_nothing(store: Repository) -> None:
    first = association("1", uid="u")
    await store.add(first)

    assert not await store.add(association("2", uid="u", user_id="user-2"))

    assert await store.find(backend="github", authority="", uid="u") == first
    assert await store.get("2") is None


async def test_the_same_row_is_stored_once(store: Repository) -> None:
    assert [await store.add(association()), await store.add(association())] == [True, False]


async def test_an_id_that_is_taken_is_an_error_and_overwrites_nothing(store: Repository) -> None:
    first = association("1", uid="u")
    await store.add(first)

    with pytest.raises(StorageError) as raised:
        await store.add(association("1", uid="another"))

    assert raised.value.operation == "add"
    assert await store.get("1") == first


async def test_a_users_associations_come_oldest_first_and_by_id_when_as_old(store: Repository) -> None:
    for id_, created_at in [("c", 2.0), ("b", 3.0), ("d", 1.5), ("a", 3.0)]:
        await store.add(association(id_, created_at=created_at))

    assert [row.id for row in await store.of_user("user-1")] == ["d", "c", "a", "b"]


async def test_a_user_is_given_their_own_associations_of_the_backend_asked_for(store: Repository) -> None:
    await store.add(association("1", backend="github"))
    await store.add(association("2", backend="gitlab"))
    await store.add(association("3", backend="github", user_id="user-2"))

    assert [row.id for row in await store.of_user("user-1")] == ["1", "2"]
    assert [row.id for row in await store.of_user("user-1", backend="github")] == ["1"]
    assert await store.of_user("nobody") == []


async def test_saving_tokens_writes_what_a_renewal_changes_and_nothing_else(store: Repository) -> None:
    row = association(version=3)
    await store.add(row)
    bystander = association("association-2")
    await store.add(bystander)
    new: dict[str, object] = {
        "account": "v1.k.account2",
        "client_id": "client-2",
        "access_token": "v1.k.access2",
        "refresh_token": "v1.k.refresh2",
        "id_token": "v1.k.id2",
        "token_type": "DPoP",
        "scope": ("repo",),
        "expires_at": 1_800_000_000.5,
        "issued_at": 1_799_996_400.5,
        "status": "needs_reauth",
        "reason": "suspect",
        "since": 1_799_996_400.5,
    }
    fixed = {"user_id": "user-2", "backend": "x", "authority": "x", "uid": "x", "created_at": 1.0}

    assert await store.save_tokens(renewed(row, **new, **fixed), replaces=3)

    assert await store.get(row.id) == renewed(row, **new)
    assert await store.get("association-2") == bystander


async def test_the_stored_version_is_one_more_than_the_one_replaced_whatever_the_row_says(
    store: Repository,
) -> None:
    row = association(version=3)
    await store.add(row)

    assert await store.save_tokens(row, replaces=3)

    assert await store.get(row.id) == replace(row, version=4)


@pytest.mark.parametrize("replaces", [1, 3], ids=["older", "newer"])
async def test_tokens_are_saved_over_no_other_version_than_the_one_they_replace(
    store: Repository, replaces: int
) -> None:
    row = association(version=2)
    await store.add(row)

    assert not await store.save_tokens(replace(row, access_token="v1.k.late", version=9), replaces=replaces)

    assert await store.get(row.id) == row


async def test_of_two_saves_that_finish_in_reverse_order_the_newer_pair_stays(store: Repository) -> None:
    row = association(refresh_token="v1.k.r1")
    await store.add(row)
    second = renewed(row, access_token="v1.k.a2", refresh_token="v1.k.r2")
    third = renewed(second, access_token="v1.k.a3", refresh_token="v1.k.r3")
    await store.save_tokens(second, replaces=1)
    await store.save_tokens(third, replaces=2)

    assert not await store.save_tokens(second, replaces=1)

    assert await store.get(row.id) == third


async def test_tokens_of_an_association_that_is_gone_are_not_saved(store: Repository) -> None:
    row = association()
    await store.add(row)
    await store.remove(user_id="user-1")

    assert not await store.save_tokens(renewed(row), replaces=1)

    assert await store.get(row.id) is None


@pytest.mark.parametrize(
    ("backend", "association_id", "gone"),
    [
        pytest.param(None, None, ["1", "2", "3"], id="all"),
        pytest.param("github", None, ["1", "3"], id="backend"),
        pytest.param(None, "2", ["2"], id="one"),
        pytest.param("gitlab", "2", ["2"], id="one-of-backend"),
        pytest.param("github", "2", [], id="one-of-another-backend"),
        pytest.param(None, "other", [], id="one-of-another-user"),
        pytest.param(None, "", [], id="no-such-id"),
        pytest.param("", None, [], id="no-such-backend"),
    ],
)
async def test_what_matches_all_that_is_given_is_removed_and_given_oldest_first(
    store: Repository, backend: str | None, association_id: str | None, gone: list[str]
) -> None:
    rows = [
        association("3", created_at=3.0),
        association("2", created_at=2.0, backend="gitlab"),
        association("1", created_at=1.0),
        association("other", user_id="user-2"),
    ]
    for row in rows:
        await store.add(row)

    removed = await store.remove(user_id="user-1", backend=backend, association_id=association_id)

    assert [row.id for row in removed] == gone
    assert all(row in rows for row in removed)
    assert {row.id for row in rows if await store.get(row.id)} == {row.id for row in rows} - set(gone)


async def test_an_account_that_was_removed_can_be_added_by_another_user(store: Repository) -> None:
    await store.add(association("1", uid="u"))
    await store.remove(user_id="user-1")

    assert await store.add(association("2", uid="u", user_id="user-2"))


async def test_a_key_is_spent_once(store: Repository) -> None:
    first = await store.spend("key", expires_at=600.0, now=0.0)
    again = await store.spend("key", expires_at=600.0, now=599.0)
    other = await store.spend("Key", expires_at=600.0, now=0.0)

    assert [first, again, other] == [True, False, True]


async def test_a_key_is_kept_up_to_its_end_and_forgotten_after_it(store: Repository) -> None:
    await store.spend("key", expires_at=600.0, now=0.0)

    at_its_end = await store.spend("key", expires_at=1200.0, now=600.0)
    after_it = await store.spend("key", expires_at=1200.0, now=600.5)

    assert (at_its_end, after_it) == (False, True)


async def test_what_is_kept_is_taken_once(store: Repository) -> None:
    await store.keep("key", "v1.k.kept", expires_at=600.0, now=0.0)
    await store.keep("Key", "v1.k.other", expires_at=600.0, now=0.0)

    assert await store.take("key", now=599.0) == "v1.k.kept"

    assert await store.take("key", now=599.0) is None
    assert await store.take("Key", now=599.0) == "v1.k.other"
    assert await store.take("never", now=0.0) is None


async def test_what_is_kept_can_be_taken_up_to_its_end_and_not_after_it(store: Repository) -> None:
    await store.keep("one", "v1.k.one", expires_at=600.0, now=0.0)
    await store.keep("two", "v1.k.two", expires_at=600.0, now=0.0)

    assert await store.take("one", now=600.0) == "v1.k.one"
    assert await store.take("two", now=600.5) is None

    # It is gone, and not only hidden: an earlier clock finds nothing either.
    assert await store.take("two", now=0.0) is None


async def test_a_key_is_kept_or_spent_and_not_both(store: Repository) -> None:
    await store.keep("kept", "v1.k.kept", expires_at=600.0, now=0.0)
    await store.spend("spent", expires_at=600.0, now=0.0)

    assert not await store.keep("kept", "v1.k.again", expires_at=600.0, now=0.0)
    assert not await store.keep("spent", "v1.k.kept", expires_at=600.0, now=0.0)
    assert not await store.spend("kept", expires_at=600.0, now=0.0)

    assert await store.take("spent", now=0.0) is None
    assert not await store.spend("spent", expires_at=600.0, now=0.0)
    assert await store.take("kept", now=0.0) == "v1.k.kept"


async def test_what_nobody_takes_is_forgotten_with_the_keys_that_ended(store: Repository) -> None:
    await store.keep("left", "v1.k.left", expires_at=600.0, now=0.0)

    await store.spend("another", expires_at=1200.0, now=601.0)

    assert await store.take("left", now=0.0) is None


async def test_a_long_text_is_kept_whole(store: Repository) -> None:
    sealed = "v1.k." + "x" * 100_000

    await store.keep("key", sealed, expires_at=600.0, now=0.0)

    assert await store.take("key", now=0.0) == sealed


async def test_a_user_and_their_first_association_are_stored_together(store: Repository) -> None:
    person = user(username="ada", is_active=False)
    row = association()

    assert await store.add_user(person, row)

    assert await store.user("user-1") == person
    assert await store.get(row.id) == row
    assert await store.user("user-2") is None


async def test_an_embedded_user_is_active_as_a_bool_and_may_have_no_name(store: Repository) -> None:
    await store.add_user(user(), association())

    stored = await store.user("user-1")

    assert stored == user()
    assert stored is not None
    assert stored.is_active is True


async def test_no_user_is_stored_for_an_account_that_is_taken(store: Repository) -> None:
    await store.add(association("1", uid="u"))

    assert not await store.add_user(user("user-2"), association("2", uid="u", user_id="user-2"))

    assert await store.user("user-2") is None
    assert await store.get("2") is None


async def test_no_association_is_stored_for_a_user_whose_id_is_taken(store: Repository) -> None:
    await store.add_user(user(), association("1"))

    with pytest.raises(StorageError) as raised:
        await store.add_user(user(), association("2"))

    assert raised.value.operation == "add_user"
    assert await store.get("2") is None


ODD = [
    pytest.param("\x00", id="nul"),
    pytest.param("a\x00b", id="nul-inside"),
    pytest.param("\ud800", id="lone-surrogate"),
    pytest.param("\U0001f600 \u202e", id="astral"),
    pytest.param("'; DROP TABLE social_association; --", id="quotes"),
    pytest.param("%s ? :x $1", id="placeholders"),
    pytest.param("x" * 100_000, id="long"),
]


@pytest.mark.parametrize("text", ODD)
async def test_sr_s04_odd_text_is_stored_as_it_is_or_refused_with_a_storage_error(store: Repository, text: str) -> None:
    row = association(uid=text, access_token=text, scope=(text,), account=text)
    account = {"backend": "github", "authority": "", "uid": text}

    [added] = await asyncio.gather(store.add(row), return_exceptions=True)
    [found] = await asyncio.gather(store.find(**account), return_exceptions=True)

    assert (added, found) == (True, row) or (
        isinstance(added, StorageError) and (found is None or isinstance(found, StorageError))
    )
    assert text not in str(added)
    assert found is None or isinstance(found, StoredAssociation) or text not in str(found)
    assert await store.add(association("another"))


@pytest.mark.parametrize("text", ODD)
async def test_sr_s04_odd_text_that_a_renewal_brings_is_stored_as_it_is_or_refused_and_changes_nothing(
    store: Repository, text: str
) -> None:
    row = association()
    await store.add(row)
    new = renewed(row, access_token=text, scope=(text,), account=text)

    [saved] = await asyncio.gather(store.save_tokens(new, replaces=1), return_exceptions=True)

    assert saved is True or isinstance(saved, StorageError)
    assert text not in str(saved)
    assert await store.get(row.id) == (new if saved is True else row)
    assert await store.save_tokens(renewed(row), replaces=1) is (saved is not True)


@pytest.mark.parametrize(
    "text", [pytest.param("\udcc3\udca9", id="bytes-of-e-acute"), pytest.param("\udcff", id="one-byte")]
)
async def test_sr_s04_text_that_is_no_unicode_is_refused_and_names_nobody_else(store: Repository, text: str) -> None:
    await store.add(association("1", uid="é"))

    [added] = await asyncio.gather(store.add(association("2", uid=text)), return_exceptions=True)
    [found] = await asyncio.gather(store.find(backend="github", authority="", uid=text), return_exceptions=True)

    assert isinstance(added, StorageError) or (added, found) == (True, association("2", uid=text))
    assert getattr(found, "id", None) != "1"


async def test_opening_and_closing_twice_is_harmless(store: Repository) -> None:
    await store.open()
    assert await store.add(association())

    await store.close()
    await store.close()
    await store.open()

    assert await store.get("association-1") == association()
