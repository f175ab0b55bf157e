"""Telegram: what its widget and its Mini Apps give, as a client token. Rows SR-C18 and ATK-42.

There is no page of ours with that widget, and so no flow: browsers are linked by OpenID Connect. So the rows' browsers
are the app's own matter; here a payload is taken once, whoever brings it.
"""

import hmac
import json
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from asgi_social.testing.clock import START
from tests.providers.widgets import page

BOT = "1234567:a-token-of-a-bot"
ADA = {
    "id": "424000",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "username": "ada",
    "photo_url": "https://t.me/i/userpic/320/ada.jpg",
    "auth_date": str(int(START)),
}


def payload(*, bot: str = BOT, **changed: str) -> dict[str, str]:
    """Sign what the widget says of Ada."""
    fields = {**ADA, **changed}
    text = "\n".join(sorted(f"{name}={value}" for name, value in fields.items()))
    return {**fields, "hash": hmac.new(sha256(bot.encode()).digest(), text.encode(), sha256).hexdigest()}


async def test_a_payload_links_the_person_that_it_names() -> None:
    async with page("telegram", bot_token=BOT) as one:
        association = await one.link(urlencode(payload()))

    said = association.account
    assert (association.uid, said["username"], said["first_name"], said["last_name"]) == (
        "424000",
        "ada",
        "Ada",
        "Lovelace",
    )
    assert said["picture"] == ADA["photo_url"]


async def test_a_payload_signs_in_who_is_linked() -> None:
    async with page("telegram", bot_token=BOT) as one:
        await one.link(urlencode(payload()))
        one.clock.advance(1)

        assert await one.backend.do_auth(urlencode(payload(auth_date=str(int(START) + 1)))) == "7"


async def test_sr_c18_the_order_of_the_fields_is_free() -> None:
    async with page("telegram", bot_token=BOT) as one:
        turned = dict(reversed(payload().items()))

        assert (await one.link(urlencode(turned))).uid == "424000"


async def test_sr_c18_a_payload_is_taken_once() -> None:
    async with page("telegram", bot_token=BOT) as one:
        await one.link(urlencode(payload()))

        assert await one.refusal(urlencode(payload())) == "spent"
        assert await one.refusal(urlencode(dict(reversed(payload().items())))) == "spent"


@pytest.mark.parametrize("field", [*ADA, "hash"])
async def test_sr_c18_each_field_is_signed(field: str) -> None:
    async with page("telegram", bot_token=BOT) as one:
        without = {name: text for name, text in payload().items() if name != field}

        assert await one.refusal(urlencode(payload() | {field: "1"})) == "signature"
        assert await one.refusal(urlencode(without)) in {"signature", "malformed"}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        pytest.param(urlencode(payload() | {"admin": "1"}), "signature", id="a field added"),
        pytest.param(urlencode(payload() | {"hash": payload()["hash"].upper()}), "signature", id="hash in capitals"),
        pytest.param(urlencode(payload()).replace("hash=", "hash[]="), "malformed", id="hash as a list"),
        pytest.param(urlencode(payload()) + "&id=424000", "malformed", id="a field twice"),
        pytest.param(urlencode(payload(bot="7654321:another")), "signature", id="another bot"),
        pytest.param(urlencode(payload(auth_date=str(int(START) - 601))), "expired", id="601 seconds old"),
        pytest.param(urlencode(payload(auth_date=str(int(START) + 61))), "expired", id="of the future"),
        pytest.param(urlencode(payload(auth_date="now")), "malformed", id="no moment"),
        pytest.param(urlencode(payload(first_name="Ada\nid=1")), "malformed", id="a line feed"),
        pytest.param("no-query", "malformed", id="no query"),
        pytest.param("&".join(f"a{number}=1" for number in range(60)), "malformed", id="too many fields"),
    ],
)
async def test_atk_42_a_payload_that_is_not_the_widgets_is_refused(query: str, reason: str) -> None:
    async with page("telegram", bot_token=BOT) as one:
        assert await one.refusal(query) == reason


async def test_without_the_bots_token_no_payload_is_taken() -> None:
    async with page("telegram") as one:
        assert await one.refusal(urlencode(payload())) == "unbound"


async def test_an_unbound_token_is_not_let_in_where_payloads_can_be_proved() -> None:
    async with page("telegram", bot_token=BOT, allow_unbound_tokens=True) as one:
        assert await one.refusal("a-token") == "malformed"


# Mini Apps

USER = {"id": 424000, "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "photo_url": ADA["photo_url"]}


def init_data(user: object = USER, *, bot: str = BOT, key: bytes | None = None, **changed: str) -> dict[str, str]:
    """Sign what a Mini App is opened with by Ada."""
    text = user if isinstance(user, str) else json.dumps(user, separators=(",", ":"))
    fields = {"query_id": "AAHdF6IQ", "auth_date": str(int(START)), "signature": "ed25519", "user": text, **changed}
    signed = "\n".join(sorted(f"{name}={text}" for name, text in fields.items()))
    key = key or hmac.new(b"WebAppData", bot.encode(), sha256).digest()
    return {**fields, "hash": hmac.new(key, signed.encode(), sha256).hexdigest()}


async def test_the_data_of_a_mini_app_link_the_person_whom_the_widget_names_by_the_same_number() -> None:
    async with page("telegram", bot_token=BOT) as one:
        association = await one.link(urlencode(init_data()))
        again = await one.link(urlencode(payload()))

    said = association.account
    assert (association.uid, again.id) == ("424000", association.id)
    assert (said["username"], said["first_name"], said["last_name"]) == ("ada", "Ada", "Lovelace")
    assert said["picture"] == ADA["photo_url"]


async def test_the_data_of_a_mini_app_are_taken_once() -> None:
    async with page("telegram", bot_token=BOT) as one:
        await one.link(urlencode(init_data()))

        assert await one.refusal(urlencode(init_data())) == "spent"


async def test_the_algorithm_is_that_of_the_documentation() -> None:
    """The key is made by HMAC of the bot's token with the words WebAppData, and not the other way round."""
    turned = hmac.new(BOT.encode(), b"WebAppData", sha256).digest()
    async with page("telegram", bot_token=BOT) as one:
        assert await one.refusal(urlencode(init_data(key=turned))) == "signature"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        pytest.param(init_data(key=sha256(BOT.encode()).digest()), "signature", id="signed as the widget does"),
        pytest.param(init_data() | {"user": json.dumps({"id": 1})}, "signature", id="another person"),
        pytest.param(init_data() | {"signature": "x"}, "signature", id="another field"),
        pytest.param(init_data(bot="7654321:another"), "signature", id="another bot"),
        pytest.param(init_data(auth_date=str(int(START) - 601)), "expired", id="601 seconds old"),
        pytest.param(init_data(auth_date="now"), "malformed", id="no moment"),
        pytest.param(init_data("{"), "malformed", id="no JSON"),
        pytest.param(init_data([7]), "malformed", id="a list"),
        pytest.param(init_data({"first_name": "Ada"}), "malformed", id="nobody"),
        pytest.param(init_data({"id": True}), "malformed", id="a truth"),
        pytest.param(init_data({"id": "424000"}), "malformed", id="a text as number"),
    ],
)
async def test_data_that_are_not_a_mini_apps_are_refused(query: dict[str, str], reason: str) -> None:
    async with page("telegram", bot_token=BOT) as one:
        assert await one.refusal(urlencode(query)) == reason


async def test_a_payload_of_the_widget_cannot_be_turned_into_a_mini_apps() -> None:
    async with page("telegram", bot_token=BOT) as one:
        assert await one.refusal(urlencode({**payload(), "user": json.dumps({"id": 1})})) == "signature"
