"""Providers whose addresses hang on what the person or their answer names: a shop, an instance, a data centre."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from asgi_social import ProviderBroken, SettingsError
from asgi_social.background import Background
from asgi_social.cli.checks import _provider_findings
from asgi_social.errors import FlowRefused, Refused
from asgi_social.protocols.message import Conversation, Request
from asgi_social.protocols.variables import (
    chosen_by_answer,
    chosen_by_person,
    guarded,
    of_stored,
    open_variables,
    with_variables,
)
from asgi_social.settings import checked
from asgi_social.testing import ManualClock
from asgi_social.transport import Transport
from tests.app import KEY
from tests.protocols.played import answer, play
from tests.testing.trips import trip, with_

SHOP = {"from": "person", "pattern": r"[a-z0-9-]{1,60}\.shops\.example", "example": "acme.shops.example"}
PLACE = {"from": "callback", "param": "location", "choices": {"us": "own.com", "eu": "own.eu"}, "example": "eu"}
PROVIDER = {
    "vars": {"shop": SHOP},
    "authorize": {"url": "https://{shop}/authorize"},
    "token": {"url": "https://{shop}/token"},
    "userinfo": {"url": "https://{shop}/me"},
    "api_hosts": ["files.{shop}"],
    "uid": {"authority": "{shop}"},
    "revoke": {"url": "https://{shop}/revoke"},
}
BY_PERSON = with_(**PROVIDER) | {"ask_for": ["shop"]}
BY_ANSWER = with_(
    vars={"place": PLACE},
    token={"url": "https://accounts.{place}/token"},
    userinfo={"url": "https://accounts.{place}/me"},
    revoke={"url": "https://accounts.{place}/revoke"},
)


def client_of(settings: dict[str, Any]) -> Any:
    return checked({"secret_key": KEY, "backends": {"own": settings}}).backends["own"].client


def fault_of(settings: dict[str, Any]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        client_of(settings)
    [problem] = caught.value.problems
    return problem


async def test_the_person_chooses_a_shop_and_all_that_follows_goes_there() -> None:
    async with trip("own", BY_PERSON) as one:
        begun = await one.browser.get("/associate/own/", params={"shop": "acme.shops.example"})
        assert begun.headers["location"].startswith("https://acme.shops.example/authorize?")
        url, _ = await one.fake.sends_back(begun.headers["location"])
        await one.browser.get(url)
        [association] = await one.social.associations("7")
        assert association.account["extra_data"] == {"shop": "acme.shops.example"}

        one.clock.advance(4000)
        renewed = await association.refresh_token()
        assert await renewed.get_access_token() in one.fake.tokens["ada"]
        async with renewed.client() as api:
            assert (await api.get("https://acme.shops.example/me")).status_code == 200
            with pytest.raises(SettingsError, match="no token of own is sent to other"):
                await api.get("https://other.shops.example/me")
        one.clock.advance(4000)
        assert (await one.social.refresh_due()).renewed == 1

        await one.browser.unlink("own")

    assert one.fake.count("/revoke") == 1
    assert {urlsplit(asked.url).hostname for asked in one.fake.requests} == {"acme.shops.example"}


async def test_who_has_not_named_a_shop_is_asked_for_it() -> None:
    async with trip("own", BY_PERSON) as one:
        page = await one.browser.get("/associate/own/", headers={"accept": "text/html"})
        foreign = await one.browser.get(
            "/associate/own/", params={"shop": "acme.shops.example"}, headers={"sec-fetch-site": "cross-site"}
        )

    assert page.status_code == 200
    assert '<input name="shop" required maxlength="255"' in page.text
    assert 'placeholder="acme.shops.example"' in page.text
    # Where it leads is shown to whoever did not write it.
    assert "You will be sent to Own at acme.shops.example" in foreign.text
    assert '<input type="hidden" name="shop" value="acme.shops.example">' in foreign.text


@pytest.mark.parametrize(
    "shop", ["evil.example", "acme.shops.example/x", "acme.shops.example.", "a.b.shops.example", "x" * 300]
)
async def test_a_shop_that_does_not_fit_the_pattern_begins_nothing(shop: str) -> None:
    async with trip("own", BY_PERSON) as one:
        refused = await one.browser.get("/associate/own/", params={"shop": shop})

    assert refused.status_code == 400
    assert "needs to know your shop" in refused.text
    assert one.fake.requests == []


async def test_a_shop_of_the_settings_is_the_only_one() -> None:
    async with trip("own", with_(**PROVIDER) | {"shop": "acme.shops.example"}) as one:
        begun = await one.browser.get("/associate/own/", params={"shop": "other.shops.example"})

        assert begun.headers["location"].startswith("https://acme.shops.example/")
        tokens = one.fake.issue_tokens("ada")
        assert await one.refusal(tokens["access_token"]) == "unbound"


def test_a_shop_is_set_or_asked_for() -> None:
    fault = fault_of(with_(**PROVIDER))

    assert fault.setting == "backends.own.shop"
    assert 'such as acme.shops.example; or ask_for = ["shop"]' in str(fault.allowed)


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        (with_(**PROVIDER) | {"ask_for": ["shop", "size"]}, "of shop"),
        (with_() | {"ask_for": ["size"]}, "nothing; this provider asks for no such thing"),
    ],
)
def test_only_what_the_data_leave_to_the_person_can_be_asked_for(settings: dict[str, Any], allowed: str) -> None:
    fault = fault_of(settings)

    assert fault.message.startswith("the setting backends.own.ask_for holds 'size'")
    assert fault.allowed == allowed


@pytest.mark.parametrize("origin", ["person", "callback"])
def test_what_others_choose_has_a_pattern(origin: str) -> None:
    fault = fault_of(with_(vars={"shop": {"from": origin, "kind": "host"}}))

    assert "shop.pattern is missing" in fault.message


async def test_a_client_token_does_not_say_of_which_shop_it_is() -> None:
    async with trip("own", BY_PERSON) as one:
        with pytest.raises(SettingsError) as caught:
            await one.backend.do_auth("a-token")

    assert caught.value.setting == "backends.own.shop"


async def test_the_answer_names_a_data_centre_and_all_that_follows_goes_there() -> None:
    async with trip("own", BY_ANSWER) as one:
        association = await one.link()
        one.clock.advance(4000)
        await association.refresh_token()
        await one.browser.unlink("own")

    hosts = [urlsplit(asked.url).hostname for asked in one.fake.requests if asked.endpoints[0] != "/authorize"]
    assert set(hosts) == {"accounts.own.eu"}
    assert association.account["extra_data"] == {"place": "own.eu"}


@pytest.mark.parametrize("named", [{"location": "evil.example"}, {"location": "own.eu"}, {}])
async def test_an_answer_that_names_another_place_ends_the_flow(named: dict[str, str]) -> None:
    async with trip("own", BY_ANSWER) as one:
        begun = await one.browser.get("/associate/own/")
        url, _ = await one.fake.sends_back(begun.headers["location"])
        params = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items() if name != "location"}

        ended = await one.browser.get("/complete/own/", params=params | named)

        assert ended.status_code == 400
        assert await one.social.associations("7") == []
        assert one.fake.count("/token") == 0


def test_the_default_of_what_an_answer_names_holds_where_it_names_nothing() -> None:
    client = client_of(with_(vars={"place": {**PLACE, "default": "us"}}, token={"url": "https://{place}/token"}))

    assert chosen_by_answer(client, {}) == {"place": "own.com"}
    assert chosen_by_answer(client, {"location": "eu"}) == {"place": "own.eu"}


async def test_a_client_token_is_asked_about_at_the_default() -> None:
    proof = {"url": "https://{place}/about", "app": "app"}
    settings = with_(vars={"place": {**PLACE, "default": "eu"}}, verify=[proof])
    async with trip("own", settings) as one:
        assert await one.refusal(one.fake.issue_tokens("ada", client_id="another")["access_token"]) == "audience"


def test_what_was_chosen_is_held_to_the_pattern_again() -> None:
    client = client_of(BY_PERSON)

    assert of_stored(client, {"shop": "acme.shops.example"}).variables == {"shop": "acme.shops.example"}
    for odd in ({"shop": "evil.example"}, {"shop": 7}, {}):
        assert open_variables(of_stored(client, odd), "person").keys() == {"shop"}
    with pytest.raises(Refused):
        chosen_by_person(client, {})
    with pytest.raises(FlowRefused):
        chosen_by_answer(client_of(BY_ANSWER), {})


def asking() -> Conversation[int]:
    response = yield Request(endpoint="one", method="GET", url="https://acme.shops.example/")
    return response.status


def test_requests_to_a_host_that_others_chose_go_to_the_public_internet_alone() -> None:
    client = client_of(BY_PERSON)
    chosen = with_variables(client, {"shop": "acme.shops.example"})

    assert play(guarded(chosen, asking()), answer({})).asked[0].public
    assert not play(guarded(client, asking()), answer({})).asked[0].public
    assert with_variables(client, {}) is client


@pytest.mark.parametrize("host", ["localhost", "10.0.0.7"])
async def test_no_token_is_sent_inside_our_own_network_by_way_of_a_host_that_others_chose(host: str) -> None:
    async def never(*_: str) -> str:
        pytest.fail("a token is asked for")

    anywhere = PROVIDER | {"vars": {"shop": SHOP | {"pattern": ".+"}}}
    client = with_variables(client_of(with_(**anywhere) | {"ask_for": ["shop"]}), {"shop": host})
    transport = Transport(clock=ManualClock(), share=Background().share, development=False)
    transport.open()
    try:
        async with transport.authorized_client(client, never, never) as http:
            with pytest.raises(ProviderBroken, match="public internet"):
                await http.get(f"https://{host}/me")
    finally:
        await transport.close()


async def test_doctor_says_that_a_provider_is_somewhere_else_for_each_person() -> None:
    async with trip("own", BY_PERSON) as one:
        [finding] = [found for found in await _provider_findings(one.social) if found.check == "provider"]

    assert (finding.state, finding.message) == ("ok", "is somewhere else for each person, who names it when linking")
    assert one.fake.requests == []
