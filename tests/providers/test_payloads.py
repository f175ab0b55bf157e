"""What holds for every provider whose payloads are proved by code beside its data; the rest is in their own tests."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from asgi_social import ProviderUnreachable
from tests.providers import (
    test_facebook_app,
    test_loginradius,
    test_odnoklassniki_app,
    test_telegram,
    test_vk_app,
    test_vk_openapi,
)
from tests.providers.test_every_proof import NOT_TOKENS, PAYLOADS
from tests.providers.widgets import page

MORE: Mapping[str, Any] = {
    "odnoklassniki-app": {"public_name": "public-key"},
    "telegram": {"bot_token": test_telegram.BOT},
}
# A payload that its provider is asked about, and the network in which it is accepted.
ASKED: Mapping[str, tuple[str, Callable[[httpx.Request], httpx.Response]]] = {
    "facebook-app": (test_facebook_app.request_of(), test_facebook_app.graph),
    "loginradius": ("a-page-token", test_loginradius.loginradius),
    "odnoklassniki-app": (test_odnoklassniki_app.frame(), test_odnoklassniki_app.Api()),
    "vk-app": (test_vk_app.frame(), test_vk_app.vk),
}
# One that nobody is asked about: its signature says all.
SIGNED: Mapping[str, str] = {
    "telegram": urlencode(test_telegram.payload()),
    "vk-openapi": urlencode(test_vk_openapi.cookie()),
}


def silence(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("nothing is answered")


def test_each_is_in_one_of_the_tables() -> None:
    assert sorted(PAYLOADS) == sorted([*ASKED, *SIGNED])


@pytest.mark.parametrize("name", PAYLOADS)
async def test_what_is_no_token_is_refused_and_goes_nowhere(name: str) -> None:
    async with page(name, **MORE.get(name, {})) as one:
        assert {await one.refusal(token) for token in NOT_TOKENS} == {"malformed"}


@pytest.mark.parametrize("name", ASKED)
async def test_a_provider_that_is_down_or_silent_lets_nobody_in(name: str) -> None:
    payload, network = ASKED[name]

    for broken in (lambda _: httpx.Response(503), silence):
        async with page(name, broken, **MORE.get(name, {})) as one:
            with pytest.raises(ProviderUnreachable):
                await one.link(payload)
            assert await one.social.associations("7") == []

    async with page(name, network, **MORE.get(name, {})) as one:
        assert (await one.link(payload)).backend == name


@pytest.mark.parametrize("name", SIGNED)
async def test_a_payload_whose_signature_says_all_needs_no_provider(name: str) -> None:
    async with page(name, silence, **MORE.get(name, {})) as one:
        assert (await one.link(SIGNED[name])).backend == name
