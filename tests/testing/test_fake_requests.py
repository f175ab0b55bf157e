"""The back-channel endpoints answer a client that authenticates itself once and rightly."""

from urllib.parse import quote_plus

import httpx
import pytest

from asgi_social.testing import FakeProvider
from tests.testing.asking import CLIENT, ISSUER, code_form, code_from, renewal

FORM = {"client_id": "fake-client", "client_secret": "fake-secret"}
BASIC = "Basic ZmFrZS1jbGllbnQ6ZmFrZS1zZWNyZXQ="  # fake-client:fake-secret


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        pytest.param({}, FORM, id="body"),
        pytest.param({"Authorization": BASIC}, {}, id="basic"),
        pytest.param({"Authorization": BASIC}, {"client_id": "fake-client"}, id="basic and id"),
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
    pytest.param({"Authorization": BASIC.replace("Basic", "Bearer")}, {}, 401, "invalid_client", id="bearer"),
    pytest.param({"Authorization": "Basic !"}, {}, 401, "invalid_client", id="no base64"),
    pytest.param({"Authorization": "Basic /w=="}, {}, 401, "invalid_client", id="no text"),
    pytest.param({"Authorization": "Basic eA=="}, {}, 401, "invalid_client", id="no colon"),
    pytest.param({"Authorization": BASIC}, FORM, 400, "invalid_request", id="both"),
    pytest.param(
        {"Authorization": BASIC},
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
    answer = await http.post(path, data=code_form(await code_from(fake), changes), auth=CLIENT)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        pytest.param("grant_type=a&grant_type=b", "application/x-www-form-urlencoded", "repeated: ", id="repeated"),
        pytest.param("grant_type=refresh_token", "text/plain", "grant_type is missing", id="another type"),
    ],
)
async def test_a_body_that_is_no_plain_form_is_refused(
    http: httpx.AsyncClient, body: str, content_type: str, error: str
) -> None:
    answer = await http.post("/token", content=body, headers={"Content-Type": content_type}, auth=CLIENT)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert error in answer.json()["error_description"]
