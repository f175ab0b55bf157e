"""Reading a token answer: what is there, what is odd and means unknown, and what costs the token."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.errors import ProviderBroken, ProviderError
from asgi_social.protocols.oauth2 import (
    expiry_of,
    is_token,
    scope_of,
    tokens_from,
)
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, answer, ready

GOOD = {"access_token": "new-access", "token_type": "Bearer"}


def plain(**tables: object) -> dict[str, Any]:
    return {**OAUTH2, **tables}


def test_the_parts_of_an_answer_are_read_where_the_data_say() -> None:
    token = {
        "url": f"{HOST}/token",
        "path": "data",
        "access_token": "user.token",
        "expires": "user.until",
        "expires_unit": "epoch",
        "refresh_token": "again",
    }
    data = {"user": {"token": "t", "until": START + 60}, "again": "r", "scope": "a,b"}

    tokens = tokens_from(
        ready(plain(token=token, authorize={"url": f"{HOST}/a", "scope_sep": ","})), answer({"data": data})
    )

    assert (tokens.access_token.reveal(), tokens.expires_at) == ("t", START + 60)
    assert tokens.refresh_token == Secret("r")
    assert (tokens.scope, tokens.answer) == (("a", "b"), data)


def test_an_answer_whose_parts_are_not_where_the_data_say_is_broken() -> None:
    with pytest.raises(ProviderBroken):
        tokens_from(ready(plain(token={"url": f"{HOST}/token", "path": "data"})), answer({**GOOD, "data": "text"}))


@pytest.mark.parametrize("odd", [5, "", "a b", ["a"], None, True])
def test_an_odd_refresh_token_or_id_token_is_none(odd: object) -> None:
    tokens = tokens_from(ready(OAUTH2), answer({**GOOD, "refresh_token": odd, "id_token": odd}))

    assert (tokens.refresh_token, tokens.id_token) == (None, None)


@pytest.mark.parametrize(
    ("lifetime", "unit", "left"),
    [
        (3600, "s", 3600),
        ("3600", "s", 3600),
        (3600.0, "s", 3600),
        (1, "s", 1),
        (315_360_000, "s", 315_360_000),
        (315_360_001, "s", None),
        (0, "s", None),
        (-1, "s", None),
        (1.5, "s", None),
        ("1.5", "s", None),
        ("", "s", None),
        ("9" * 16, "s", None),
        ("9" * 5000, "s", None),
        ("\u0663", "s", None),
        (True, "s", None),
        (None, "s", None),
        ([3600], "s", None),
        (float("inf"), "s", None),
        (1500, "ms", 1.5),
        (999, "ms", None),
        (int(START) + 60, "epoch", 60),
        (int(START) - 60, "epoch", None),
    ],
)
def test_an_odd_lifetime_means_unknown_and_costs_no_token(lifetime: object, unit: str, left: float | None) -> None:
    expires_at = expiry_of(lifetime, received_at=START, unit=unit)

    assert expires_at == (None if left is None else START + left)


@pytest.mark.parametrize(
    ("value", "scope"),
    [
        ("a b", ("a", "b")),
        ("a,b c", ("a", "b", "c")),
        (["a", "b c"], ("a", "b c")),
        ([1], None),
        (None, None),
        ({}, None),
        ("a " * 4096, ("a",) * 4096),
        ("a " * 4097, None),
        (["x" * 8192], None),
    ],
)
def test_a_scope_is_a_text_or_a_list_of_texts(value: object, scope: tuple[str, ...] | None) -> None:
    assert scope_of(value, separator=",") == scope


def test_what_comes_beside_the_tokens_is_of_a_length_that_every_store_takes() -> None:
    tokens = tokens_from(
        ready(OAUTH2), answer({"access_token": "a-token", "token_type": "x" * 999, "scope": "s" * 9999})
    )

    assert (tokens.token_type, tokens.scope, tokens.odd) == ("x" * 64, None, ("scope",))


@given(text=st.text(max_size=30))
def test_a_token_is_printable_ascii_without_spaces(text: str) -> None:
    assert is_token(text) == (text != "" and all("!" <= character <= "~" for character in text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = ["access_token", "token_type", "refresh_token", "id_token", "scope", "expires_in", "error"]


@given(said=st.dictionaries(st.sampled_from(NAMES), JSON | st.just("a-token")))
def test_every_token_answer_gives_tokens_or_a_provider_error(said: dict[str, object]) -> None:
    try:
        tokens = tokens_from(ready(OAUTH2), answer(said))
    except ProviderError:
        return
    assert tokens.access_token
