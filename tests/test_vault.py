"""Tokens in a row are sealed, and what does not open is told apart from what was revoked."""

from dataclasses import replace

import pytest

from asgi_social import Account, NeedsReauth
from asgi_social.account import Uid
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Keys, Secret
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.vault import account_of, count_unopenable, resealed, tokens_of, with_account, with_tokens
from tests.app import KEY
from tests.renewing import Acme, again, at

OTHER_KEY = "another-key-of-the-tests-7Rk2mZq9"
KEYS = Keys([KEY])
EMPTY = StoredAssociation(
    id="association-1",
    user_id="ada",
    backend="acme",
    authority="",
    uid="7",
    account="",
    client_id="an-id",
    access_token="",
    issued_at=0.0,
    since=5.0,
    created_at=0.0,
)
TOKENS = Tokens(
    access_token=Secret("access-0"),
    refresh_token=Secret("refresh-0"),
    id_token=Secret("id-0"),
    token_type="Bearer",
    scope=("read", "write"),
    expires_at=100.0,
)
ROW = with_tokens(EMPTY, TOKENS, keys=KEYS, now=10.0)


def test_tokens_come_out_of_a_row_as_they_went_in() -> None:
    got = tokens_of(ROW, keys=KEYS)

    assert got == replace(TOKENS, answer={}, claims=None)
    assert ROW.issued_at == 10.0


@pytest.mark.parametrize("column", ["access_token", "refresh_token", "id_token"])
def test_a_row_holds_no_token_in_the_clear_and_none_twice_the_same(column: str) -> None:
    sealed = getattr(ROW, column)

    assert column.removesuffix("_token") not in sealed
    assert sealed != getattr(with_tokens(EMPTY, TOKENS, keys=KEYS, now=10.0), column)


def test_what_new_tokens_leave_out_stays_as_it_was() -> None:
    row = with_tokens(ROW, Tokens(access_token=Secret("access-1")), keys=KEYS, now=20.0)

    got = tokens_of(row, keys=KEYS)

    assert (row.refresh_token, row.id_token) == (ROW.refresh_token, ROW.id_token)
    assert got == Tokens(
        access_token=Secret("access-1"),
        refresh_token=Secret("refresh-0"),
        id_token=Secret("id-0"),
        scope=("read", "write"),
    )


def test_a_scope_that_was_taken_away_is_none_and_not_the_one_before() -> None:
    row = with_tokens(ROW, replace(TOKENS, scope=()), keys=KEYS, now=20.0)

    assert row.scope == ()


def test_a_row_without_an_access_token_gives_an_empty_one() -> None:
    row = with_tokens(EMPTY, Tokens(access_token=Secret("")), keys=KEYS, now=10.0)

    got = tokens_of(row, keys=KEYS)

    assert row.access_token == ""
    assert not got.access_token
    assert got.refresh_token is None


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, access_token="nonsense"), id="nonsense"),
        pytest.param(replace(ROW, id="association-2"), id="moved to another row"),
        pytest.param(replace(ROW, access_token=str(ROW.refresh_token)), id="moved to another column"),
        pytest.param(replace(ROW, refresh_token=ROW.access_token), id="an access token as refresh token"),
        pytest.param(replace(ROW, id_token=f"{ROW.id_token}A"), id="changed"),
    ],
)
def test_a_sealed_value_that_was_tampered_with_is_unreadable(row: StoredAssociation) -> None:
    with pytest.raises(NeedsReauth) as raised:
        tokens_of(row, keys=KEYS)

    assert (raised.value.reason, raised.value.since, raised.value.association_id) == ("unreadable", 5.0, row.id)


async def test_tokens_whose_key_was_removed_are_unreadable_and_the_row_is_left_as_it_is() -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme, secret_key=OTHER_KEY) as social:
        before, reasons = await there.row(), []
        [association] = await social.associations("ada")
        for call in (association.get_access_token, association.refresh_token):
            with pytest.raises(NeedsReauth) as raised:
                await call()
            reasons.append(raised.value.reason)

        assert association.status == "active"
        assert await there.row() == before
    assert reasons == ["unreadable", "unreadable"]
    assert acme.renewals == []


async def test_tokens_sealed_with_a_former_key_still_open_and_are_renewed() -> None:
    acme = Acme()
    async with at(acme) as there:
        async with again(there, acme, secret_key=[OTHER_KEY, KEY]) as social:
            [association] = await social.associations("ada")
            token = await association.get_access_token()
            await association.refresh_token()
        async with again(there, acme, secret_key=OTHER_KEY) as social:
            [association] = await social.associations("ada")
            renewed = await association.get_access_token()

    assert (token, renewed) == ("access-0", "access-1")


# The account


ACCOUNT = Account(uid=Uid("7"), username="ada", email="ada@people.example", extra_data={"team": 7})


def test_an_account_comes_out_of_a_row_as_it_went_in_and_stands_there_sealed() -> None:
    row = with_account(EMPTY, ACCOUNT, keys=KEYS)

    got = account_of(row, keys=KEYS)

    assert (got["username"], got["email"], got["extra_data"]) == ("ada", "ada@people.example", {"team": 7})
    assert "uid" not in got
    assert "ada" not in row.account


async def test_an_account_that_does_not_open_is_empty_and_can_still_be_unlinked() -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme, secret_key=OTHER_KEY) as social:
        [association] = await social.associations("ada")
        gone = await social.disconnect("ada", association_id=association.id)

        assert (association.account, association.username, association.uid) == ({}, None, "7")
        assert [one.id for one in gone] == [association.id]


# A new key


def test_a_row_sealed_anew_opens_with_the_first_key_alone_and_is_the_same_otherwise() -> None:
    row = with_account(ROW, ACCOUNT, keys=KEYS)

    anew = resealed(row, keys=Keys([OTHER_KEY, KEY]))

    assert anew is not None
    assert tokens_of(anew, keys=Keys([OTHER_KEY])) == tokens_of(row, keys=KEYS)
    assert account_of(anew, keys=Keys([OTHER_KEY])) == account_of(row, keys=KEYS)
    sealed = {"account": "", "access_token": "", "refresh_token": "", "id_token": ""}
    assert replace(anew, **sealed) == replace(row, **sealed)  # type: ignore[arg-type]  # all are text


@pytest.mark.parametrize("row", [ROW, EMPTY], ids=["sealed", "empty"])
def test_a_row_that_the_first_key_sealed_is_not_sealed_anew(row: StoredAssociation) -> None:
    assert resealed(row, keys=Keys([KEY, OTHER_KEY])) is None


@pytest.mark.parametrize("column", ["account", "access_token", "refresh_token", "id_token"])
def test_a_row_is_not_sealed_anew_where_a_value_of_it_does_not_open(column: str) -> None:
    row = replace(ROW, **{column: "v1.nonsense"})  # type: ignore[arg-type]  # all are text

    with pytest.raises(NeedsReauth) as raised:
        resealed(row, keys=Keys([OTHER_KEY, KEY]))

    assert (raised.value.reason, raised.value.association_id) == ("unreadable", row.id)


def test_new_tokens_seal_what_stays_anew_too_so_that_no_write_brings_back_an_old_key() -> None:
    row = with_account(ROW, ACCOUNT, keys=KEYS)

    written = with_tokens(row, Tokens(access_token=Secret("access-1")), keys=Keys([OTHER_KEY, KEY]), now=20.0)

    assert tokens_of(written, keys=Keys([OTHER_KEY])).refresh_token == Secret("refresh-0")
    assert account_of(written, keys=Keys([OTHER_KEY]))["username"] == "ada"


def test_what_does_not_open_stays_as_it_is_when_new_tokens_come() -> None:
    written = with_tokens(ROW, Tokens(access_token=Secret("access-1")), keys=Keys([OTHER_KEY]), now=20.0)

    assert (written.refresh_token, written.id_token) == (ROW.refresh_token, ROW.id_token)


async def test_associations_are_counted_whose_key_is_not_on_the_list() -> None:
    repository = MemoryRepository()
    await repository.add(ROW)
    await repository.add(replace(EMPTY, id="association-2", uid="8"))

    counts = [await count_unopenable(repository, keys=Keys(keys)) for keys in ([OTHER_KEY], [OTHER_KEY, KEY])]

    assert counts == [1, 0]


def test_an_id_token_alone_takes_no_stored_token_away() -> None:
    assert with_tokens(ROW, Tokens(access_token=Secret("")), keys=KEYS, now=20.0) == ROW


def test_what_was_kept_of_the_answers_stands_for_the_token_answer_later_on() -> None:
    account = Account(uid=Uid("7"), authority="", extra_data={"device_id": "a-device"})

    tokens = tokens_of(with_account(ROW, account, keys=KEYS), keys=KEYS)

    assert tokens.answer == {"device_id": "a-device"}
