"""The table of switches in the docs: what can go wrong is in it, and each switch in it is one that there is."""

import re
from dataclasses import fields

import pytest

from asgi_social.testing import FakeProvider, Faults
from tests.testing.test_plugin import DOCS

TABLE = DOCS.partition("| what goes wrong | switch |")[2].partition("\n\n")[0]
SWITCHES = re.findall(r"`fake\.faults\.(\w+) = ([^`]+)`", TABLE)
FAULTS = {one.name for one in fields(Faults)}


@pytest.mark.parametrize(
    "wrong",
    [
        "deny",
        "slow",
        "down",
        "limited",
        "rotate",
        "revoke",
        "no refresh token",
        "no e-mail",
        "wrong state",
        "wrong nonce",
        "wrong audience",
        "wrong key",
        "huge",
        "dripping",
    ],
)
def test_each_thing_that_goes_wrong_has_one_row_with_a_switch(wrong: str) -> None:
    [row] = [line for line in TABLE.splitlines() if line.startswith(f"| {wrong}")]

    assert re.search(r"`fake\.\w+", row)


@pytest.mark.parametrize(("name", "value"), SWITCHES)
def test_a_switch_of_the_table_is_off_until_it_is_set_as_the_table_says(name: str, value: str) -> None:
    assert name in FAULTS
    assert getattr(Faults(), name) != eval(value, {})  # noqa: S307  # a literal on our own page


def test_the_other_names_of_the_table_are_there() -> None:
    others = set(re.findall(r"`fake\.(\w+)\b", TABLE)) - {"faults"}
    without_prefix = set(re.findall(r"`(\w+)(?: = \w+)?`", TABLE)) - {"False"}

    assert others == {"rotates", "revoke_all", "rotate_keys"}
    assert all(hasattr(FakeProvider(), name) for name in others)
    assert without_prefix - FAULTS == {"social_clock"}
