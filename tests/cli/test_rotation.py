"""``asgi-social secret rotate`` on each database, killed in the middle, and while other processes write."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from asgi_social import Account
from asgi_social.account import Uid
from asgi_social.protocols.message import Tokens
from asgi_social.secret import Keys, Secret
from asgi_social.storage.repository import StoredAssociation
from asgi_social.storage.sql import SqlRepository
from asgi_social.vault import account_of, tokens_of, with_account, with_tokens
from tests.app import KEY
from tests.storage.rows import association

NEW_KEY = "a-newer-key-of-the-tests-7Rk2mZq9"
OLD, NEW, BOTH = Keys([KEY]), Keys([NEW_KEY]), Keys([NEW_KEY, KEY])
ROOT = Path(__file__).parents[2]
ROWS = 200
ROWS_UNDER_LOAD = 30

T = TypeVar("T")


def sealed(number: int) -> StoredAssociation:
    row = association(f"association-{number:04}")
    tokens = Tokens(access_token=Secret(f"access of {row.id}"), refresh_token=Secret(f"refresh of {row.id}"))
    row = with_account(row, Account(uid=Uid("7"), username=f"name of {row.id}"), keys=OLD)
    return with_tokens(row, tokens, keys=OLD, now=1.0)


def done(url: str, work: Callable[[SqlRepository], Awaitable[T]]) -> T:
    async def opened() -> T:
        repository = SqlRepository(url)
        await repository.open()
        try:
            return await work(repository)
        finally:
            await repository.close()

    return asyncio.run(opened())


def fill(url: str, count: int) -> None:
    done(url, lambda repository: repository.add_each([sealed(number) for number in range(count)]))


def rows_of(url: str) -> list[StoredAssociation]:
    return done(url, lambda repository: repository.page(after="", limit=10_000))


def opens(row: StoredAssociation, keys: Keys) -> bool:
    tokens = tokens_of(row, keys=keys)
    told = [tokens.access_token.reveal(), tokens.refresh_token and tokens.refresh_token.reveal()]
    return told == [f"access of {row.id}", f"refresh of {row.id}"] and (
        account_of(row, keys=keys)["username"] == f"name of {row.id}"
    )


def rotating(url: str) -> "subprocess.Popen[str]":
    """Begin ``asgi-social secret rotate`` in a process of its own."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("ASGI_SOCIAL_")}
    settings = {"ASGI_SOCIAL_SECRET_KEY": f"{NEW_KEY} {KEY}", "ASGI_SOCIAL_DATABASE": url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "asgi_social.cli", "secret", "rotate"]
    return subprocess.Popen(  # noqa: S603  # the command is ours
        command, env=mine | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def rotated(url: str) -> tuple[int, str]:
    with rotating(url) as process:
        told, _ = process.communicate(timeout=120)
    return process.returncode, told


async def until_half_way(repository: SqlRepository, process: "subprocess.Popen[str]") -> None:
    while await repository.count_sealed_otherwise(NEW.prefixes) > ROWS - 20:
        assert process.poll() is None


def test_f_pr_13_a_rotation_that_is_killed_goes_on_and_every_row_opens_meanwhile(database_url: str) -> None:
    fill(database_url, ROWS)

    with rotating(database_url) as process:
        done(database_url, lambda repository: until_half_way(repository, process))
        process.kill()
        process.communicate()
    half_way = rows_of(database_url)
    status, told = rotated(database_url)

    before = sum(NEW.is_newest(row.access_token) for row in half_way)
    assert 0 < before < ROWS
    assert all(opens(row, BOTH) for row in half_way)
    assert (status, told.splitlines()[0]) == (
        0,
        f"Sealed anew: {ROWS - before:,}. Under the first key already: {before:,}.",
    )
    assert all(opens(row, NEW) for row in rows_of(database_url))


@contextmanager
def writing(url: str, *keys: str) -> Iterator["subprocess.Popen[str]"]:
    """Run another process of the app, which writes tokens until its input is closed."""
    command = [sys.executable, "-m", "tests.cli.writing", url, *keys]
    with subprocess.Popen(  # noqa: S603  # the command is ours
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def writes_of(process: "subprocess.Popen[str]") -> int:
    told, _ = process.communicate(timeout=120)
    return int(told)


@pytest.mark.parametrize("list_of_the_old", [(KEY,), (KEY, NEW_KEY)], ids=["the old key alone", "the new key behind"])
def test_sr_s02_keys_change_while_processes_of_the_old_and_the_new_list_write(
    database_url: str, list_of_the_old: tuple[str, ...]
) -> None:
    fill(database_url, ROWS_UNDER_LOAD)

    with writing(database_url, *list_of_the_old) as old, writing(database_url, NEW_KEY, KEY) as new:
        first, _ = rotated(database_url)
        writes = writes_of(old)
        second, told = rotated(database_url)
        writes += writes_of(new)

    rows = rows_of(database_url)
    assert first in {0, 1}  # 1 where the old one wrote behind it
    assert (second, "The old keys can be taken off the list" in told) == (0, True)
    assert all(opens(row, NEW) for row in rows)
    assert sum(row.version - 1 for row in rows) == writes  # none was lost
