"""One Chromium for all the tests here, a world for each, and a person in it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.axe import COUNTS
from tests.browser.visitor import Visitor, chromium, visitor
from tests.browser.world import World, a_world

NewVisitor = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as process:
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def world(caplog: pytest.LogCaptureFixture) -> AsyncIterator[World]:
    """Give the app and the provider; neither may answer with an unhandled 500."""
    async with a_world() as one:
        yield one
    assert [record.getMessage() for record in caplog.get_records("call") if record.name.startswith("uvicorn")] == []


@pytest_asyncio.fixture(loop_scope="session")
async def new_visitor(browser: Browser, world: World) -> AsyncIterator[NewVisitor]:
    """Give a function that opens a browser at the app; on no page of any of them may something have gone wrong."""
    opened: list[Visitor] = []
    async with AsyncExitStack() as stack:

        async def new(**window: Any) -> Visitor:
            one = await stack.enter_async_context(visitor(browser, world.base, **window))
            opened.append(one)
            return one

        yield new
    assert [fault for one in opened for fault in one.faults] == []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what axe-core has found."""
    if COUNTS:
        terminalreporter.write_line(
            f"axe-core: {COUNTS['violations']} violations in {COUNTS['runs']} runs; {COUNTS['passes']} rules held, "
            f"{COUNTS['undecided']} left to a person's eye"
        )


@pytest_asyncio.fixture(loop_scope="session")
async def amina(new_visitor: NewVisitor) -> Visitor:
    """A person who is signed in, and looks at the page of linked accounts."""
    one = await new_visitor()
    await one.sign_in()
    await one.open("/associate/")
    return one
