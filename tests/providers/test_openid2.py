"""Each provider of OpenID 2.0 of the catalogue, played by a fake at its own addresses, through the middleware."""

import pytest

from asgi_social import providers
from tests.app import query_of
from tests.providers.openid2_visits import PLAYERS, visit

NAMES = [
    name
    for name in providers.names()
    if providers.provider(name).protocol == "openid2" and providers.provider(name).retired is None
]


@pytest.mark.parametrize("name", NAMES)
async def test_an_account_is_linked_by_an_answer_that_the_provider_takes_for_its_own(name: str) -> None:
    async with visit(name) as one:
        association = await one.browser.link(name, person="ada")

    assert association.uid == one.fake.uid_of("ada")
    assert association.account["username"] == ("Countess" if name == "steam" else "ada")
    assert association.account["email"] == ("" if name == "steam" else "ada@people.example")
    assert association.account["email_verified"] is False


@pytest.mark.parametrize("name", NAMES)
async def test_two_people_are_two_accounts(name: str) -> None:
    async with visit(name) as one:
        first, second = await one.browser.link(name), await one.browser.link(name, person="layla")

    assert first.uid != second.uid


@pytest.mark.parametrize("name", NAMES)
async def test_who_says_no_is_not_linked(name: str) -> None:
    async with visit(name) as one:
        told = await one.answered(await one.answer(deny=True))

        assert told == (403, "consent_denied", None)
        assert await one.social.associations("7") == []


@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_is_good_once(name: str) -> None:
    async with visit(name) as one:
        url = await one.answer()
        first, second = await one.answered(url), await one.answered(url)

    assert (first[0], second) == (303, (400, "flow_refused", "missing"))


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_unlinked_without_a_word_to_the_provider(name: str) -> None:
    async with visit(name) as one:
        await one.browser.link(name)
        asked = len(one.fake.requests)

        await one.browser.unlink(name)

    assert len(one.fake.requests) == asked


async def test_steam_without_a_key_of_the_web_api_is_not_asked_for_a_profile() -> None:
    async with visit("steam", api_key=None) as one:
        association = await one.browser.link("steam")

    assert association.account["username"] is None
    assert association.uid.isdigit()
    assert not any(str(request.url).startswith(PLAYERS) for request in one.fake.requests)


async def test_an_answer_that_is_posted_is_taken_like_any_other() -> None:
    async with visit("ubuntu") as one:
        url = await one.answer()
        target, _, query = url.partition("?")
        form = query_of(url)
        state = form.pop("state")

        carried = await one.browser.post(f"{target}?state={state}", data=form)
        done = await one.browser.get(carried.headers["location"])

        assert query.startswith("state=")
        assert (carried.status_code, done.status_code) == (303, 303)
        assert len(await one.social.associations("7")) == 1


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("openid", "openid_identifier", "https://people.example/ada"), ("livejournal", "openid_lj_user", "ada")],
)
async def test_the_person_says_whose_account_it_is(name: str, field: str, value: str) -> None:
    async with visit(name, without=field) as one:
        asked = await one.browser.get(f"/associate/{name}/")
        begun = await one.browser.get(f"/associate/{name}/", params={field: value})
        url, _ = await one.fake.sends_back(begun.headers["location"], person="ada")

        done = await one.browser.get(url)

        assert (asked.status_code, begun.status_code, done.status_code) == (200, 303, 303)
        [association] = await one.social.associations("7")

    assert association.uid == one.fake.uid_of("ada")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("http://people.example/ada", id="http"),
        pytest.param("https://ada@people.example", id="user info"),
        pytest.param("https://people.example/?a=b", id="query"),
        pytest.param("https://people.example/#a", id="fragment"),
        pytest.param("=ada", id="xri"),
        pytest.param("people.example", id="no scheme"),
    ],
)
async def test_an_identifier_that_is_no_plain_https_address_is_refused(value: str) -> None:
    async with visit("openid", without="openid_identifier") as one:
        answer = await one.browser.get("/associate/openid/", params={"openid_identifier": value})

        assert answer.status_code == 400
        assert one.fake.requests == []
