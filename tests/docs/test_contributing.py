"""The provider that CONTRIBUTING shows is one, and its exchange comes out as it says."""

import json
import tomllib
from pathlib import Path

from asgi_social import providers
from asgi_social.providers.evidence import evidence_from
from tests.docs.pages import blocks_of
from tests.providers.exchanges import account_of, exchange_of

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_new_provider_states_what_each_has_to() -> None:
    [block] = blocks_of(TEXT, "toml")
    table = tomllib.loads(block.text)

    provider, evidence = providers.provider_of_table(table, place="CONTRIBUTING"), evidence_from(table, place="it")

    of = " ".join(one.of for one in evidence.sources)
    facts = {"authorize", "token", "userinfo", "uid", "account", "refresh", "brand"}
    assert {"refresh", "revoke", "verify", "brand", "docs", "console", "exchange"} <= set(table)
    assert [fact for fact in facts if fact not in of] == []
    assert (provider.name, provider.protocol, evidence.exchange) == ("example", "oauth2", "documented")


def test_its_exchange_comes_out_as_the_account_that_is_expected() -> None:
    [table], [answers] = blocks_of(TEXT, "toml"), blocks_of(TEXT, "json")
    provider = tomllib.loads(table.text)
    exchange = exchange_of("example", {**json.loads(answers.text), "settings": {"provider": provider}})

    _, account, asked = account_of(exchange, providers.provider_of_table(provider, place="CONTRIBUTING"))

    assert {name: getattr(account, name) for name in exchange.expect} == exchange.expect
    assert asked == set(exchange.answers)
