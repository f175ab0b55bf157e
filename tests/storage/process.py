"""Another process that uses a database: ``python -m tests.storage.process <task> <url> <name>``.

``write`` stores, renews and unlinks, and prints how many of the keys that all processes spend were good for it.
``take`` takes what is kept under the keys that all processes ask for, and prints how many it got.
``lease`` asks for the lease of each of some associations, and prints how many it got; its own clock is wrong.
``sign_up`` signs up new people by client tokens, and prints how many users it made.
``leave`` ends without closing.
"""

import asyncio
import json
import sys
import time
from dataclasses import replace

import httpx

from asgi_social import Account, Social
from asgi_social.storage.repository import LeaseSeconds
from asgi_social.storage.sql import SqlRepository
from tests.storage.rows import association

ROUNDS = 20
HOUR = 3600.0


async def write(url: str, name: str) -> int:
    repository = SqlRepository(url)
    await repository.open()
    spent = 0
    for number in range(ROUNDS):
        row = association(f"{name}-{number}", user_id=name)
        assert await repository.add(row)
        assert await repository.save_tokens(replace(row, access_token="v1.k.renewed", version=2), replaces=1)
        assert await repository.get(row.id) is not None
        spent += await repository.spend(f"key-{number}", expires_at=2.0, now=1.0)
    assert len(await repository.remove(user_id=name, association_id=f"{name}-0")) == 1
    await repository.close()
    return spent


async def lease(url: str, name: str) -> int:
    right = time.time
    time.time = lambda: right() + HOUR  # this process believes that every lease has ended long ago
    repository = SqlRepository(url)
    await repository.open()
    lengths = LeaseSeconds(fresh=60.0, taking_over=60.0)
    asked = [
        repository.lease(f"{number}", version=1, lease_id=f"{name}-{number}-{caller}", seconds=lengths)
        for number in range(ROUNDS)
        for caller in range(2)
    ]
    given = await asyncio.gather(*asked)
    await repository.close()
    return sum(row is not None for row in given)


async def take(url: str, _: str) -> int:
    repository = SqlRepository(url)
    await repository.open()
    taken = [await repository.take(f"key-{number}", now=1.0) for number in range(ROUNDS)]
    await repository.close()
    return sum(sealed is not None for sealed in taken)


def answer(request: httpx.Request) -> httpx.Response:
    """Answer as GitHub does for the person whose number is the token."""
    if request.url.path == "/user/emails":
        return httpx.Response(200, json=[])
    if request.url.path == "/user":
        return httpx.Response(200, json={"id": int(request.headers["authorization"].partition(" ")[2])})
    user = {"id": int(json.loads(request.content)["access_token"])}
    return httpx.Response(200, json={"app": {"client_id": "an-id"}, "user": user})


async def sign_up(url: str, name: str) -> int:
    made: list[str] = []

    async def create(account: Account) -> str:
        await asyncio.sleep(0.01)  # the app's own database, in which another process has the time to come in
        made.append(f"{name}-{account.uid}")
        return made[-1]

    async with Social(
        secret_key="a-key-of-the-tests-4Jt8sQ2vXw9LmZ",
        backends={"github": {"client_id": "an-id", "client_secret": "a-secret"}},
        base_url="https://app.example",
        database=url,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        load_user=lambda user: user,
        create_user=create,
        sign_up="allow",
    ) as social:
        users = await asyncio.gather(
            *(social.backend("github").do_auth(str(number)) for number in range(1, ROUNDS + 1))
        )
        owners = [await social.associations(user) for user in users]
    assert [len(owned) for owned in owners] == [1] * ROUNDS
    return len(made)


async def leave(url: str) -> None:
    await SqlRepository(url).open()


if __name__ == "__main__":
    task, database, *names = sys.argv[1:]
    if task == "leave":
        asyncio.run(leave(database))
    else:
        counted = {"write": write, "take": take, "lease": lease, "sign_up": sign_up}[task](database, names[0])
        sys.stdout.write(str(asyncio.run(counted)))
