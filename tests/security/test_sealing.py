"""What a leak of the database gives, and what somebody may do who can write to it (row SR-S01)."""

import base64
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from asgi_social import Association, NeedsReauth, Social
from asgi_social.secret import Keys, Purpose
from tests.app import BASE, KEY, app_of, browser, query_of, settings
from tests.protocols.played import METADATA, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, half_hash, key_set, signed

COLUMNS = ("access_token", "refresh_token", "id_token", "account")
# What a leak must not show.
CANARIES = ("canary-access", "canary-refresh", "canary@address.example", "canary-login", CLIENT_SECRET, KEY)


class Provider:
    """An OpenID provider; the code says whose account it is."""

    def __init__(self) -> None:
        self.nonce = ""
        self.id_tokens: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            code = query_of(f"?{request.content.decode()}")["code"]
            access = f"canary-access-{code}"
            self.id_tokens.append(signed(claims(sub=code, nonce=self.nonce, at_hash=half_hash(access))))
            said = {"access_token": access, "refresh_token": f"canary-refresh-{code}", "id_token": self.id_tokens[-1]}
            return httpx.Response(200, json=said)
        if request.url.path == "/userinfo":
            sub = request.headers["authorization"].rpartition("-")[2]
            me = {"sub": sub, "email": "canary@address.example", "preferred_username": "canary-login"}
            return httpx.Response(200, json=me)
        return httpx.Response(200, json=key_set() if request.url.path == "/jwks" else METADATA)


@dataclass
class Store:
    """Two linked accounts of one person in a SQLite file, and somebody who reads and writes that file."""

    social: Social
    file: Path
    provider: Provider

    def rows(self) -> list[dict[str, object]]:
        """Give the raw rows, oldest first."""
        with sqlite3.connect(self.file) as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute("SELECT * FROM social_association ORDER BY uid")]
        connection.close()
        return rows

    def write(self, association_id: object, column: str, value: object) -> None:
        """Change a raw row."""
        with sqlite3.connect(self.file) as connection:
            connection.execute(
                f"UPDATE social_association SET {column} = ? WHERE id = ?",  # noqa: S608  # a column of ours
                (value, association_id),
            )
        connection.close()

    async def association(self, uid: str) -> Association[str]:
        """Give the association of an account."""
        [found] = [one for one in await self.social.associations("ada") if one.uid == uid]
        return found

    def everything(self) -> bytes:
        """Give every byte on the disk."""
        return b"".join(one.read_bytes() for one in self.file.parent.iterdir())


@asynccontextmanager
async def stored(folder: Path) -> AsyncIterator[Store]:
    provider, file = Provider(), folder / "social.db"
    backend = {"provider": OIDC, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    values = settings(provider, backends={"signed": backend}, database=f"sqlite+aiosqlite:///{file}")
    async with Social(**values) as social, browser(app_of(social)) as client:
        for code in ("one", "two"):
            begun = await client.get("/associate/signed/")
            sent = query_of(begun.headers["location"])
            provider.nonce = sent["nonce"]
            completed = await client.get("/complete/signed/", params={"code": code, "state": sent["state"]})
            assert completed.status_code == 303, completed.text
        yield Store(social, file, provider)


async def test_sr_s01_the_database_shows_neither_tokens_nor_addresses_nor_what_a_flow_held(tmp_path: Path) -> None:
    async with stored(tmp_path) as store:
        associations = await store.social.associations("ada")
        shown = store.everything()

        assert {await one.get_access_token() for one in associations} == {"canary-access-one", "canary-access-two"}
    for secret in (*CANARIES, *store.provider.id_tokens, store.provider.nonce):
        assert secret.encode() not in shown
        assert base64.b64encode(secret.encode())[:-4] not in shown
    assert associations[0].id.encode() in shown  # it is the file that was meant


@pytest.mark.parametrize("column", ["access_token", "refresh_token", "id_token"])
async def test_sr_s01_a_sealed_value_of_another_row_does_not_open(tmp_path: Path, column: str) -> None:
    async with stored(tmp_path) as store:
        one, two = store.rows()
        store.write(one["id"], column, two[column])
        store.write(two["id"], column, one[column])

        for association in await store.social.associations("ada"):
            with pytest.raises(NeedsReauth) as caught:
                await association.get_access_token()
            assert (caught.value.reason, caught.value.association_id) == ("unreadable", association.id)


@pytest.mark.parametrize("source", ["refresh_token", "id_token", "account"])
async def test_sr_s01_a_sealed_value_of_another_column_does_not_open(tmp_path: Path, source: str) -> None:
    async with stored(tmp_path) as store:
        one, _ = store.rows()
        store.write(one["id"], "access_token", one[source])
        association = await store.association("one")

        with pytest.raises(NeedsReauth) as caught:
            await association.get_access_token()

    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("value", ["canary-access-one", "v1", "v1.x.y", "v2.a.b", "\u00fc", "v1.." + "A" * 5000])
async def test_sr_s01_a_value_that_was_never_sealed_is_unreadable_and_no_crash(tmp_path: Path, value: str) -> None:
    async with stored(tmp_path) as store:
        one, _ = store.rows()
        store.write(one["id"], "access_token", value)
        store.write(one["id"], "account", value)
        association, other = await store.association("one"), await store.association("two")

        with pytest.raises(NeedsReauth):
            await association.get_access_token()
        assert (association.username, association.email) == (None, None)
        assert await other.get_access_token() == "canary-access-two"
        async with browser(app_of(store.social)) as client:
            page = await client.get("/associate/")
            gone = await client.post(f"/disconnect/signed/{association.id}/", headers={"origin": BASE})
        assert (page.status_code, gone.status_code) == (200, 303)


async def test_sr_s01_an_account_of_another_row_does_not_open(tmp_path: Path) -> None:
    async with stored(tmp_path) as store:
        one, two = store.rows()
        store.write(one["id"], "account", two["account"])
        association, other = await store.association("one"), await store.association("two")

        assert (association.username, other.username) == (None, "canary-login")


async def test_sr_s01_who_links_again_makes_an_unreadable_association_whole(tmp_path: Path) -> None:
    async with stored(tmp_path) as store:
        one, two = store.rows()
        for column in COLUMNS:
            store.write(one["id"], column, two[column])
        async with browser(app_of(store.social)) as client:
            begun = await client.get("/associate/signed/")
            sent = query_of(begun.headers["location"])
            store.provider.nonce = sent["nonce"]
            await client.get("/complete/signed/", params={"code": "one", "state": sent["state"]})
        association = await store.association("one")

        assert association.id == one["id"]
        assert await association.get_access_token() == "canary-access-one"


async def test_sr_s01_the_secrets_of_a_flow_travel_sealed(tmp_path: Path) -> None:
    async with stored(tmp_path) as store, browser(app_of(store.social)) as client:
        begun = await client.get("/associate/signed/")

    sent, cookie = query_of(begun.headers["location"]), begun.headers["set-cookie"]
    for name in ("state", "nonce", "code_challenge"):
        assert sent[name] not in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    keys = Keys([KEY])
    assert keys.unseal(value, purpose="flow", context="flow") is not None
    purposes: tuple[Purpose, ...] = ("storage", "carrier")
    for purpose in purposes:
        assert keys.unseal(value, purpose=purpose, context="flow") is None


def all_bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_sr_s05_no_state_of_a_flow_open_or_ended_can_be_read_in_the_database(tmp_path: Path) -> None:
    social = Social(**settings(database=f"sqlite+aiosqlite:///{tmp_path}/social.db"))
    async with social, browser(app_of(social)) as client:
        still_open, ended = [
            query_of((await client.get("/associate/github/")).headers["location"])["state"] for _ in range(2)
        ]
        completed = await client.get("/complete/github/", params={"code": "a-code", "state": ended})
        written = all_bytes_in(tmp_path)
        with sqlite3.connect(tmp_path / "social.db") as connection:
            [(digest,)] = connection.execute("SELECT digest FROM social_flow").fetchall()
        connection.close()

    assert completed.status_code == 303
    assert len(digest) == 64
    assert [state.encode() in written for state in (still_open, ended)] == [False, False]
