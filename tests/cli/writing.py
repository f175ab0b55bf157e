"""Another process of the app, which renews tokens again and again: ``python -m tests.cli.writing <url> <keys>``.

It goes round all associations until its standard input ends, and prints ``ready`` after the first round, and at its end
how many writes of tokens it made.
"""

import asyncio
import sys
from dataclasses import replace

from asgi_social.protocols.message import Tokens
from asgi_social.secret import Keys, Secret
from asgi_social.storage.sql import SqlRepository
from asgi_social.vault import with_tokens


async def write(url: str, keys: Keys) -> None:
    repository = SqlRepository(url)
    await repository.open()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    writes = rounds = 0
    while not ended.done():
        for row in await repository.page(after="", limit=1000):
            tokens = Tokens(access_token=Secret(f"access of {row.id}"), refresh_token=Secret(f"refresh of {row.id}"))
            renewed = with_tokens(replace(row, version=row.version + 1), tokens, keys=keys, now=2.0)
            writes += await repository.save_tokens(renewed, replaces=row.version)
        rounds += 1
        if rounds == 1:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
    await repository.close()
    sys.stdout.write(f"{writes}\n")


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], Keys(sys.argv[2:])))
