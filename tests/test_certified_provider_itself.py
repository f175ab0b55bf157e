"""The certified provider does what the tests against it rely on; nothing of ours takes part in it."""

import base64
import hashlib
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import httpx
import pytest

from tests import certified
from tests.certified import CertifiedProvider, consent, deny, running_provider

pytestmark = pytest.mark.node

certified_provider = certified.certified_provider

OFFLINE = {"scope": "openid email profile offline_access", "prompt": "consent"}
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def authorization_request(provider: CertifiedProvider, **changed: str | None) -> str:
    params = {
        "client_id": provider.client_id,
        "redirect_uri": provider.redirect_uris[0],
        "response_type": "code",
        "scope": "openid email profile",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changed
    query = httpx.QueryParams({name: value for name, value in params.items() if value is not None})
    return f"{provider.issuer}/auth?{query}"


def callback(address: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


def basic(provider: CertifiedProvider) -> dict[str, str]:
    # RFC 6749 section 2.3.1: both halves are form-encoded before they are joined.
    pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def code_form(provider: CertifiedProvider, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.redirect_uris[0],
        "code_verifier": VERIFIER,
    }


async def post(http: httpx.AsyncClient, provider: CertifiedProvider, path: str, **form: str) -> httpx.Response:
    return await http.post(f"{provider.issuer}{path}", data=form, headers=basic(provider))


async def renew(http: httpx.AsyncClient, provider: CertifiedProvider, refresh_token: str) -> httpx.Response:
    return await post(http, provider, "/token", grant_type="refresh_token", refresh_token=refresh_token)


async def tokens_of(
    http: httpx.AsyncClient, provider: CertifiedProvider, *, login: str = "ada", asked: Mapping[str, str] = OFFLINE
) -> dict[str, Any]:
    address = await consent(http, authorization_request(provider, **asked), login=login)
    response = await post(http, provider, "/token", **code_form(provider, callback(address)["code"]))
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def userinfo(http: httpx.AsyncClient, provider: CertifiedProvider, access_token: str) -> httpx.Response:
    return await http.get(f"{provider.issuer}/me", headers={"Authorization": f"Bearer {access_token}"})


def part_of(token: str, index: int) -> dict[str, Any]:
    part = token.split(".")[index]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))  # type: ignore[no-any-return]


async def test_the_metadata_name_the_issuer_under_which_they_were_asked_for(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    metadata = (await http.get(f"{certified_provider.issuer}/.well-known/openid-configuration")).json()

    assert metadata["issuer"] == certified_provider.issuer
    assert urlsplit(metadata["issuer"]).hostname == "127.0.0.1"
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert {"revocation_endpoint", "introspection_endpoint", "userinfo_endpoint"} <= metadata.keys()


async def test_consent_brings_the_browser_back_with_a_code_the_state_and_the_issuer(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    address = await consent(http, authorization_request(certified_provider), login="ada")

    assert address.startswith(f"{certified_provider.redirect_uris[0]}?")
    assert callback(address).keys() == {"code", "state", "iss"}
    assert callback(address)["state"] == "the state"
    assert callback(address)["iss"] == certified_provider.issuer


async def test_denial_brings_the_browser_back_with_access_denied(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    address = await deny(http, authorization_request(certified_provider))

    assert address.startswith(f"{certified_provider.redirect_uris[0]}?")
    assert callback(address)["error"] == "access_denied"
    assert callback(address)["state"] == "the state"


async def test_a_browser_that_is_known_is_sent_back_without_a_page(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    await consent(http, authorization_request(certified_provider), login="ada")

    address = await deny(http, authorization_request(certified_provider))

    assert "code" in callback(address)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"redirect_uri": "http://localhost:8000/elsewhere/"}, "invalid_redirect_uri", id="redirect_uri"),
        pytest.param({"client_id": "app-three"}, "invalid_client", id="client"),
    ],
)
async def test_an_error_page_is_an_assertion_that_says_what_it_says(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient, changed: dict[str, str], says: str
) -> None:
    with pytest.raises(AssertionError, match=says):
        await consent(http, authorization_request(certified_provider, **changed), login="ada")


async def test_nobody_but_the_accounts_signs_in(certified_provider: CertifiedProvider, http: httpx.AsyncClient) -> None:
    with pytest.raises(AssertionError):
        await consent(http, authorization_request(certified_provider), login="nobody")


async def test_a_page_that_is_neither_sign_in_nor_consent_gets_no_answer(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    location = authorization_request(certified_provider, response_mode="form_post")

    with pytest.raises(AssertionError, match="no answer is left"):
        await consent(http, location, login="ada")


async def test_a_request_without_pkce_is_refused(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    location = authorization_request(certified_provider, code_challenge=None, code_challenge_method=None)

    address = await consent(http, location, login="ada")

    assert callback(address)["error"] == "invalid_request"


async def test_a_code_is_refused_with_another_verifier(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    address = await consent(http, authorization_request(certified_provider), login="ada")
    form = code_form(certified_provider, callback(address)["code"]) | {"code_verifier": secrets.token_urlsafe(48)}

    response = await post(http, certified_provider, "/token", **form)

    assert response.json()["error"] == "invalid_grant"


async def test_a_code_gives_tokens_and_an_id_token_signed_with_a_published_key(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_of(http, certified_provider)
    keys = (await http.get(f"{certified_provider.issuer}/jwks")).json()["keys"]

    header, claims = part_of(tokens["id_token"], 0), part_of(tokens["id_token"], 1)
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "openid email profile offline_access"
    assert tokens["refresh_token"]
    assert header["alg"] == "RS256"
    assert header["kid"] in {key["kid"] for key in keys}
    assert claims["iss"] == certified_provider.issuer
    assert claims["aud"] == certified_provider.client_id
    assert claims["sub"] == "ada"
    assert claims["nonce"] == "the nonce"
    assert "email" not in claims


@pytest.mark.parametrize("login", ["ada", "grace", "zoë/7"])
async def test_an_accounts_claims_are_at_the_userinfo_endpoint(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient, login: str
) -> None:
    tokens = await tokens_of(http, certified_provider, login=login)

    claims = (await userinfo(http, certified_provider, tokens["access_token"])).json()

    assert claims == {"sub": login, **certified_provider.accounts[login]}


async def test_the_second_client_posts_its_secret_and_its_id_token_is_for_it_alone(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    registration = {
        "client_id": certified_provider.second_client_id,
        "client_secret": certified_provider.second_client_secret,
    }
    location = authorization_request(certified_provider, client_id=registration["client_id"])
    code = callback(await consent(http, location, login="ada"))["code"]

    response = await http.post(
        f"{certified_provider.issuer}/token", data=code_form(certified_provider, code) | registration
    )

    assert part_of(response.json()["id_token"], 1)["aud"] == "app-two"


async def test_a_client_may_prove_itself_in_the_body_though_it_registered_the_header(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    code = callback(await consent(http, authorization_request(certified_provider), login="ada"))["code"]
    registration = {"client_id": certified_provider.client_id, "client_secret": certified_provider.client_secret}

    response = await http.post(
        f"{certified_provider.issuer}/token", data=code_form(certified_provider, code) | registration
    )

    assert response.status_code == 200


async def test_a_secret_that_is_not_form_encoded_is_refused(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    code = callback(await consent(http, authorization_request(certified_provider), login="ada"))["code"]

    response = await http.post(
        f"{certified_provider.issuer}/token",
        data=code_form(certified_provider, code),
        auth=(certified_provider.client_id, certified_provider.client_secret),
    )

    assert response.json()["error"] == "invalid_request"


async def test_a_renewal_gives_another_refresh_token(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_of(http, certified_provider)

    renewed = (await renew(http, certified_provider, tokens["refresh_token"])).json()

    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert renewed["access_token"] != tokens["access_token"]
    assert (await userinfo(http, certified_provider, renewed["access_token"])).status_code == 200


async def test_an_old_refresh_token_that_comes_again_ends_the_whole_family(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_of(http, certified_provider)
    renewed = (await renew(http, certified_provider, tokens["refresh_token"])).json()

    again = await renew(http, certified_provider, tokens["refresh_token"])

    successor = await renew(http, certified_provider, renewed["refresh_token"])
    assert again.json()["error"] == "invalid_grant"
    assert successor.json()["error"] == "invalid_grant"
    assert (await userinfo(http, certified_provider, renewed["access_token"])).status_code == 401


async def test_a_revoked_refresh_token_takes_its_access_token_with_it(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_of(http, certified_provider)
    before = await post(http, certified_provider, "/token/introspection", token=tokens["access_token"])

    answer = await post(http, certified_provider, "/token/revocation", token=tokens["refresh_token"])

    after = await post(http, certified_provider, "/token/introspection", token=tokens["access_token"])
    renewed = await renew(http, certified_provider, tokens["refresh_token"])
    assert answer.status_code == 200
    assert before.json()["active"] is True
    assert before.json()["client_id"] == certified_provider.client_id
    assert after.json() == {"active": False}
    assert renewed.json()["error"] == "invalid_grant"


async def test_a_refresh_token_needs_offline_access(
    certified_provider: CertifiedProvider, http: httpx.AsyncClient
) -> None:
    tokens = await tokens_of(http, certified_provider, asked={})

    assert "refresh_token" not in tokens


async def test_a_provider_of_its_own_has_its_own_lifetime_and_habits(http: httpx.AsyncClient) -> None:
    redirect_uri = "http://localhost:9000/api/complete/corp/"

    with running_provider(redirect_uris=[redirect_uri], access_token_seconds=5, refresh_tokens="always") as provider:
        tokens = await tokens_of(http, provider, asked={})

    assert provider.redirect_uris == (redirect_uri,)
    assert tokens["expires_in"] == 5
    assert "refresh_token" in tokens
    with pytest.raises(httpx.ConnectError):
        await http.get(provider.issuer)


def test_the_provider_ends_with_a_process_that_ends_without_a_word() -> None:
    abrupt = """
import os
from tests.certified import running_provider

with running_provider(redirect_uris=["http://localhost:8000/"]) as provider:
    print(provider.issuer, flush=True)
    os._exit(0)
"""

    # The provider holds the same stderr, so that this returns only when both have ended.
    ended = subprocess.run(  # noqa: S603 - the command is ours
        [sys.executable, "-c", abrupt], cwd=Path(__file__).parents[1], capture_output=True, timeout=40, check=True
    )

    assert ended.stdout.startswith(b"http://127.0.0.1:")
