"""An app with Authlib's integration of Starlette, as its documentation has it.

A registry with ``update_token``, which looks the stored token up by the refresh token that was spent, and a view that
finds the user's token in the app's own table and passes it on: "Accessing OAuth Resources" and "Auto Update Token" of
https://docs.authlib.org/en/latest/client/frameworks.html, and "Refresh & Auto Update Token" of
https://docs.authlib.org/en/latest/client/oauth2.html. The table has the columns that the first of these pages names.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
import httpx
from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.processes import together
from benchmarks.storms.stage import CLIENT_ID, CLIENT_SECRET, Tokens, play

BUSY_SECONDS = 20


class TokenTable:
    """``OAuth2Token``, which the documentation leaves to the app."""

    def __init__(self, path: str) -> None:
        self._path = path

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosqlite.Connection]:
        async with aiosqlite.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None) as connection:
            connection.row_factory = aiosqlite.Row
            yield connection

    async def make(self) -> None:
        """Make the table."""
        async with self._connected() as connection:
            await connection.execute("PRAGMA journal_mode = WAL")
            columns = "name, user_id, token_type, access_token, refresh_token, expires_at"
            await connection.execute(f"CREATE TABLE oauth2token ({columns})")

    async def add(self, user_id: str, token: Tokens) -> None:
        """Store a token of a user."""
        values = ("example", user_id, "Bearer", token["access_token"], token["refresh_token"], token["expires_at"])
        async with self._connected() as connection:
            await connection.execute("INSERT INTO oauth2token VALUES (?, ?, ?, ?, ?, ?)", values)

    async def find(self, *, name: str, user_id: str) -> dict[str, Any]:
        """Give a user's token as ``to_token`` does."""
        query = "SELECT token_type, access_token, refresh_token, expires_at FROM oauth2token"
        async with self._connected() as connection:
            found = await connection.execute_fetchall(f"{query} WHERE name = ? AND user_id = ?", (name, user_id))
        [row] = found
        return dict(row)

    async def save(self, *, name: str, spent: str, token: Tokens) -> None:
        """Write a new token over the one with the refresh token that was spent."""
        new = (token["access_token"], token.get("refresh_token"), token["expires_at"], name, spent)
        change = "UPDATE oauth2token SET access_token = ?, refresh_token = ?, expires_at = ?"
        async with self._connected() as connection:
            await connection.execute(f"{change} WHERE name = ? AND refresh_token = ?", new)


async def prepare(database: str, issuer: str, tokens: Tokens) -> None:
    """Store the tokens, expired."""
    table = TokenTable(database)
    await table.make()
    await table.add("ada", {**tokens, "expires_at": int(time.time()) - 60})


async def storm(database: str, issuer: str, callers: int) -> Sequence[int]:
    """Let so many callers in."""
    table = TokenTable(database)

    async def update_token(
        name: str, token: Tokens, refresh_token: str | None = None, access_token: str | None = None
    ) -> None:
        if refresh_token:
            await table.save(name=name, spent=refresh_token, token=token)

    oauth = OAuth(update_token=update_token)
    oauth.register(
        name="example",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        access_token_url=f"{issuer}/token",
        authorize_url=f"{issuer}/authorize",
        api_base_url=f"{issuer}/",
    )

    async def profile(request: Request) -> Response:
        token = await table.find(name="example", user_id="ada")
        answer = await oauth.example.get("userinfo", token=token)
        return JSONResponse(answer.json(), answer.status_code)

    app = Starlette(routes=[Route("/", profile)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as browser:
        together()
        answers = await asyncio.gather(*[browser.get("/") for _ in range(callers)])
    return [answer.status_code for answer in answers]


if __name__ == "__main__":
    play(prepare, storm)
