"""What a user expects of a running app: expectation 75; the tests of transport and lifespan hold 74 and 76."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import Social
from asgi_social.storage.memory import MemoryRepository
from tests.app import app_of, browser, settings
from tests.security.doors import Network


class Counting(MemoryRepository):
    """A store that counts each call.

    Attributes:
        calls: Their names.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in {"find", "get", "of_user", "add", "save_tokens", "remove", "spend", "user", "add_user"}:
            return partial(self._counted, name, found)
        return found

    async def _counted(self, name: str, call: Callable[..., Any], *words: Any, **named: Any) -> Any:
        self.calls.append(name)
        return await call(*words, **named)


async def looks(request: Request) -> Response:
    """Answer with what is linked, as a view does that touches the accessor."""
    return JSONResponse(len(await request.state.social.associations()))


@pytest.mark.parametrize(("path", "calls"), [("/", []), ("/nowhere", []), ("/linked", ["of_user"])])
async def test_a_request_that_does_not_touch_the_accessor_costs_no_query_and_asks_not_who_it_is(
    path: str, calls: list[str]
) -> None:
    """Expectation 75."""
    store, people, network = Counting(), list[str](), Network()

    def current_user(connection: Any) -> str:
        people.append("ada")
        return "ada"

    async with (
        Social(**settings(network, database=store, current_user=current_user)) as social,
        browser(app_of(social, routes=[Route("/linked", looks)])) as client,
    ):
        await client.get(path)

    assert (store.calls, len(people), network.asked) == (calls, len(calls), [])
