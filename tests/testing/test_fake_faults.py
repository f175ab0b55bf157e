"""The fake provider does wrong what it is told to, and nothing else."""

import asyncio
import base64
import json
from typing import Literal

import httpx
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError

from asgi_social.testing import FakeProvider, Faults, ManualClock
from tests.testing.asking import (
    CLIENT,
    USUAL_SCOPE,
    bearer,
    claims_in,
    differences,
    is_alive,
    location,
    params_in,
    renewal,
    renewed,
    tokens_from,
)


@pytest.mark.parametrize(
    ("faults", "changed"),
    [
        pytest.param(Faults(callback_issuer="https://other.example"), {"iss": "https://other.example"}, id="issuer"),
        pytest.param(Faults(no_callback_issuer=True), {"iss": None}, id="no issuer"),
        pytest.param(Faults(wrong_state=True), {"state": "fake-wrong-state"}, id="state"),
    ],
)
async def test_a_fault_in_the_redirect_changes_that_and_nothing_else(
    fake: FakeProvider, faults: Faults, changed: dict[str, str | None]
) -> None:
    right = params_in(await fake.consent(location()))
    fake.faults = faults

    wrong = params_in(await fake.consent(location()))

    differs = differences(right, wrong)
    assert differs.pop("code")  # each has its own
    assert differs == changed


@pytest.mark.parametrize(
    ("faults", "error"), [(Faults(deny=True), "access_denied"), (Faults(error="server_error"), "server_error")]
)
async def test_the_app_can_be_told_no_or_an_error_before_a_page_is_shown(
    fake: FakeProvider, http: httpx.AsyncClient, faults: Faults, error: str
) -> None:
    fake.faults = faults

    answer = await http.get(location())

    assert answer.status_code == 303
    assert params_in(answer.headers["location"])["error"] == error
    assert params_in(await fake.consent(location()))["error"] == error


async def test_the_metadata_can_be_another_issuers(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    fake.faults.metadata_issuer = "https://other.example"

    assert (await http.get("/.well-known/openid-configuration")).json()["issuer"] == "https://other.example"


@pytest.mark.parametrize(
    ("faults", "changed"),
    [
        pytest.param(Faults(), {}, id="none"),
        pytest.param(Faults(nonce="other"), {"nonce": "other"}, id="nonce"),
        pytest.param(Faults(no_nonce=True), {"nonce": None}, id="no nonce"),
        pytest.param(Faults(audience=["a", "b"]), {"aud": ["a", "b"]}, id="audience"),
        pytest.param(Faults(wrong_issuer=True), {"iss": "https://other-issuer.example"}, id="issuer"),
        pytest.param(Faults(id_token_sub="person-2"), {"sub": "person-2"}, id="sub"),
    ],
)
async def test_a_fault_in_an_id_token_changes_that_claim_and_nothing_else(
    fake: FakeProvider, http: httpx.AsyncClient, faults: Faults, changed: dict[str, object]
) -> None:
    right = await claims_in(http, fake.issue_tokens("ada", nonce="nonce-1")["id_token"])
    fake.faults = faults

    wrong = await claims_in(http, fake.issue_tokens("ada", nonce="nonce-1")["id_token"])

    differs = differences(right, wrong)
    assert differs.pop("at_hash")  # each has its own
    assert differs == changed


async def test_an_id_token_can_be_signed_by_a_stranger_in_the_name_of_the_published_key(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    fake.faults.signed_by_other_key = True

    id_token = fake.issue_tokens("ada")["id_token"]

    assert jws.extract_compact(id_token.encode()).headers()["kid"] == "key-1"
    with pytest.raises(BadSignatureError):
        await claims_in(http, id_token)


async def test_an_id_token_can_be_unsigned(fake: FakeProvider) -> None:
    fake.faults.alg_none = True

    header, payload, signature = fake.issue_tokens("ada")["id_token"].split(".")

    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "none", "typ": "JWT"}
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"] == "person-1"
    assert signature == ""


@pytest.mark.parametrize(
    ("faults", "left_out", "changed"),
    [
        pytest.param(Faults(no_access_token=True), {"access_token"}, {}, id="no access token"),
        pytest.param(Faults(no_refresh_token=True), {"refresh_token"}, {}, id="no refresh token"),
        pytest.param(Faults(token_type="mac"), set(), {"token_type": "mac"}, id="token_type"),
        pytest.param(Faults(expires_in="soon"), set(), {"expires_in": "soon"}, id="expires_in"),
        pytest.param(Faults(expires_in=None), set(), {"expires_in": None}, id="expires_in null"),
    ],
)
async def test_a_fault_in_the_token_answer_changes_that_and_nothing_else(
    fake: FakeProvider, http: httpx.AsyncClient, faults: Faults, left_out: set[str], changed: dict[str, object]
) -> None:
    fake.faults = faults

    said = await tokens_from(fake, http)

    usual = {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert said.keys() == usual - left_out
    plain = {"token_type": "Bearer", "expires_in": 3600, "scope": USUAL_SCOPE}
    assert {name: said[name] for name in plain} == plain | changed


REFUSALS = [
    pytest.param(Faults(token_status=500), 500, "temporarily_unavailable", id="500"),
    pytest.param(Faults(token_status=429, retry_after=7), 429, "temporarily_unavailable", id="429"),
    pytest.param(Faults(invalid_client=True), 401, "invalid_client", id="client"),
    pytest.param(Faults(invalid_grant=True), 400, "invalid_grant", id="grant"),
]


@pytest.mark.parametrize(("faults", "status", "error"), REFUSALS)
async def test_a_renewal_that_a_fault_refuses_spends_nothing(
    fake: FakeProvider, http: httpx.AsyncClient, faults: Faults, status: int, error: str
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults = faults

    answer = await renewed(http, tokens)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers.get("retry-after") == (None if faults.retry_after is None else "7")
    fake.faults = Faults()
    assert (await renewed(http, tokens)).status_code == 200


@pytest.mark.parametrize(
    ("faults", "status", "retry_after"),
    [pytest.param(Faults(down=True), 503, None, id="down"), pytest.param(Faults(limited=30), 429, "30", id="limited")],
)
@pytest.mark.parametrize("path", ["/token", "/userinfo", "/revoke", "/jwks", "/.well-known/openid-configuration"])
async def test_a_provider_that_is_down_or_limited_does_nothing_at_any_endpoint_of_the_apps(
    fake: FakeProvider, http: httpx.AsyncClient, faults: Faults, status: int, retry_after: str | None, path: str
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults = faults

    answer = await http.post(path, data=renewal(tokens), auth=CLIENT)

    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert tokens["refresh_token"] in fake.tokens["ada"]
    assert "code" in params_in(await fake.consent(location()))  # its page is for people


async def test_a_renewal_alone_is_refused_by_the_fault_invalid_grant(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    fake.faults.invalid_grant = True

    assert "access_token" in await tokens_from(fake, http)


async def test_another_body_goes_out_after_the_token_was_spent(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults.token_body = (b"<h1>Oops", "text/html")

    answer = await renewed(http, tokens)

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"<h1>Oops", "text/html")
    assert tokens["refresh_token"] not in fake.tokens["ada"]


async def test_another_body_with_a_status_goes_out_before_anything_is_spent(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults = Faults(token_body=(b"", "text/plain"), token_status=503)

    answer = await renewed(http, tokens)

    assert (answer.status_code, answer.content) == (503, b"")
    assert tokens["refresh_token"] in fake.tokens["ada"]


async def test_the_token_endpoint_acts_hangs_and_answers_when_it_is_released(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults.hang = True
    asking = asyncio.create_task(renewed(http, tokens))
    await fake.faults.hanging.wait()
    assert tokens["refresh_token"] not in fake.tokens["ada"]
    assert await is_alive(http, tokens)  # the other endpoints answer
    assert not asking.done()

    fake.faults.release.set()

    assert (await asking).status_code == 200


async def test_a_client_that_goes_away_does_not_undo_what_was_spent(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults.hang = True
    asking = asyncio.create_task(renewed(http, tokens))
    await fake.faults.hanging.wait()

    asking.cancel()
    await asyncio.wait([asking])
    fake.faults.release.set()

    assert asking.cancelled()
    assert tokens["refresh_token"] not in fake.tokens["ada"]
    assert fake.families_lost == 0


@pytest.mark.parametrize(
    ("faults", "changed"),
    [
        pytest.param(Faults(userinfo_sub="person-2"), {"sub": "person-2"}, id="sub"),
        pytest.param(Faults(no_userinfo_sub=True), {"sub": None}, id="no sub"),
        pytest.param(Faults(no_email=True), {"email": None, "email_verified": None}, id="no email"),
    ],
)
async def test_a_fault_at_userinfo_changes_that_and_nothing_else(
    fake: FakeProvider, http: httpx.AsyncClient, faults: Faults, changed: dict[str, str | None]
) -> None:
    tokens = fake.issue_tokens("ada")
    right = (await http.get("/userinfo", headers=bearer(tokens))).json()
    fake.faults = faults

    wrong = (await http.get("/userinfo", headers=bearer(tokens))).json()

    assert differences(right, wrong) == changed


async def test_userinfo_and_revocation_can_be_out_of_order(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults = Faults(userinfo_status=503, revocation_status=502, retry_after="Wed, 21 Oct 2037 07:28:00 GMT")

    told = await http.get("/userinfo", headers=bearer(tokens))
    revoked = await http.post("/revoke", data={"token": tokens["refresh_token"]}, auth=CLIENT)

    assert (told.status_code, told.headers["retry-after"]) == (503, "Wed, 21 Oct 2037 07:28:00 GMT")
    assert revoked.status_code == 502
    assert len(fake.tokens["ada"]) == 2


async def test_endpoints_can_redirect_and_do_nothing(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults.redirect_to = "https://evil.example/token"

    answers = [await renewed(http, tokens), await http.get("/userinfo", headers=bearer(tokens))]

    expected = (307, "https://evil.example/token")
    assert [(answer.status_code, answer.headers["location"]) for answer in answers] == [expected, expected]
    assert (await http.get("/jwks")).status_code == 200
    assert tokens["refresh_token"] in fake.tokens["ada"]


async def test_a_huge_body_is_as_long_as_it_should_be(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    fake.faults = Faults(huge_body=150_000, where=["/jwks"])

    assert len((await http.get("/jwks")).content) == 150_000


async def test_a_huge_body_comes_in_pieces_and_ends_with_the_reader(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    fake.faults = Faults(huge_body=10**15, where=["/jwks"])
    others = asyncio.all_tasks()

    async with http.stream("GET", "/jwks") as answer:
        first = await anext(answer.aiter_raw())
        providing = asyncio.all_tasks() - others
    await asyncio.wait(providing)

    assert 0 < len(first) < 100_000


async def test_a_body_can_drip_one_byte_a_second_by_the_clock(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    fake.faults = Faults(drip=True, where=["/introspect"])
    asking = asyncio.create_task(http.post("/introspect", data={"token": "x"}, auth=CLIENT))

    whole = b'{"active":false}'
    for _ in whole:
        await clock.until_asleep()
        assert not asking.done()
        clock.advance(1)

    assert (await asking).content == whole
    assert clock.monotonic() == 16


@pytest.mark.parametrize(("cut", "alive"), [("before", 2), ("after", 3)])
async def test_a_connection_can_be_cut_before_or_after_the_endpoint_acts(
    fake: FakeProvider, http: httpx.AsyncClient, cut: Literal["before", "after"], alive: int
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults.cut = cut

    with pytest.raises(httpx.RemoteProtocolError):
        await renewed(http, tokens)

    assert len(fake.tokens["ada"]) == alive  # with the new access token, where it has acted
