"""What a user expects of the defaults: expectations 13 to 19, where no other test holds them."""

from typing import Any

import httpx
import pytest

from asgi_social import Social
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import app_of, browser, github, linked, query_of, settings
from tests.engines import corp, engine, settled
from tests.security.doors import other


async def test_with_nothing_set_every_protection_is_on() -> None:
    """Expectation 13: PKCE, state, nonce, sealed tokens, and revocation when an account is unlinked."""
    store = MemoryRepository()
    async with corp(database=store) as (social, fake), browser(app_of(social)) as client:
        location = (await client.get("/associate/corp/")).headers["location"]
        await client.get(await fake.consent(location))
        [row] = await store.of_user("ada")
        [association] = await social.associations("ada")
        token = await association.get_access_token()
        await social.disconnect("ada")
        await settled(social)

    asked = query_of(location)
    assert asked["code_challenge_method"] == "S256"
    assert all(asked[name] for name in ("state", "nonce", "code_challenge"))
    assert row.access_token.startswith("v1.")
    assert token not in f"{row.access_token}{row.refresh_token}{row.id_token}{row.account}"
    assert fake.count("/revoke") == 1


async def test_an_answer_without_the_issuer_that_was_promised_is_refused_with_nothing_set() -> None:
    """Expectation 13: the ``iss`` check."""
    async with corp() as (social, fake), browser(app_of(social)) as client:
        back = await fake.consent((await client.get("/associate/corp/")).headers["location"])
        answer = await client.get(back.replace("iss=", "was="), headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["reason"]) == (400, "issuer")


@pytest.mark.parametrize("left_out", [{}, {"allow_unbound_tokens": False}], ids=["left out", "False"])
async def test_nothing_is_turned_off_by_leaving_a_value_out(left_out: dict[str, Any]) -> None:
    """Expectation 14: a token that nothing proves is refused until the setting says otherwise by its name."""
    async with Social(**settings(backends={"other": {**other(), **left_out}}, embedded_users=True)) as social:
        with pytest.raises(Exception, match="nothing shows"):
            await social.backend("other").do_auth("a-token")


@pytest.mark.parametrize("empty", [None, "", 0], ids=["None", "empty", "0"])
def test_a_value_that_is_none_turns_nothing_off_and_is_a_fault(empty: object) -> None:
    """Expectation 14."""
    backend = {"client_id": "i", "client_secret": "s", "allow_unbound_tokens": empty}

    with pytest.raises(Exception, match="allow_unbound_tokens is "):
        Social(**settings(backends={"github": backend}))


async def test_associating_makes_no_user_and_signs_nobody_in() -> None:
    """Expectation 16: no row of a user, and no cookie but our own of flow and message."""
    store = MemoryRepository()
    async with (
        Social(**settings(database=store, embedded_users=True, sign_up="allow")) as social,
        browser(app_of(social)) as client,
    ):
        answer = await linked(client)

    assert answer.status_code == 303
    assert await store.user("ada") is None
    assert [line for line in answer.headers.get_list("set-cookie") if not line.startswith("__Host-social_")] == []


async def test_signing_in_by_a_token_links_nothing_to_who_is_signed_in() -> None:
    """Expectation 16: a token of an account that is nobody's stays nobody's."""
    store = MemoryRepository()
    async with engine(database=store, embedded_users=True) as social:
        assert await social.backend("github").do_auth("gho_secret") is None

        assert await store.find(backend="github", authority="", uid="583231") is None


def nameless(request: httpx.Request) -> httpx.Response:
    """Answer as GitHub does for a person who has neither name nor address, or hides both."""
    if request.url.path == "/user":
        return httpx.Response(200, json={"id": 7, "login": None, "name": None, "email": None})
    if request.url.path == "/user/emails":
        return httpx.Response(404)
    return github(request)


async def test_an_account_without_name_and_address_is_linked_and_shown() -> None:
    """Expectation 19."""
    async with Social(**settings(nameless)) as social:
        async with browser(app_of(social)) as client:
            answer = await linked(client)
            page = await client.get("/associate/")
        [association] = await social.associations("ada")

    assert (answer.status_code, page.status_code) == (303, 200)
    assert (association.username, association.email or None, association.fullname) == (None, None, None)


async def test_a_person_of_an_openid_provider_without_name_and_address_is_linked() -> None:
    """Expectation 19, where the account is read from an ID token and userinfo."""
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    fake.faults.no_email = True
    values: dict[str, Any] = {"backends": {"corp": fake.backend_settings()}, "clock": clock}
    http_client = httpx.AsyncClient(transport=fake.transport())
    async with Social(**settings(**values, http_client=http_client)) as social, browser(app_of(social)) as client:
        location = (await client.get("/associate/corp/")).headers["location"]
        answer = await client.get(await fake.consent(location))
        [association] = await social.associations("ada")

    assert (answer.status_code, association.email) == (303, None)
