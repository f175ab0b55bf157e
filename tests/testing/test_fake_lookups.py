"""A token opens what it was granted for, to the app it was issued to, until it ends."""

import httpx
import pytest
from joserfc.errors import InvalidKeyIdError

from asgi_social.testing import FakeProvider, ManualClock, Person
from asgi_social.testing.clock import START
from tests.testing.asking import CLIENT, ISSUER, bearer, claims_in


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_tells_what_the_scope_opens(fake: FakeProvider, http: httpx.AsyncClient, method: str) -> None:
    whole = fake.issue_tokens("ada")
    little = fake.issue_tokens("layla", scope=["openid"])
    nameless = fake.issue_tokens("grace", scope=["email", "profile"])

    answers = [await http.request(method, "/userinfo", headers=bearer(tokens)) for tokens in (whole, little, nameless)]

    assert answers[0].json() == {
        "sub": "person-1",
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "preferred_username": "ada",
        "picture": "https://people.example/ada.png",
        "email": "ada@people.example",
        "email_verified": True,
    }
    assert answers[1].json() == {"sub": "person-2"}
    assert "picture" not in answers[2].json()
    assert answers[2].json()["email_verified"] is False


async def test_a_person_without_an_address_has_none_that_is_verified() -> None:
    fake = FakeProvider(people=[Person(sub="1", username="bob", email_verified=True)])
    async with httpx.AsyncClient(transport=fake.transport(), base_url=ISSUER) as http:
        answer = await http.get("/userinfo", headers=bearer(fake.issue_tokens("bob")))

    assert answer.json() == {"sub": "1", "preferred_username": "bob"}


@pytest.mark.parametrize("path", ["/userinfo", "/token-info"])
@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        pytest.param({}, 'Bearer realm="fake"', id="none"),
        pytest.param({"Authorization": "Bearer "}, 'Bearer realm="fake"', id="empty"),
        pytest.param({"Authorization": "Basic x"}, 'Bearer realm="fake"', id="basic"),
        pytest.param({"Authorization": "Bearer x"}, 'Bearer realm="fake", error="invalid_token"', id="unknown"),
    ],
)
async def test_without_a_good_bearer_token_nothing_is_told(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], challenge: str
) -> None:
    answer = await http.get(path, headers=headers)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, challenge)


async def test_a_token_in_the_url_or_the_body_is_refused_even_with_a_good_header(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada")
    parameter = {"access_token": tokens["access_token"]}

    answers = [
        await http.get("/userinfo", params=parameter, headers=bearer(tokens)),
        await http.post("/userinfo", data=parameter, headers=bearer(tokens)),
    ]

    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(400, "invalid_request")] * 2


async def test_a_refresh_token_opens_nothing(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    answer = await http.get(
        "/userinfo", headers={"Authorization": f"Bearer {fake.issue_tokens('ada')['refresh_token']}"}
    )

    assert answer.status_code == 401


async def test_a_look_up_names_the_app_the_person_and_the_rest_of_the_lifetime(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    tokens = fake.issue_tokens("ada", client_id="foreign", scope=["profile"])
    clock.advance(600)

    answer = await http.get("/token-info", headers=bearer(tokens))

    assert answer.json() == {
        "client_id": "foreign",
        "app_id": "foreign",
        "sub": "person-1",
        "scope": "profile",
        "expires_in": 3000,
        "exp": int(START) + 3600,
    }


async def test_introspection_tells_all_of_a_good_token_and_nothing_of_another(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada", client_id="foreign", scope=["profile"])
    looked_up = [tokens["access_token"], tokens["refresh_token"], "fake-access-guessed"]

    access, refresh, guessed = [
        (await http.post("/introspect", data={"token": value}, auth=CLIENT)).json() for value in looked_up
    ]

    assert access == {
        "active": True,
        "client_id": "foreign",
        "aud": "foreign",
        "iss": ISSUER,
        "sub": "person-1",
        "username": "ada",
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
        "token_type": "Bearer",
        "scope": "profile",
    }
    assert (refresh["active"], refresh["client_id"], "token_type" in refresh) == (True, "foreign", False)
    assert guessed == {"active": False}


async def test_revoking_an_access_token_ends_it_alone(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = fake.issue_tokens("ada")

    answer = await http.post("/revoke", data={"token": tokens["access_token"]}, auth=CLIENT)

    assert (answer.status_code, answer.content) == (200, b"")
    assert fake.tokens["ada"] == [tokens["refresh_token"]]


async def test_revoking_a_refresh_token_ends_its_family(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens, other = fake.issue_tokens("ada"), fake.issue_tokens("ada")

    await http.post("/revoke", data={"token": tokens["refresh_token"]}, auth=CLIENT)

    assert fake.tokens["ada"] == [other["access_token"], other["refresh_token"]]


async def test_revoking_what_is_not_known_is_done_and_what_is_another_clients_is_refused(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada", client_id="phone")

    unknown = await http.post("/revoke", data={"token": "x"}, auth=CLIENT)
    refused = await http.post("/revoke", data={"token": tokens["refresh_token"]}, auth=CLIENT)

    assert unknown.status_code == 200
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert len(fake.tokens["ada"]) == 2


async def test_revoke_all_ends_one_persons_tokens(fake: FakeProvider) -> None:
    for person in ("ada", "layla"):
        fake.issue_tokens(person)

    fake.revoke_all(fake.people[0])

    assert {name: len(values) for name, values in fake.tokens.items()} == {"ada": 0, "layla": 2, "grace": 0}


async def test_issued_tokens_are_as_a_phone_app_gets_them(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = fake.issue_tokens("layla", client_id="phone", nonce="nonce-2")
    without_openid = fake.issue_tokens("layla", scope=["profile"])

    claims = await claims_in(http, tokens["id_token"])

    assert (claims["sub"], claims["aud"], claims["nonce"]) == ("person-2", "phone", "nonce-2")
    assert tokens["token_type"] == "Bearer"
    assert "id_token" not in without_openid
    assert "nonce" not in await claims_in(http, fake.issue_tokens("ada")["id_token"])


async def test_a_rotated_key_signs_from_now_on_and_the_old_one_is_dropped(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    old = fake.issue_tokens("ada")["id_token"]

    fake.rotate_keys()

    keys = (await http.get("/jwks")).json()["keys"]
    assert [key["kid"] for key in keys] == ["key-2"]
    assert (await claims_in(http, fake.issue_tokens("ada")["id_token"]))["sub"] == "person-1"
    with pytest.raises(InvalidKeyIdError):
        await claims_in(http, old)
