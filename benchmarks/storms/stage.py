"""What an app of the storm is told: the same for each of them."""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

# At the provider, for whose client all of them stand.
CLIENT_ID = "fake-client"
CLIENT_SECRET = "fake-secret"

Tokens = Mapping[str, Any]


def play(
    prepare: Callable[[str, str, Tokens], Awaitable[None] | None],
    storm: Callable[[str, str, int], Awaitable[Sequence[int]] | Sequence[int]],
) -> None:
    """Do what the command line says: ``prepare``, or ``storm``, for a database's URL or file and the issuer.

    Args:
        prepare: Stores a token answer whose access token has expired.
        storm: Lets so many callers in at once, after ``together``, and gives the status that each of them got.
    """
    logging.disable()  # what went wrong is counted
    verb, database, issuer, *rest = sys.argv[1:]
    done: Any
    if verb == "prepare":
        done = prepare(database, issuer, json.loads(sys.stdin.read()))
    else:
        done = storm(database, issuer, int(rest[0]))
    if asyncio.iscoroutine(done):
        done = asyncio.run(done)
    sys.stdout.write(f"{json.dumps(done)}\n")
