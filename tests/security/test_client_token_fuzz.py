"""No token and no answer of a provider that hypothesis finds lets anybody in, or breaks the app's endpoint.

A short round here; ``ASGI_SOCIAL_FUZZ_SECONDS=300`` goes on for so long, and says how many examples that were.
"""

import asyncio
import os
import time

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from asgi_social.secret import random_text
from tests.security.fuzzing import RULES, Rule, outcome_of

SECONDS = float(os.environ.get("ASGI_SOCIAL_FUZZ_SECONDS", "0"))
EXAMPLES = 100 if SECONDS else 25


def round_of(rule: Rule) -> int:
    """Play a round of examples, and give how many they were."""
    played = 0

    @seed(random_text(bits=64))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(name=st.sampled_from(RULES[rule]), data=st.data())
    def nobody_is_let_in(name: str, data: st.DataObject) -> None:
        nonlocal played
        played += 1
        outcome = asyncio.run(outcome_of(rule, name, data))
        assert outcome.status in {400, 401, 502, 503}, outcome

    nobody_is_let_in()
    return played


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule in RULES])
def test_nothing_lets_anybody_in_and_nothing_breaks(rule: Rule) -> None:
    ends_at, played = time.monotonic() + SECONDS / len(RULES), round_of(rule)
    while time.monotonic() < ends_at:
        played += round_of(rule)

    print(f"{rule.__name__}: {played} examples")  # noqa: T201  # with -s or -rP
    assert played >= EXAMPLES
