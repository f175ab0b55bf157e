"""Write the quick form of the catalogue anew, which apps read in place of the TOML files.

Run it as ``python -m scripts.catalogue`` after a change of a provider's file. Nothing is wrong without it, for a line
counts only as long as its file is the same; but an app starts faster.
"""

from pathlib import Path

import asgi_social
from asgi_social.providers import names
from asgi_social.providers.quick import QUICK, quick_of

PROVIDERS = Path(asgi_social.__file__).parent / "providers"


def lines() -> str:
    """Give the quick form of every file."""
    return "".join(quick_of(name, (PROVIDERS / f"{name}.toml").read_bytes()) for name in names())


if __name__ == "__main__":
    (PROVIDERS / QUICK).write_text(lines(), encoding="utf-8")
