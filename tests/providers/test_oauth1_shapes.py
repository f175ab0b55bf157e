"""Each provider of OAuth 1.0a, played by a fake in its own shape that checks every signature, nonce and token."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from asgi_social import CannotRenew, providers
from tests.testing.trips import SECRET, Trip, settings_of, trip

SIGNED = [one for one in map(providers.provider, providers.names()) if one.protocol == "oauth1"]
# One with steps of its own has tests of its own.
LINKED = [one.name for one in SIGNED if "redirect" in one.flows and one.code is None]
ASKED = [name for name in LINKED if providers.provider(name).userinfo.source == "request"]
OTHER_PEM = RSAKey.generate_key(2048).as_pem(private=True).decode()


def played(name: str, **known_there: Any) -> AbstractAsyncContextManager[Trip]:
    """Open an engine with this backend alone."""
    return trip(name, settings_of(providers.provider(name)), known_there=known_there)


def short(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Give status, code and reason of a refusal."""
    said = answer.json()
    return answer.status_code, said["code"], said.get("reason")


async def begun(one: Trip) -> str:
    """Begin a flow, and give where the browser is sent."""
    answer = await one.browser.get(f"/associate/{one.name}/")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def with_(url: str, **params: str) -> str:
    """Give an answer with other parameters."""
    base, _, query = url.partition("?")
    return f"{base}?{urlencode({**dict(parse_qsl(query)), **params})}"


def state_and_token(url: str) -> Iterator[str]:
    """Give what an answer says of its flow."""
    query = parse_qs(urlsplit(url).query)
    yield from (query[name][0] for name in ("state", "oauth_token"))


@pytest.mark.parametrize("name", LINKED)
async def test_who_says_no_there_has_nothing_linked(name: str) -> None:
    async with played(name) as one:
        answer = await one.browser.get(await one.fake.consent(await begun(one), deny=True))

        assert short(answer)[:2] == (403, "consent_denied")
        assert await one.social.associations("7") == []


@pytest.mark.parametrize("name", LINKED)
async def test_an_answer_is_good_once(name: str) -> None:
    async with played(name) as one:
        url = await one.fake.consent(await begun(one))
        cookies = list(one.browser.cookies.items())
        first = await one.browser.get(url)
        for cookie, value in cookies:  # which the first answer took away
            one.browser.cookies.set(cookie, value)

        second = await one.browser.get(url)

        assert (first.status_code, short(second)) == (303, (400, "flow_refused", "spent"))
        assert one.fake.count("/token") == 1


@pytest.mark.parametrize("name", LINKED)
async def test_sr_c16_an_answer_with_the_token_of_another_flow_is_refused(name: str) -> None:
    async with played(name) as one:
        ours = await one.fake.consent(await begun(one))
        theirs = await one.fake.consent(await begun(one), person="layla")
        _, their_token = state_and_token(theirs)

        answer = await one.browser.get(with_(ours, oauth_token=their_token))

        assert short(answer) == (400, "flow_refused", "state")
        assert one.fake.count("/token") == 0
        assert await one.social.associations("7") == []


@pytest.mark.parametrize("name", LINKED)
async def test_sr_c16_a_verifier_of_another_flow_is_refused_there(name: str) -> None:
    async with played(name) as one:
        ours = await one.fake.consent(await begun(one))
        theirs = await one.fake.consent(await begun(one), person="layla")

        answer = await one.browser.get(
            with_(ours, oauth_verifier=parse_qs(urlsplit(theirs).query)["oauth_verifier"][0])
        )

        assert answer.status_code == 502
        assert await one.social.associations("7") == []


@pytest.mark.parametrize("name", LINKED)
async def test_another_secret_makes_another_signature_and_no_flow_begins(name: str) -> None:
    rules = providers.provider(name).oauth1
    other = OTHER_PEM if rules is not None and rules.signature == "RSA-SHA1" else f"{SECRET}!"
    async with played(name, client_secret=other) as one:
        answer = await one.browser.get(f"/associate/{name}/")

    assert short(answer) == (502, "provider_refused", None)
    assert one.fake.tokens["ada"] == []


@pytest.mark.parametrize("name", LINKED)
async def test_tokens_are_never_renewed(name: str) -> None:
    async with played(name) as one:
        association = await one.link()

        assert association._row.token_type == "oauth1"
        assert one.fake.tokens["ada"] == [await association.get_access_token()]
        with pytest.raises(CannotRenew):
            await association.refresh_token()


@pytest.mark.parametrize("name", ASKED)
async def test_an_associations_client_signs_what_it_asks(name: str) -> None:
    async with played(name) as one:
        association = await one.link()
        asked = one.fake.requests[-1]
        async with association.client() as client:
            answer = await client.request(asked.method, asked.url, params=dict(asked.query))

        assert answer.status_code == 200
        assert one.fake.requests[-1].headers["authorization"].startswith("OAuth ")
