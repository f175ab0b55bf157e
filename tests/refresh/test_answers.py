"""What is believed of renewed tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.protocols.message import Tokens
from asgi_social.refresh.answers import sober
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.refresh.rows import row_of

SCOPES = st.none() | st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=4).map(tuple)


def tokens(*, lifetime: float | None = 3600, scope: tuple[str, ...] | None = None, odd: tuple[str, ...] = ()) -> Tokens:
    expires_at = None if lifetime is None else START + lifetime
    return Tokens(access_token=Secret("t"), expires_at=expires_at, scope=scope, odd=odd)


@pytest.mark.parametrize(
    ("lifetime", "known"),
    [
        (3600, 3600),
        (3600 * 994, 3600 * 994),
        (3600 * 1000, None),
        (3599 * 1000, None),
        (3600 * 1006, 3600 * 1006),
        (60 * 86_400, 60 * 86_400),
        (1, 1),
        (None, None),
    ],
)
def test_a_lifetime_of_a_thousand_times_the_one_before_is_unknown(lifetime: float | None, known: float | None) -> None:
    new, odd = sober(row_of(), tokens(lifetime=lifetime), now=START)

    assert new.expires_at == (None if known is None else START + known)
    assert odd == (["lifetime"] if lifetime != known else [])


def test_a_lifetime_is_believed_where_nobody_knows_the_one_before() -> None:
    new, odd = sober(row_of(expires_at=None), tokens(lifetime=3_600_000), now=START)

    assert (new.expires_at, odd) == (START + 3_600_000, [])


@pytest.mark.parametrize(
    ("before", "said", "after", "odd"),
    [
        pytest.param(("a", "b"), None, None, [], id="not said"),
        pytest.param(("a", "b"), ("b", "a"), ("b", "a"), [], id="in another order"),
        pytest.param(("a", "b"), ("a",), ("a",), ["scope_fewer"], id="fewer"),
        pytest.param(("a",), ("a", "b"), ("a",), ["scope_more"], id="more"),
        pytest.param(("a", "b"), ("b", "c"), ("b",), ["scope_fewer", "scope_more"], id="others"),
        pytest.param(("a",), (), (), ["scope_fewer"], id="none"),
        pytest.param((), ("a",), ("a",), [], id="it was not known"),
    ],
)
def test_a_scope_never_grows(
    before: tuple[str, ...], said: tuple[str, ...] | None, after: tuple[str, ...] | None, odd: list[str]
) -> None:
    new, words = sober(row_of(scope=before), tokens(scope=said), now=START)

    assert (new.scope, words) == (after, odd)


def test_what_was_odd_already_is_told_too() -> None:
    assert sober(row_of(), tokens(odd=("scope",)), now=START)[1] == ["scope"]


@given(before=SCOPES, said=SCOPES, lifetime=st.none() | st.floats(min_value=1, max_value=1e9))
def test_the_tokens_themselves_are_never_touched_and_nothing_is_granted(
    before: tuple[str, ...] | None, said: tuple[str, ...] | None, lifetime: float | None
) -> None:
    given_tokens = tokens(lifetime=lifetime, scope=said)

    new, _ = sober(row_of(scope=before or ()), given_tokens, now=START)

    assert (new.access_token, new.refresh_token, new.id_token) == (given_tokens.access_token, None, None)
    assert new.expires_at in {None, given_tokens.expires_at}
    if before:
        assert set(new.scope or ()) <= set(before)
