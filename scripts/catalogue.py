"""Write the quick form of the catalogue anew, which apps read in place of the TOML files.

Run it as ``python -m scripts.catalogue`` after a change of a provider's file. Nothing is wrong without it, for a line
counts only as long as its file is the same; but an app starts faster.
"""

import tomllib
from pathlib import Path

import asgi_social
from asgi_social.providers import names
from asgi_social.providers.extending import whole
from asgi_social.providers.parse import provider_from
from asgi_social.providers.quick import QUICK, quick_of

PROVIDERS = Path(asgi_social.__file__).parent / "providers"


def lines() -> str:
    """Give the quick form of every file.

    Raises:
        SettingsError: One of them does not pass the checks.
    """
    files = {name: (PROVIDERS / f"{name}.toml").read_bytes() for name in names()}
    values = {name: tomllib.loads(raw.decode()) for name, raw in files.items()}
    for name, one in values.items():
        place = f"{name}.toml"
        provider_from(whole(one, place=place, read=values.get, known=names), place=place)
    return "".join(quick_of(name, raw) for name, raw in files.items())


if __name__ == "__main__":
    (PROVIDERS / QUICK).write_text(lines(), encoding="utf-8")
