"""Shopify: the answer is signed, young, and of the shop where the flow began."""

import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from asgi_social.testing.clock import START
from tests.app import query_of
from tests.providers.linking import Link, linking
from tests.providers.widgets import SECRET

SHOP = "acme.myshopify.com"
ASK: dict[str, Any] = {"client_secret": SECRET, "ask_for": ["shop"], "scope": ["read_products", "read_orders"]}


def shopify(request: httpx.Request) -> httpx.Response:
    """Answer as a shop does to its code."""
    assert str(request.url) == f"https://{SHOP}/admin/oauth/access_token"
    assert dict(parse_qsl(request.content.decode())).keys() >= {"client_id", "client_secret", "code"}
    return httpx.Response(200, json={"access_token": "a-token", "scope": "read_products,read_orders"})


def signed(fields: dict[str, str], *, secret: str = SECRET) -> dict[str, str]:
    """Sign an answer as Shopify does."""
    text = "&".join(sorted(f"{name}={value}" for name, value in fields.items()))
    return {**fields, "hmac": hmac.new(secret.encode(), text.encode(), sha256).hexdigest()}


async def answer(one: Link, **changed: str) -> dict[str, str]:
    """Begin a flow, and give what comes back before it is signed."""
    location = await one.begun(shop=SHOP)
    assert location.startswith(f"https://{SHOP}/admin/oauth/authorize?")
    asked = query_of(location)
    assert asked["scope"] == "read_products,read_orders"
    told = {"code": "a-code", "shop": SHOP, "timestamp": str(int(START)), "host": "YWRtaW4", "state": asked["state"]}
    return {**told, **changed}


async def test_a_shop_is_linked_by_its_signed_answer() -> None:
    async with linking("shopify", shopify, **ASK) as one:
        assert (await one.completed(**signed(await answer(one))))[0] == 303
        [association] = await one.associations()

        assert (association.uid, association.account["username"]) == (SHOP, "acme")
        assert await association.get_access_token() == "a-token"


async def test_marks_that_would_end_a_field_are_signed_as_shopify_writes_them() -> None:
    async with linking("shopify", shopify, **ASK) as one:
        told = await answer(one)
        written = signed({**told, "x%26y%3D": "50%25%26more"})
        written["x&y="] = "50%&more"
        del written["x%26y%3D"]

        assert (await one.completed(**written))[0] == 303


@pytest.mark.parametrize(
    ("changed", "secret", "reason"),
    [
        pytest.param({}, "another app's", "issuer", id="another app"),
        pytest.param({"timestamp": str(int(START) - 86_401)}, SECRET, "expired", id="a day old"),
        pytest.param({"timestamp": str(int(START) + 61)}, SECRET, "expired", id="of the future"),
        pytest.param({"timestamp": "now"}, SECRET, "expired", id="no moment"),
        pytest.param({"shop": "evil.myshopify.com"}, SECRET, "issuer", id="another shop"),
    ],
)
async def test_an_answer_that_is_not_the_shops_is_refused(changed: dict[str, str], secret: str, reason: str) -> None:
    async with linking("shopify", shopify, **ASK) as one:
        told = await one.completed(**signed(await answer(one, **changed), secret=secret))

        assert told == (400, "flow_refused", reason)
        assert await one.associations() == []


@pytest.mark.parametrize("field", ["code", "shop", "timestamp", "host"])
async def test_a_field_that_is_changed_after_it_was_signed_is_refused(field: str) -> None:
    async with linking("shopify", shopify, **ASK) as one:
        told = signed(await answer(one)) | {field: "another"}

        assert await one.completed(**told) == (400, "flow_refused", "issuer")


async def test_an_answer_that_nobody_signed_is_refused_and_a_refusal_needs_no_signature() -> None:
    async with linking("shopify", shopify, **ASK) as one:
        assert await one.completed(**await answer(one)) == (400, "flow_refused", "issuer")
        state = (await answer(one))["state"]

        assert await one.completed(state=state, error="access_denied") == (403, "consent_denied", None)


async def test_an_answer_is_good_once() -> None:
    async with linking("shopify", shopify, **ASK) as one:
        told = signed(await answer(one))
        await one.completed(**told)

        assert await one.completed(**told) == (400, "flow_refused", "missing")


@pytest.mark.parametrize(
    "shop", ["evil.example", "acme.myshopify.com.evil.example", "acme.myshopify.com/x", "-a.myshopify.com", ""]
)
async def test_what_is_no_shop_is_not_sent_to(shop: str) -> None:
    async with linking("shopify", shopify, **ASK) as one:
        begun = await one.browser.get("/associate/shopify/", params={"shop": shop})

        assert begun.status_code in {200, 400}
        assert "location" not in begun.headers
