"""The quick form of the catalogue: one file with a line for each provider, because TOML takes long to read.

A line counts only as long as its file has the checksum that stands in it, so that an edited file is never taken for
what it was; ``python -m scripts.catalogue`` writes them anew, of files that pass the format's checks. What is read here
is not checked again.
"""

import json
import tomllib
from collections.abc import Mapping
from zlib import crc32

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
    return f"{name} {_checksum_of(raw)} {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}\n"


def found_in(quick: bytes, name: str, raw: bytes) -> Mapping[str, object] | None:
    """Give what the quick form has of a provider's file, without its sources; None where it is of another file.

    Args:
        quick: All lines, sorted.
        name: The provider's.
        raw: Its file as it is now.
    """
    begin, low, high = f"{name} {_checksum_of(raw)} ".encode(), 0, len(quick)
    while low < high:  # by halves, without taking the lines apart: an app wants ten of hundreds
        at = max(low, quick.rfind(b"\n", low, (low + high) // 2) + 1)
        end = quick.index(b"\n", at)
        if quick.startswith(begin, at):
            values: Mapping[str, object] = json.loads(quick[at + len(begin) : end])
            return values
        if quick[at:end] < begin:
            low = end + 1
        else:
            high = at
    return None


def _checksum_of(raw: bytes) -> str:
    return f"{len(raw)}-{crc32(raw):08x}"
