"""The walks find a call that turns back, and nothing else; tried on a house of a few lines."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from scripts.walks import Walk, measure

HOUSE = Path("/house")

STORAGE = "def add(): pass"
PLAYER = """
async def play(conversation):
    answer = None
    try:
        while True:
            conversation.send(answer)
            await pause()
            answer = 1
    except StopIteration as end:
        return end.value
"""


async def _pause() -> None:
    """Leave the event loop a turn, so that what waits here is resumed."""
    await asyncio.sleep(0)


def _call(function: Callable[[], object]) -> object:
    return function()


async def _walk(start: str, rooms: dict[str, str]) -> Walk:
    """Build a house of these rooms, each a file, in which every name is known everywhere; walk in at ``start``."""
    names: dict[str, Any] = {"pause": _pause, "call": _call}
    for file, source in rooms.items():
        exec(compile(dedent(source), str(HOUSE / file), "exec"), names)  # noqa: S102 - the source is above
    work: Awaitable[object] = names[start]()
    return await measure(work, package=HOUSE)


async def test_straight_code_has_no_turn_back() -> None:
    walk = await _walk(
        "complete",
        {
            "complete.py": """
                async def complete():
                    unpack()
                    add()
                    unpack()
                """,
            "flow.py": "def unpack(): unseal()",
            "secret.py": "def unseal(): pass",
            "storage.py": STORAGE,
        },
    )

    assert walk.turn_backs == ()
    assert (walk.files, walk.functions, walk.depth) == (4, 4, 3)


async def test_a_call_into_a_file_that_waits_for_it_is_a_turn_back() -> None:
    walk = await _walk(
        "complete",
        {
            "complete.py": """
                async def complete(): unpack()
                def age(): pass
                """,
            "flow.py": "def unpack(): age()",
        },
    )

    assert [(step.caller, step.file, step.function) for step in walk.turn_backs] == [
        (("flow.py", "unpack"), "complete.py", "age")
    ]


async def test_a_turn_back_through_foreign_code_is_found() -> None:
    walk = await _walk(
        "complete",
        {
            "complete.py": """
                async def complete(): unpack()
                def age(): pass
                """,
            "flow.py": "def unpack(): call(age)",
        },
    )

    assert [step.function for step in walk.turn_backs] == ["age"]


async def test_a_turn_back_is_not_hidden_by_the_same_call_made_straight() -> None:
    walk = await _walk(
        "complete",
        {
            "door.py": """
                async def complete():
                    unpack()
                    begin()
                """,
            "flow.py": "def unpack(): age()",
            "complete.py": """
                def begin(): unpack()
                def age(): pass
                """,
        },
    )

    assert [(step.function, step.turns_back) for step in walk.crossings if step.file == "complete.py"] == [
        ("age", False),
        ("begin", False),
        ("age", True),
    ]


async def test_a_call_within_a_file_is_no_turn_back() -> None:
    walk = await _walk(
        "complete",
        {
            "complete.py": """
                async def complete(): call(age)
                def age(): pass
                """
        },
    )

    assert [(step.crosses, step.turns_back) for step in walk.steps] == [(True, False), (False, False)]


async def test_a_conversation_that_another_file_plays_is_no_turn_back() -> None:
    walk = await _walk(
        "complete",
        {
            "backend.py": "async def complete(): return await play(sign_in())",
            "transport.py": PLAYER,
            "oauth2.py": """
                def sign_in():
                    yield from exchange_code()
                    yield from fetch_account()
                def exchange_code():
                    yield parsed()
                    yield
                """,
            "account.py": "def fetch_account(): yield",
            "message.py": "def parsed(): pass",
        },
    )

    assert walk.turn_backs == ()
    assert [step.function for step in walk.steps] == [
        "complete",
        "play",
        "sign_in",
        "exchange_code",
        "parsed",
        "fetch_account",
    ]


async def test_a_conversation_that_lives_in_the_file_that_has_it_played_is_a_turn_back() -> None:
    walk = await _walk(
        "complete",
        {
            "backend.py": """
                async def complete(): return await play(sign_in())
                def sign_in(): yield
                """,
            "transport.py": PLAYER,
        },
    )

    assert [step.function for step in walk.turn_backs] == ["sign_in"]


async def test_an_argument_that_is_worked_out_late_is_no_turn_back() -> None:
    walk = await _walk(
        "complete",
        {
            "complete.py": "async def complete(): total(n for n in (1, 2))",
            "expressions.py": "def total(numbers): return sum(n for n in numbers)",
        },
    )

    assert [step.function for step in walk.steps] == ["complete", "total"]


@pytest.mark.parametrize(
    ("file", "turn_backs"),
    [
        pytest.param("providers/telegram.py", [], id="a step of the provider's own"),
        pytest.param("providers/__init__.py", ["fetch_account"], id="the catalogue"),
    ],
)
async def test_only_a_provider_s_own_step_may_be_called_back(file: str, turn_backs: list[str]) -> None:
    walk = await _walk(
        "read_callback",
        {
            file: """
                async def read_callback(): sign_in()
                def fetch_account(): pass
                """,
            "protocols/oauth2.py": "def sign_in(): fetch_account()",
        },
    )

    assert [step.function for step in walk.turn_backs] == turn_backs


async def test_the_way_is_told_by_its_crossings_each_once() -> None:
    walk = await _walk(
        "complete",
        {
            "complete.py": """
                async def complete():
                    unpack()
                    unpack()
                def age(): pass
                """,
            "flow.py": """
                def unpack(): opened()
                def opened(): age()
                """,
        },
    )

    assert str(walk).splitlines() == [
        "  complete.py complete",
        "    flow.py unpack",
        "        ↩ complete.py age",
        "",
        "  2 files, 4 functions, 4 deep, 1 turn-backs",
    ]


async def test_a_walk_that_fails_leaves_nothing_watched() -> None:
    with pytest.raises(ZeroDivisionError):
        await _walk("complete", {"complete.py": "async def complete(): 1 / 0"})

    assert sys.getprofile() is None
