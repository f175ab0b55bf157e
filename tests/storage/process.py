"""Another process that uses a file of SQLite: ``python -m tests.storage.process <task> <url> <name>``.

``write`` stores, renews and unlinks, and prints how many of the keys that all processes spend were good for it.
``leave`` ends without closing.
"""

import asyncio
import sys
from dataclasses import replace

from asgi_social.storage.sql import SqlRepository
from tests.storage.rows import association

ROUNDS = 20


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


async def leave(url: str) -> None:
    await SqlRepository(url).open()


if __name__ == "__main__":
    task, database, *names = sys.argv[1:]
    if task == "write":
        sys.stdout.write(str(asyncio.run(write(database, names[0]))))
    else:
        asyncio.run(leave(database))
