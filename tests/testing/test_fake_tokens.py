"""A code is good once, a refresh token too, and their reuse ends what came from them."""

import httpx
import pytest

from asgi_social.testing import FakeProvider, ManualClock
from asgi_social.testing.fake_keys import half_hash
from asgi_social.testing.fake_tokens import s256
from tests.testing.asking import (
    APP,
    CLIENT,
    ISSUER,
    bearer,
    claims_in,
    code_form,
    code_from,
    exchanged,
    is_alive,
    renewed,
    tokens_from,
)


async def test_a_code_is_exchanged_for_tokens_that_nobody_stores(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    answer = await exchanged(http, await code_from(fake))

    said = answer.json()
    assert said.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 3600, "openid profile email")
    assert answer.headers["cache-control"] == "no-store"


async def test_the_id_token_is_of_this_person_client_flow_and_access_token(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    code = await code_from(fake)
    clock.advance(5)
    said = (await exchanged(http, code)).json()

    claims = await claims_in(http, said["id_token"])

    assert claims.pop("marker").strip()
    assert claims == {
        "iss": ISSUER,
        "sub": "person-1",
        "aud": "fake-client",
        "exp": 1_800_003_605,
        "iat": 1_800_000_005,
        "auth_time": 1_800_000_000,
        "nonce": "nonce-1",
        "at_hash": half_hash(said["access_token"], alg="RS256"),
    }


def test_at_hash_is_the_left_half_of_the_sha_256() -> None:
    # The example of OpenID Connect Core, appendix A.3.
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", alg="RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


async def test_without_openid_there_is_no_id_token_and_without_a_scope_the_default_is_granted(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    said = await tokens_from(fake, http, scope=None)

    assert said["scope"] == "profile email"
    assert "id_token" not in said


BAD_CODES = [
    pytest.param({"redirect_uri": None}, id="no redirect_uri"),
    pytest.param({"redirect_uri": APP + "x"}, id="another redirect_uri"),
    pytest.param({"code_verifier": None}, id="no verifier"),
    pytest.param({"code_verifier": "w" * 43}, id="another verifier"),
    pytest.param({"code_verifier": "v" * 42}, id="short verifier"),
    pytest.param({"code": "fake-code-ada-1-guessed"}, id="guessed code"),
]


@pytest.mark.parametrize("changes", BAD_CODES)
async def test_a_code_is_bound_to_its_redirect_uri_and_its_challenge(
    fake: FakeProvider, http: httpx.AsyncClient, changes: dict[str, str | None]
) -> None:
    answer = await http.post("/token", data=code_form(await code_from(fake), changes), auth=CLIENT)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert fake.tokens["ada"] == []


async def test_a_code_is_exchanged_with_the_right_verifier_even_where_it_is_as_long_as_can_be(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    code = await code_from(fake, code_challenge=s256("~" * 128))

    answer = await exchanged(http, code, code_verifier="~" * 128)

    assert answer.status_code == 200


async def test_a_verifier_that_is_too_short_is_refused_even_where_it_is_the_right_one(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    code = await code_from(fake, code_challenge=s256("v" * 42))

    answer = await exchanged(http, code, code_verifier="v" * 42)

    assert answer.json()["error"] == "invalid_grant"


def test_a_challenge_is_made_as_in_the_example_of_the_rfc() -> None:
    # RFC 7636, appendix B.
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_verifier_without_a_challenge_before_it_is_refused(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    plain = {"code_challenge": None, "code_challenge_method": None}

    refused = await exchanged(http, await code_from(fake, **plain))
    taken = await exchanged(http, await code_from(fake, **plain), code_verifier=None)

    assert (refused.json()["error"], taken.status_code) == ("invalid_grant", 200)


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
async def test_a_code_lives_for_a_minute(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock, seconds: float, status: int
) -> None:
    code = await code_from(fake)
    clock.advance(seconds)

    answer = await exchanged(http, code)

    assert answer.status_code == status


async def test_a_code_of_another_client_is_refused_and_stays_good(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    fake.add_client("phone", "other")
    code = await code_from(fake)

    refused = await http.post("/token", data=code_form(code), auth=("phone", "other"))
    taken = await exchanged(http, code)

    assert (refused.json()["error"], taken.status_code) == ("invalid_grant", 200)


async def test_a_code_used_again_ends_the_tokens_made_from_it(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    code = await code_from(fake)
    tokens = (await exchanged(http, code)).json()

    again = await exchanged(http, code)

    assert again.json()["error"] == "invalid_grant"
    assert not await is_alive(http, tokens)
    assert (await renewed(http, tokens)).json()["error"] == "invalid_grant"
    assert (fake.tokens["ada"], fake.families_lost) == ([], 0)


async def test_a_code_that_was_shown_with_a_wrong_verifier_is_spent(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    code = await code_from(fake)
    await exchanged(http, code, code_verifier="w" * 43)

    answer = await exchanged(http, code)

    assert answer.json()["error"] == "invalid_grant"


async def test_a_code_is_dead_once_access_was_taken_away(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    code = await code_from(fake)
    fake.revoke_all("ada")

    answer = await exchanged(http, code)

    assert answer.json()["error"] == "invalid_grant"


async def test_a_refresh_token_comes_without_being_asked_for(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    assert "refresh_token" in await tokens_from(fake, http)


@pytest.mark.parametrize(
    ("changes", "given"),
    [
        pytest.param({}, set(), id="not asked"),
        pytest.param({"scope": "openid offline_access"}, {"refresh_token"}, id="by scope"),
        pytest.param({"access_type": "offline"}, {"refresh_token"}, id="by access_type"),
        pytest.param({"access_type": "online"}, set(), id="online"),
    ],
)
async def test_a_refresh_token_can_be_one_that_has_to_be_asked_for(
    fake: FakeProvider, http: httpx.AsyncClient, changes: dict[str, str | None], given: set[str]
) -> None:
    fake.always_refresh_token = False

    tokens = await tokens_from(fake, http, **changes)

    assert tokens.keys() & {"refresh_token"} == given


async def test_a_renewal_gives_new_tokens_and_an_id_token_without_nonce(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    tokens = await tokens_from(fake, http)
    clock.advance(100)

    answer = await renewed(http, tokens)

    said = answer.json()
    claims = await claims_in(http, said["id_token"])
    assert said["access_token"] != tokens["access_token"]
    assert said["refresh_token"] != tokens["refresh_token"]
    assert answer.headers["cache-control"] == "no-store"
    assert (claims["sub"], claims["iat"], claims["auth_time"]) == ("person-1", 1_800_000_100, 1_800_000_000)
    assert "nonce" not in claims


async def test_a_refresh_token_used_again_ends_the_whole_family_once(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_from(fake, http)
    other = await tokens_from(fake, http)
    newer = (await renewed(http, tokens)).json()

    again = [(await renewed(http, tokens)).json()["error"] for _ in range(2)]

    assert again == ["invalid_grant", "invalid_grant"]
    assert not await is_alive(http, newer)
    assert (await renewed(http, newer)).json()["error"] == "invalid_grant"
    assert fake.families_lost == 1
    assert await is_alive(http, other)


async def test_a_provider_that_does_not_rotate_takes_the_same_token_again(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    fake.rotates = False
    tokens = await tokens_from(fake, http)

    answers = [await renewed(http, tokens) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all("refresh_token" not in answer.json() for answer in answers)
    assert fake.families_lost == 0


async def test_the_scope_may_shrink_and_never_grow(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = await tokens_from(fake, http)

    more = await renewed(http, tokens, scope="openid admin")
    less = await renewed(http, tokens, scope="profile")
    whole = await renewed(http, less.json())

    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")
    assert (less.json()["scope"], "id_token" in less.json()) == ("profile", False)
    assert whole.json()["scope"] == "openid profile email"


async def test_a_refresh_token_of_another_client_or_of_nobody_is_refused(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    fake.add_client("phone", "other")
    tokens = fake.issue_tokens("ada", client_id="phone")

    answers = [await renewed(http, tokens), await renewed(http, {"refresh_token": "fake-refresh-guessed"})]

    assert [answer.json()["error"] for answer in answers] == ["invalid_grant", "invalid_grant"]
    assert fake.families_lost == 0
    assert tokens["refresh_token"] in fake.tokens["ada"]


async def test_an_access_token_lives_as_long_as_it_is_said_to(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    tokens = fake.issue_tokens("ada")

    clock.advance(3599)
    assert await is_alive(http, tokens)
    clock.advance(1)

    assert not await is_alive(http, tokens)


async def test_a_provider_without_a_lifetime_says_none_and_its_tokens_never_end(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    fake.lifetime = None
    tokens = await tokens_from(fake, http)
    clock.advance(10**9)

    looked_up = await http.get("/token-info", headers=bearer(tokens))
    introspected = await http.post("/introspect", data={"token": tokens["access_token"]}, auth=CLIENT)

    assert "expires_in" not in tokens | looked_up.json()
    assert introspected.json()["active"] is True
    assert "exp" not in introspected.json()
