"""The quick form of the catalogue: one file with a line for each provider, because TOML takes long to read.

A line counts only as long as its file has the digest that stands in it, so that an edited file is never taken for what
it was; ``python -m scripts.catalogue`` writes them anew.
"""

import json
import tomllib
from collections.abc import Mapping
from hashlib import sha256

QUICK = "quick.txt"
# Read by people alone, and half of the whole.
_LEFT_OUT = frozenset({"sources", "exchange"})


def quick_of(name: str, raw: bytes) -> str:
    """Give the line of a provider.

    Args:
        name: The provider's.
        raw: Its file.
    """
    values = {key: value for key, value in tomllib.loads(raw.decode()).items() if key not in _LEFT_OUT}
    return f"{name} {_digest_of(raw)} {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}\n"


def found_in(quick: bytes, name: str, raw: bytes) -> Mapping[str, object] | None:
    """Give what the quick form has of a provider's file, without its sources; None where it is of another file.

    Args:
        quick: All lines.
        name: The provider's.
        raw: Its file as it is now.
    """
    begin = f"{name} {_digest_of(raw)} ".encode()
    at = 0 if quick.startswith(begin) else quick.find(b"\n" + begin) + 1
    if not quick.startswith(begin, at):
        return None
    values: Mapping[str, object] = json.loads(quick[at + len(begin) : quick.index(b"\n", at)])
    return values


def _digest_of(raw: bytes) -> str:
    return sha256(raw).hexdigest()[:16]
