"""The exchange of each provider comes out as the account that its file expects."""

import pytest

from asgi_social import providers
from tests.providers.exchanges import Exchange, account_of, exchanges

ALL = [pytest.param(one, id=one.provider) for one in exchanges()]


@pytest.mark.parametrize("exchange", ALL)
def test_an_exchange_comes_out_as_the_expected_account(exchange: Exchange) -> None:
    _, account, asked = account_of(exchange)

    mapped = providers.provider(exchange.provider).account
    # An empty text says as little as none, and what is mapped and not expected is not to be found.
    expected = {**dict.fromkeys(mapped), **exchange.expect}
    found = {
        name: getattr(account, name) or (account.email_verified if name == "email_verified" else None)
        for name in expected
    }
    assert found == {name: None if value == "" else value for name, value in expected.items()}
    assert set(exchange.answers) - {"id"} - asked == set(), "these answers were not asked for"


@pytest.mark.parametrize("exchange", ALL)
def test_an_exchange_says_where_it_is_from_and_holds_no_real_token(exchange: Exchange) -> None:
    token = exchange.answers.get("token", {})

    assert exchange.source
    if isinstance(token, dict) and "refresh_token" in token:
        assert token["refresh_token"] == "r-token"
