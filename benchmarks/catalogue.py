"""What reading providers costs: an app's ten when it starts, and the whole catalogue for the command line.

Each round is a process of its own, because an app starts once; what is measured is CPU time, above that of an engine
without backends. Prints the least and the median, in milliseconds; it judges nothing, because machines differ::

    python -m benchmarks.catalogue
"""

import statistics
import subprocess
import sys
from collections.abc import Sequence

ROUNDS = 25
TEN = {
    "apple-id": {"team": "TEAM", "key": "KEY"},
    "azuread-v2-tenant-oauth2": {"tenant_id": "8c4b1a52-7f1d-4a0e-9d2c-3b5a6e7f8091"},
    "discord": {},
    "facebook": {},
    "github": {},
    "gitlab": {},
    "google-oauth2": {},
    "slack": {},
    "spotify": {},
    "twitch": {},
}
# The garbage of the imports is taken away first: when Python does that is no matter of ours.
_ROUND = f"""
import gc, time
from asgi_social import Social, providers
from asgi_social.storage.memory import MemoryRepository

def started(backends):
    began = time.process_time()
    Social(secret_key="0123456789abcdef" * 4, backends=backends, database=MemoryRepository())
    return time.process_time() - began

keys = {{"client_id": "i", "client_secret": "s"}}
gc.collect()
gc.freeze()
started({{}})
empty = started({{}})
ten = started({{name: {{**keys, **more}} for name, more in {TEN!r}.items()}})
began = time.process_time()
for name in providers.names():
    providers.provider(name)
listed = time.process_time() - began
for name in providers.names():
    providers.evidence(name)
print(ten - empty, listed, time.process_time() - began, len(providers.names()))
"""


def told(what: str, times: Sequence[float]) -> str:
    """Give a line of the report."""
    return f"{what}: least {min(times) * 1e3:.1f} ms, median {statistics.median(times) * 1e3:.1f} ms\n"


def main() -> None:
    """Measure, each round anew."""
    rounds = []
    for _ in range(ROUNDS):
        said = subprocess.check_output([sys.executable, "-c", _ROUND], text=True)  # noqa: S603  # the round above
        rounds.append([float(text) for text in said.split()])
    ten, listed, everything, counts = zip(*rounds, strict=True)
    sys.stdout.write(told("an engine with ten backends, above one without", ten))
    sys.stdout.write(told(f"the {counts[0]:.0f} providers of the catalogue", listed))
    sys.stdout.write(told("the same with what they are made from", everything))


if __name__ == "__main__":
    main()
