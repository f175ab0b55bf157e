"""The fake provider refuses what a real one would, and does wrong only what it is told to."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asgi_social.testing import FakeProvider, Faults, ManualClock, Person
from asgi_social.testing.fake_keys import half_hash
from asgi_social.testing.fake_tokens import s256
from asgi_social.testing.fake_transport import InProcessTransport

ISSUER = "http://127.0.0.1:9400"
APP = "https://app.example/complete/corp/?tenant=7"
VERIFIER = "v" * 43
BASIC = ("fake-client", "fake-secret")
FORM = {"client_id": "fake-client", "client_secret": "fake-secret"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fake(clock: ManualClock) -> FakeProvider:
    return FakeProvider(clock=clock)


@pytest.fixture
async def http(fake: FakeProvider) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=fake.transport(), base_url=ISSUER) as client:
        yield client


def location(**changes: str | None) -> str:
    """Give an authorize URL; a change to None leaves a parameter out."""
    params: dict[str, str | None] = {
        "client_id": "fake-client",
        "redirect_uri": APP,
        "response_type": "code",
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": s256(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{ISSUER}/authorize?{urlencode({name: value for name, value in params.items() if value is not None})}"


def params_in(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def code_form(code: str, **changes: str | None) -> dict[str, str]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": APP, "code_verifier": VERIFIER, **changes}
    return {name: value for name, value in form.items() if value is not None}


def renewal(tokens: Mapping[str, Any], **further: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **further}


async def code_from(fake: FakeProvider, **changes: str | None) -> str:
    return params_in(await fake.consent(location(**changes)))["code"]


async def tokens_from(fake: FakeProvider, http: httpx.AsyncClient, **changes: str | None) -> dict[str, Any]:
    answer = await http.post("/token", data=code_form(await code_from(fake, **changes)), auth=BASIC)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def renewed(http: httpx.AsyncClient, tokens: Mapping[str, Any], **further: str) -> httpx.Response:
    return await http.post("/token", data=renewal(tokens, **further), auth=BASIC)


def bearer(tokens: Mapping[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def is_alive(http: httpx.AsyncClient, tokens: Mapping[str, Any]) -> bool:
    return (await http.get("/userinfo", headers=bearer(tokens))).status_code == 200


async def claims_in(http: httpx.AsyncClient, id_token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    return dict(json.loads(jws.deserialize_compact(id_token, keys, algorithms=["RS256"]).payload))


# What it says of itself, and how it is used.


async def test_the_metadata_name_every_endpoint_and_all_that_is_taken(http: httpx.AsyncClient) -> None:
    answer = await http.get("/.well-known/openid-configuration")

    assert answer.json() == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "jwks_uri": f"{ISSUER}/jwks",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": [
            "sub",
            "name",
            "given_name",
            "family_name",
            "preferred_username",
            "picture",
            "email",
            "email_verified",
        ],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


async def test_the_key_set_publishes_one_public_key(http: httpx.AsyncClient) -> None:
    [key] = (await http.get("/jwks")).json()["keys"]

    assert {name: key[name] for name in ("kty", "use", "alg", "kid")} == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": "key-1",
    }
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}


def test_the_settings_of_a_backend_are_those_of_the_first_client() -> None:
    fake = FakeProvider(client_id="mine", client_secret="mine too")
    fake.add_client("phone", "other")

    assert fake.backend_settings() == {
        "provider": "oidc",
        "issuer": ISSUER,
        "client_id": "mine",
        "client_secret": "mine too",
    }


async def test_an_issuer_with_a_path_has_its_endpoints_under_it_and_nowhere_else() -> None:
    fake = FakeProvider(issuer="https://id.example/tenant/")
    async with httpx.AsyncClient(transport=fake.transport(), base_url="https://id.example") as http:
        metadata = (await http.get("/tenant/.well-known/openid-configuration")).json()
        back = await fake.consent(location().replace(ISSUER, "https://id.example/tenant"))
        outside = await http.get("/jwks")

    assert (metadata["issuer"], metadata["jwks_uri"]) == (
        "https://id.example/tenant/",
        "https://id.example/tenant/jwks",
    )
    assert params_in(back)["iss"] == "https://id.example/tenant/"
    assert outside.status_code == 404
    assert (fake.count("/authorize"), fake.count("/jwks")) == (2, 0)


async def test_what_it_was_asked_is_written_down(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    await http.post("/token?a=1", data={"b": "2", "c": ""}, headers={"X-Trace": "7"})
    await http.get("/nowhere")

    asked, nowhere = fake.requests
    assert (asked.method, asked.path, asked.query, asked.form) == ("POST", "/token", {"a": "1"}, {"b": "2"})
    assert asked.headers["x-trace"] == "7"
    assert (nowhere.method, nowhere.path) == ("GET", "/nowhere")
    assert (fake.count("/token"), fake.count("/nowhere"), fake.count("/jwks")) == (1, 1, 0)


async def test_another_method_is_told_which_ones_there_are(http: httpx.AsyncClient) -> None:
    answer = await http.get("/token")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_all_it_hands_out_bears_the_marker_and_is_the_same_at_every_run(clock: ManualClock) -> None:
    one, again, other = (FakeProvider(clock=clock, issuer=f"https://{host}.example") for host in ("a", "a", "b"))

    values = [str(fake.issue_tokens("ada")["access_token"]) for fake in (one, again, other)]
    handed_out = [*one.issue_tokens("layla").values(), params_in(await one.consent(_at(one)))["code"]]

    assert values[0] == values[1] != values[2]
    assert values[0].startswith("fake-access-ada-")
    assert all("fake-" in value for value in handed_out if isinstance(value, str) and len(value) > 30)


def _at(fake: FakeProvider) -> str:
    return location().replace(ISSUER, fake.issuer)


@pytest.mark.parametrize("name", ["", "a", "ab", "abc"])
async def test_an_id_token_bears_the_marker_however_its_claims_lie(fake: FakeProvider, name: str) -> None:
    for switches in (Faults(audience=name), Faults(audience=name, alg_none=True)):
        fake.faults = switches

        assert "fake-" in fake.issue_tokens("ada")["id_token"]


async def test_a_token_can_stand_in_a_header_whatever_the_person_is_called(clock: ManualClock) -> None:
    fake = FakeProvider(clock=clock, people=[Person(sub="1", username="ليلى x")])

    assert fake.issue_tokens("1")["access_token"].isascii()
    assert " " not in fake.issue_tokens("1")["access_token"]


# The authorization endpoint.


async def test_a_person_who_says_yes_is_sent_back_with_code_state_and_issuer(fake: FakeProvider) -> None:
    back = await fake.consent(location(), person="layla")

    assert back.startswith("https://app.example/complete/corp/?tenant=7&code=fake-code-layla-")
    assert params_in(back).keys() == {"tenant", "code", "state", "iss"}
    assert (params_in(back)["state"], params_in(back)["iss"]) == ("state-1", ISSUER)


async def test_a_redirect_uri_without_a_query_gets_one(fake: FakeProvider) -> None:
    back = await fake.consent(location(redirect_uri="com.example.app:/done", state=None))

    assert back.startswith("com.example.app:/done?code=fake-code-ada-")
    assert "state" not in params_in(back)


async def test_a_person_who_says_no_is_sent_back_with_access_denied(fake: FakeProvider) -> None:
    back = params_in(await fake.consent(location(), deny=True))

    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "state-1", ISSUER)
    assert "code" not in back


async def test_the_redirect_after_the_form_is_a_303_that_nobody_stores(http: httpx.AsyncClient) -> None:
    answer = await http.post("/authorize", data=params_in(location()) | {"person": "person-1"})

    assert (answer.status_code, answer.headers["cache-control"]) == (303, "no-store")


async def test_the_page_asks_in_plain_html_and_names_everybody(http: httpx.AsyncClient) -> None:
    answer = await http.get(location(state='"><script>'))

    assert answer.status_code == 200
    assert '<html lang="en">' in answer.text
    assert "<h1>" in answer.text
    assert "<bdi>ليلى حدّاد</bdi>" in answer.text
    assert 'name="deny"' in answer.text
    assert '"><script>' not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "form-action" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_person_without_a_name_is_shown_by_the_username() -> None:
    fake = FakeProvider(people=[Person(sub="1", username="bob")])
    async with httpx.AsyncClient(transport=fake.transport()) as http:
        answer = await http.get(location())

    assert "<bdi>bob</bdi>" in answer.text


@pytest.mark.parametrize("button", [{"person": "person-1"}, {"deny": "yes"}])
async def test_a_button_in_the_query_of_a_get_decides_nothing_and_is_not_carried_along(
    http: httpx.AsyncClient, button: dict[str, str]
) -> None:
    answer = await http.get(location(**button))

    assert answer.status_code == 200
    assert f'type="hidden" name="{next(iter(button))}"' not in answer.text


@pytest.mark.parametrize("person", [None, "person-9"])
async def test_a_post_without_a_known_person_gets_the_page(http: httpx.AsyncClient, person: str | None) -> None:
    answer = await http.post("/authorize", data=params_in(location()) | ({"person": person} if person else {}))

    assert (answer.status_code, "<form" in answer.text) == (200, True)


NO_WAY_BACK = [
    pytest.param({"client_id": "other"}, "the client_id is unknown", id="unknown client"),
    pytest.param({"client_id": None}, "the client_id is unknown", id="no client"),
    pytest.param({"redirect_uri": None}, "the redirect_uri is missing", id="no redirect_uri"),
    pytest.param({"redirect_uri": "/complete"}, "not absolute", id="relative"),
    pytest.param({"redirect_uri": "https:"}, "not absolute", id="scheme alone"),
    pytest.param({"redirect_uri": "https://[app"}, "not absolute", id="no URL"),
    pytest.param({"redirect_uri": f"{APP}#"}, "has a fragment", id="fragment"),
    pytest.param({"redirect_uri": f"{APP}x"}, "not registered", id="not registered"),
    pytest.param({"redirect_uri": APP.upper()}, "not registered", id="other case"),
]


@pytest.mark.parametrize(("changes", "message"), NO_WAY_BACK)
async def test_without_a_client_and_its_redirect_uri_nobody_is_sent_back(
    changes: dict[str, str | None], message: str
) -> None:
    fake = FakeProvider(redirect_uris=[APP])
    async with httpx.AsyncClient(transport=fake.transport()) as http:
        answer = await http.get(location(**changes))

    assert answer.status_code == 400
    assert message in answer.text
    assert "location" not in answer.headers
    with pytest.raises(ValueError, match=f"sends nobody back: .*{message}"):
        await fake.consent(location(**changes))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_repeated_client_id_or_redirect_uri_sends_nobody_back(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"{location()}&{name}=x")

    assert (answer.status_code, "come once" in answer.text) == (400, True)


async def test_a_registered_redirect_uri_is_taken_and_each_client_has_its_own() -> None:
    fake = FakeProvider(redirect_uris=[APP])
    fake.add_client("phone", "other", ["com.example.app:/done"])

    assert (await fake.consent(location())).startswith(APP)
    with pytest.raises(ValueError, match="not registered"):
        await fake.consent(location(client_id="phone"))


SENT_BACK = [
    pytest.param({"response_type": None}, "invalid_request", id="no response_type"),
    pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
    pytest.param({"response_mode": "fragment"}, "invalid_request", id="fragment"),
    pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain challenge"),
    pytest.param({"code_challenge_method": None}, "invalid_request", id="challenge without method"),
    pytest.param({"code_challenge": "short"}, "invalid_request", id="short challenge"),
    pytest.param({"code_challenge": None}, "invalid_request", id="method without challenge"),
    pytest.param({"scope": "openid  email"}, "invalid_scope", id="two spaces"),
    pytest.param({"scope": 'open"id'}, "invalid_scope", id="quote"),
    pytest.param({"prompt": "none"}, "login_required", id="prompt none"),
    pytest.param({"request": "x"}, "request_not_supported", id="request object"),
    pytest.param({"request_uri": "x"}, "request_uri_not_supported", id="request by reference"),
]


@pytest.mark.parametrize(("changes", "error"), SENT_BACK)
async def test_a_bad_request_goes_back_as_an_error(
    fake: FakeProvider, changes: dict[str, str | None], error: str
) -> None:
    back = params_in(await fake.consent(location(**changes)))

    assert (back["error"], back["state"], back["iss"]) == (error, "state-1", ISSUER)


async def test_a_repeated_parameter_goes_back_as_an_error(fake: FakeProvider) -> None:
    back = params_in(await fake.consent(f"{location()}&scope=openid"))

    assert (back["error"], back["error_description"]) == ("invalid_request", "repeated: scope")


async def test_pkce_can_be_made_a_must(fake: FakeProvider) -> None:
    fake.require_pkce = True

    without = await fake.consent(location(code_challenge=None, code_challenge_method=None))

    assert params_in(without)["error"] == "invalid_request"
    assert "code" in params_in(await fake.consent(location()))


async def test_form_post_gives_a_page_that_posts_itself_and_has_a_button(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    asked = params_in(location(response_mode="form_post"))

    page = await http.post("/authorize", data=asked | {"person": "person-1"})
    url, form = await fake.consent_by_post(location(response_mode="form_post"))

    assert page.status_code == 200
    assert "<button>" in page.text
    script = page.text.partition("<script>")[2].partition("</script>")[0]
    assert f"script-src {_hash(script)}" in page.headers["content-security-policy"]
    assert url == APP
    assert form["code"].startswith("fake-code-ada-")
    assert (form["state"], form["iss"]) == ("state-1", ISSUER)


def _hash(script: str) -> str:
    import hashlib

    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


async def test_form_post_brings_errors_too(fake: FakeProvider) -> None:
    fake.faults.deny = True

    url, form = await fake.consent_by_post(location(response_mode="form_post"))

    assert (url, form["error"]) == (APP, "access_denied")


async def test_consent_says_so_when_the_answer_comes_the_other_way(fake: FakeProvider) -> None:
    with pytest.raises(ValueError, match="consent_by_post gives it"):
        await fake.consent(location(response_mode="form_post"))
    with pytest.raises(ValueError, match="consent gives it"):
        await fake.consent_by_post(location())


async def test_consent_is_given_only_where_the_app_sends_the_browser_here(fake: FakeProvider) -> None:
    with pytest.raises(ValueError, match=r"sent to https://evil\.example/authorize, not to"):
        await fake.consent(location().replace(ISSUER, "https://evil.example"))

    assert fake.requests == []


async def test_a_stranger_cannot_consent(fake: FakeProvider) -> None:
    with pytest.raises(LookupError, match="'zoe' has no account here; ada, layla, grace have"):
        await fake.consent(location(), person="zoe")


# The token endpoint: who asks.


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        pytest.param({}, FORM, id="body"),
        pytest.param({"Authorization": httpx.BasicAuth(*BASIC)._auth_header}, {}, id="basic"),
        pytest.param(
            {"Authorization": httpx.BasicAuth(*BASIC)._auth_header}, {"client_id": "fake-client"}, id="basic and id"
        ),
    ],
)
async def test_a_client_authenticates_itself_by_header_or_body(
    fake: FakeProvider, http: httpx.AsyncClient, headers: dict[str, str], form: dict[str, str]
) -> None:
    answer = await http.post("/token", data=code_form(await code_from(fake)) | form, headers=headers)

    assert answer.status_code == 200


async def test_basic_carries_id_and_secret_in_their_form_encoded_spelling() -> None:
    fake = FakeProvider(client_id="a:b", client_secret="100% +/é")
    tokens = fake.issue_tokens("ada")
    async with httpx.AsyncClient(transport=fake.transport(), base_url=ISSUER) as http:
        encoded = await http.post("/token", data=renewal(tokens), auth=(quote_plus("a:b"), quote_plus("100% +/é")))
        raw = await http.post("/token", data=renewal(encoded.json()), auth=("a:b", "100% +/é"))

    assert (encoded.status_code, raw.status_code) == (200, 401)


UNAUTHENTICATED = [
    pytest.param({}, {}, 401, "invalid_client", id="nothing"),
    pytest.param({}, {"client_id": "fake-client"}, 401, "invalid_client", id="no secret"),
    pytest.param({}, {"client_secret": "fake-secret"}, 401, "invalid_client", id="no id"),
    pytest.param({}, FORM | {"client_secret": "x"}, 401, "invalid_client", id="wrong secret"),
    pytest.param({}, FORM | {"client_id": "x"}, 401, "invalid_client", id="unknown client"),
    pytest.param({"Authorization": "Bearer x"}, {}, 401, "invalid_client", id="bearer"),
    pytest.param({"Authorization": "Basic !"}, {}, 401, "invalid_client", id="no base64"),
    pytest.param({"Authorization": "Basic /w=="}, {}, 401, "invalid_client", id="no text"),
    pytest.param({"Authorization": "Basic eA=="}, {}, 401, "invalid_client", id="no colon"),
    pytest.param({"Authorization": httpx.BasicAuth(*BASIC)._auth_header}, FORM, 400, "invalid_request", id="both"),
    pytest.param(
        {"Authorization": httpx.BasicAuth(*BASIC)._auth_header},
        {"client_id": "other"},
        400,
        "invalid_request",
        id="two clients",
    ),
]


@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
@pytest.mark.parametrize(("headers", "form", "status", "error"), UNAUTHENTICATED)
async def test_a_client_that_does_not_authenticate_itself_once_and_rightly_is_refused(
    fake: FakeProvider,
    http: httpx.AsyncClient,
    path: str,
    headers: dict[str, str],
    form: dict[str, str],
    status: int,
    error: str,
) -> None:
    tokens = fake.issue_tokens("ada")

    answer = await http.post(path, data=renewal(tokens, token=tokens["access_token"]) | form, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("www-authenticate") == ('Basic realm="fake"' if status == 401 else None)
    assert tokens["refresh_token"] in fake.tokens["ada"]


BAD_TOKEN_REQUESTS = [
    pytest.param("/token", {"grant_type": None}, "invalid_request", id="no grant_type"),
    pytest.param("/token", {"grant_type": "password"}, "unsupported_grant_type", id="password"),
    pytest.param("/token", {"code": None}, "invalid_request", id="no code"),
    pytest.param("/token", {"grant_type": "refresh_token"}, "invalid_request", id="no refresh token"),
    pytest.param("/token?code=x", {}, "invalid_request", id="in the URL"),
    pytest.param("/revoke", {}, "invalid_request", id="nothing to revoke"),
    pytest.param("/introspect", {}, "invalid_request", id="nothing to look up"),
]


@pytest.mark.parametrize(("path", "changes", "error"), BAD_TOKEN_REQUESTS)
async def test_a_request_that_is_not_whole_is_refused(
    fake: FakeProvider, http: httpx.AsyncClient, path: str, changes: dict[str, str | None], error: str
) -> None:
    answer = await http.post(path, data=code_form(await code_from(fake), **changes), auth=BASIC)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        pytest.param("grant_type=a&grant_type=b", "application/x-www-form-urlencoded", "repeated: ", id="repeated"),
        pytest.param('{"grant_type":"refresh_token"}', "application/json", "grant_type is missing", id="json"),
    ],
)
async def test_a_body_that_is_no_plain_form_is_refused(
    http: httpx.AsyncClient, body: str, content_type: str, error: str
) -> None:
    answer = await http.post("/token", content=body, headers={"Content-Type": content_type}, auth=BASIC)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert error in answer.json()["error_description"]


# The token endpoint: a code.


async def test_a_code_is_exchanged_for_tokens_that_nobody_stores(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    answer = await http.post("/token", data=code_form(await code_from(fake)), auth=BASIC)

    said = answer.json()
    assert said.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (said["token_type"], said["expires_in"], said["scope"]) == ("Bearer", 3600, "openid profile email")
    assert answer.headers["cache-control"] == "no-store"


async def test_the_id_token_is_of_this_person_client_flow_and_access_token(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    code = await code_from(fake)
    clock.advance(5)
    said = (await http.post("/token", data=code_form(code), auth=BASIC)).json()

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
        "at_hash": half_hash(said["access_token"]),
    }


def test_at_hash_is_the_left_half_of_the_sha_256() -> None:
    # The example of OpenID Connect Core, appendix A.3.
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


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
    answer = await http.post("/token", data=code_form(await code_from(fake), **changes), auth=BASIC)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert fake.tokens["ada"] == []


async def test_a_code_is_exchanged_with_the_right_verifier_even_where_it_is_as_long_as_can_be(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    code = await code_from(fake, code_challenge=s256("~" * 128))

    answer = await http.post("/token", data=code_form(code, code_verifier="~" * 128), auth=BASIC)

    assert answer.status_code == 200


def test_a_challenge_is_made_as_in_the_example_of_the_rfc() -> None:
    # RFC 7636, appendix B.
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_verifier_without_a_challenge_before_it_is_refused(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    plain = {"code_challenge": None, "code_challenge_method": None}

    refused = await http.post("/token", data=code_form(await code_from(fake, **plain)), auth=BASIC)
    taken = await http.post("/token", data=code_form(await code_from(fake, **plain), code_verifier=None), auth=BASIC)

    assert (refused.json()["error"], taken.status_code) == ("invalid_grant", 200)


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
async def test_a_code_lives_for_a_minute(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock, seconds: float, status: int
) -> None:
    code = await code_from(fake)
    clock.advance(seconds)

    answer = await http.post("/token", data=code_form(code), auth=BASIC)

    assert answer.status_code == status


async def test_a_code_of_another_client_is_refused_and_stays_good(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    fake.add_client("phone", "other")
    code = await code_from(fake)

    refused = await http.post("/token", data=code_form(code), auth=("phone", "other"))
    taken = await http.post("/token", data=code_form(code), auth=BASIC)

    assert (refused.json()["error"], taken.status_code) == ("invalid_grant", 200)


async def test_a_code_used_again_ends_the_tokens_made_from_it(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    code = await code_from(fake)
    tokens = (await http.post("/token", data=code_form(code), auth=BASIC)).json()

    again = await http.post("/token", data=code_form(code), auth=BASIC)

    assert again.json()["error"] == "invalid_grant"
    assert not await is_alive(http, tokens)
    assert (await renewed(http, tokens)).json()["error"] == "invalid_grant"
    assert (fake.tokens["ada"], fake.families_lost) == ([], 0)


async def test_a_code_that_was_shown_with_a_wrong_verifier_is_spent(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    code = await code_from(fake)
    await http.post("/token", data=code_form(code, code_verifier="w" * 43), auth=BASIC)

    answer = await http.post("/token", data=code_form(code), auth=BASIC)

    assert answer.json()["error"] == "invalid_grant"


async def test_a_code_is_dead_once_access_was_taken_away(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    code = await code_from(fake)
    fake.revoke_all("ada")

    answer = await http.post("/token", data=code_form(code), auth=BASIC)

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("always", "changes", "comes"),
    [
        pytest.param(True, {}, True, id="always"),
        pytest.param(False, {}, False, id="not asked"),
        pytest.param(False, {"scope": "openid offline_access"}, True, id="by scope"),
        pytest.param(False, {"access_type": "offline"}, True, id="by access_type"),
        pytest.param(False, {"access_type": "online"}, False, id="online"),
    ],
)
async def test_a_refresh_token_comes_always_or_when_it_is_asked_for(
    fake: FakeProvider, http: httpx.AsyncClient, always: bool, changes: dict[str, str | None], comes: bool
) -> None:
    fake.always_refresh_token = always

    tokens = await tokens_from(fake, http, **changes)

    assert ("refresh_token" in tokens) is comes


# The token endpoint: a renewal.


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
    introspected = await http.post("/introspect", data={"token": tokens["access_token"]}, auth=BASIC)

    assert "expires_in" not in tokens | looked_up.json()
    assert introspected.json()["active"] is True
    assert "exp" not in introspected.json()


# What a token opens.


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
    }


async def test_introspection_tells_all_of_a_good_token_and_nothing_of_another(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada", client_id="foreign", scope=["profile"])
    looked_up = [tokens["access_token"], tokens["refresh_token"], "fake-access-guessed"]

    access, refresh, guessed = [
        (await http.post("/introspect", data={"token": value}, auth=BASIC)).json() for value in looked_up
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

    answer = await http.post("/revoke", data={"token": tokens["access_token"]}, auth=BASIC)

    assert (answer.status_code, answer.content) == (200, b"")
    assert fake.tokens["ada"] == [tokens["refresh_token"]]


async def test_revoking_a_refresh_token_ends_its_family(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens, other = fake.issue_tokens("ada"), fake.issue_tokens("ada")

    await http.post("/revoke", data={"token": tokens["refresh_token"]}, auth=BASIC)

    assert fake.tokens["ada"] == [other["access_token"], other["refresh_token"]]


async def test_revoking_what_is_not_known_is_done_and_what_is_another_clients_is_refused(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    tokens = fake.issue_tokens("ada", client_id="phone")

    unknown = await http.post("/revoke", data={"token": "x"}, auth=BASIC)
    refused = await http.post("/revoke", data={"token": tokens["refresh_token"]}, auth=BASIC)

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
    with pytest.raises(ValueError, match="find"):
        await claims_in(http, old)


# Faults: the redirect back, and the metadata.


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

    differs = {name: wrong.get(name) for name in right if right[name] != wrong.get(name)}
    assert differs.pop("code")
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


# Faults: ID tokens.


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

    differs = {name: wrong.get(name) for name in right if right[name] != wrong.get(name)}
    assert {name: value for name, value in differs.items() if name not in ("marker", "at_hash")} == changed


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


# Faults: the token endpoint.


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
    plain = {"token_type": "Bearer", "expires_in": 3600, "scope": "openid profile email"}
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


# Faults: the other endpoints.


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

    assert {name: wrong.get(name) for name in right if right[name] != wrong.get(name)} == changed


async def test_userinfo_and_revocation_can_be_out_of_order(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults = Faults(userinfo_status=503, revocation_status=502, retry_after="Wed, 21 Oct 2037 07:28:00 GMT")

    told = await http.get("/userinfo", headers=bearer(tokens))
    revoked = await http.post("/revoke", data={"token": tokens["refresh_token"]}, auth=BASIC)

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


async def test_a_huge_body_comes_in_pieces_and_ends_with_the_reader(
    fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    fake.faults = Faults(huge_body=150_000, where=["/jwks"])
    whole = await http.get("/jwks")
    fake.faults.huge_body = 10**15

    async with http.stream("GET", "/jwks") as answer:
        pieces = answer.aiter_raw()
        first = await anext(pieces)

    assert len(whole.content) == 150_000
    assert 0 < len(first) < 100_000
    assert answer.status_code == 200


async def test_a_body_can_drip_one_byte_a_second_by_the_clock(
    fake: FakeProvider, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    right = await http.get("/jwks")
    fake.faults = Faults(drip=True, where=["/jwks"])

    dripped = b""
    async with http.stream("GET", "/jwks") as answer:
        pieces = answer.aiter_raw()
        for _ in range(5):
            drop = asyncio.create_task(_next(pieces))
            await clock.until_asleep()
            clock.advance(1)
            dripped += await drop

    assert dripped == right.content[:5]
    assert clock.monotonic() == 5


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    return await anext(pieces)


@pytest.mark.parametrize(("cut", "spent"), [("before", False), ("after", True)])
async def test_a_connection_can_be_cut_before_or_after_the_endpoint_acts(
    fake: FakeProvider, http: httpx.AsyncClient, cut: Any, spent: bool
) -> None:
    tokens = fake.issue_tokens("ada")
    fake.faults.cut = cut

    with pytest.raises(httpx.RemoteProtocolError):
        await renewed(http, tokens)

    assert (tokens["refresh_token"] not in fake.tokens["ada"]) is spent


# Over a socket, and in process.


async def test_over_a_socket_it_is_the_same_provider_and_stops_when_it_is_asked_to() -> None:
    fake = FakeProvider(issuer="http://127.0.0.1")
    server = uvicorn.Server(uvicorn.Config(fake, log_level="critical", lifespan="on"))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        tokens = fake.issue_tokens("ada")
        told = await http.get("/userinfo", headers=bearer(tokens))
        fake.faults.cut = "after"
        with pytest.raises(httpx.RemoteProtocolError):
            await renewed(http, tokens)
        fake.faults = Faults(drip=True, where=["/jwks"])
        async with http.stream("GET", "/jwks") as dripping:
            pass
    server.should_exit = True
    await serving

    assert told.json()["sub"] == "person-1"
    assert dripping.status_code == 200
    assert tokens["refresh_token"] not in fake.tokens["ada"]


async def test_a_websocket_is_closed(fake: FakeProvider) -> None:
    sent = list[Message]()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await fake({"type": "websocket", "path": "/token", "headers": []}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]
    assert fake.requests == []


async def _answered(app: ASGIApp) -> bytes:
    async with httpx.AsyncClient(transport=InProcessTransport(app)) as http:
        return (await http.get("http://app.example/")).content


async def test_in_process_an_app_that_ends_without_an_answer_is_a_broken_connection() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async def raising(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    for app in (silent, raising):
        with pytest.raises(httpx.RemoteProtocolError):
            await _answered(app)


async def test_in_process_the_app_hears_that_the_client_went_away() -> None:
    heard, done = list[str](), asyncio.Event()

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        heard.append((await receive())["type"])
        await send({"type": "http.response.body", "body": b"nobody reads this", "more_body": False})
        done.set()

    async with httpx.AsyncClient(transport=InProcessTransport(listening)) as http:
        async with http.stream("GET", "http://app.example/"):
            pass
        await done.wait()

    assert heard == ["http.request", "http.disconnect"]
