"""No answer of any provider, however odd, comes out as anything but an account with a text as uid, or a clear error."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from asgi_social.errors import SocialError
from tests.providers.exchanges import Exchange, account_of, exchanges

ALL = [pytest.param(one, id=one.provider) for one in exchanges()]
LEAVES: tuple[object, ...] = (
    None,
    True,
    7,
    2**63 + 1,
    1e300,
    "",
    " ",
    "x" * 5000,
    "Größe 東京 🙂",
    "\0",
    [],
    {},
    [None],
    {"a": {}},
)
WHOLE: tuple[object, ...] = (None, True, 7, "text", "", [], [[]], [{}], {"id": None}, json.loads("[" * 100 + "]" * 100))


def answers_with(exchange: Exchange, change: Callable[[object], object]) -> Exchange:
    """Give an exchange in which everything but the tokens is another thing."""
    kept = {name: answer for name, answer in exchange.answers.items() if name in {"token", "id"}}
    changed = {name: change(answer) for name, answer in exchange.answers.items() if name not in {"token", "id"}}
    claims = exchange.answers.get("id")
    if isinstance(claims, Mapping):  # as the subject it would not be an ID token
        kept["id"] = {name: value if name in {"sub", "tid"} else change(value) for name, value in claims.items()}
    return replace(exchange, answers={**kept, **changed})


def with_leaves(value: object, leaf: object) -> object:
    """Give an answer of the same shape in which each value is the same odd one."""
    if isinstance(value, Mapping):
        return {name: with_leaves(one, leaf) for name, one in value.items()}
    if isinstance(value, list):
        return [with_leaves(one, leaf) for one in value]
    return leaf


def odd_ones(exchange: Exchange) -> Iterator[Exchange]:
    """Give the exchange with odd answers."""
    for leaf in LEAVES:
        yield answers_with(exchange, lambda value, leaf=leaf: with_leaves(value, leaf))  # type: ignore[misc]
    for whole in WHOLE:
        yield answers_with(exchange, lambda _, whole=whole: whole)  # type: ignore[misc]


@pytest.mark.parametrize("exchange", ALL)
def test_an_odd_answer_is_an_account_with_an_id_or_a_clear_error(exchange: Exchange) -> None:
    for odd in odd_ones(exchange):
        try:
            _, account, _ = account_of(odd)
        except SocialError:
            continue
        assert account.uid
        for name in ("username", "email", "fullname", "first_name", "last_name", "picture", "locale"):
            value = getattr(account, name)
            assert value is None or (isinstance(value, str) and "\0" not in value and len(value) <= 1000)
        assert isinstance(account.email_verified, bool)


def as_text(value: object) -> object:
    """Give an answer in which each whole number is a text of the same digits."""
    if isinstance(value, Mapping):
        return {name: as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@pytest.mark.parametrize("exchange", ALL)
def test_an_id_is_the_same_text_as_a_number_and_as_a_text(exchange: Exchange) -> None:
    token = exchange.answers.get("token")
    other = answers_with(exchange, as_text)
    if isinstance(token, Mapping):
        texts = {name: as_text(one) for name, one in token.items() if name not in {"ok", "status", "expires_in"}}
        other = replace(other, answers={**other.answers, "token": {**token, **texts}})

    assert account_of(other)[1].uid == account_of(exchange)[1].uid


@pytest.mark.parametrize("exchange", ALL)
def test_an_id_beyond_what_a_float_holds_stays_exact(exchange: Exchange) -> None:
    uid = account_of(exchange)[1].uid
    if not uid.isdigit() or uid not in json.dumps(exchange.answers):
        return
    large = 2**53 + 1  # which a float rounds
    text = json.dumps(exchange.answers).replace(uid, str(large))

    assert account_of(replace(exchange, answers=json.loads(text)))[1].uid == str(large)
