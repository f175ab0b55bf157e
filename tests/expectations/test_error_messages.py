"""What a user expects of errors: expectations 40 to 46, where no other test holds them."""

import logging
from collections.abc import Mapping

import httpx
import pytest

from asgi_social import ConsentDenied, ProviderRefused, SettingsError, Social
from asgi_social.settings import checked
from tests.app import BASE, KEY, app_of, browser, github, linked, query_of, settings
from tests.security.doors import Network

JSON = {"accept": "application/json"}
URI = f"{BASE}/complete/github/"
CONSOLE = "https://github.com/settings/developers"


def refusing(error: str, description: str = "", status: int = 200) -> httpx.MockTransport:
    """Give a GitHub whose token endpoint says no."""
    said = {"error": error, "error_description": description}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=said) if request.method == "POST" else github(request)

    return httpx.MockTransport(answer)


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL for this application."),
        ("invalid_request", "Invalid redirect_uri"),
        ("invalid_grant", ""),
        ("invalid_grant", "Redirect URI does not match"),
        ("OAuthException", "Error validating verification code. Make sure your redirect_uri is identical"),
        ("unauthorized", "Callback URL not approved for this client application"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_a_token_endpoint_that_does_not_take_the_redirect_uri_is_told_with_it_and_the_console(
    error: str, description: str, status: int
) -> None:
    """Expectation 41: the exact URI that was sent, to be pasted, and the address of the provider's console."""
    http_client = httpx.AsyncClient(transport=refusing(error, description, status))
    async with Social(**settings(http_client=http_client)) as social, browser(app_of(social)) as client:
        sent = query_of((await client.get("/associate/github/")).headers["location"])["redirect_uri"]
        client.headers["accept"] = "application/json"
        answer = await linked(client)

    assert (answer.status_code, sent) == (502, URI)
    assert f"register exactly {URI} as redirect URI of the app an-id at {CONSOLE}" in answer.json()["hint"]


async def test_a_callback_that_says_so_is_told_with_the_redirect_uri_and_the_console() -> None:
    """Expectation 41."""
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        client.headers["accept"] = "text/html"
        answer = await linked(client, code="", error="redirect_uri_mismatch", error_description="no such URI")

    assert answer.status_code == 502
    assert f"register exactly {URI} as redirect URI of the app an-id at {CONSOLE}" in answer.text


@pytest.mark.parametrize("error", ["invalid_scope", "server_error", "temporarily_unavailable"])
async def test_where_the_redirect_uri_is_not_in_question_it_is_not_told(error: str) -> None:
    """Expectation 41: a hint that is always there is read by nobody."""
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        client.headers["accept"] = "application/json"
        answer = await linked(client, code="", error=error)

    assert answer.json()["hint"] == "see the provider's manual for this code"


@pytest.mark.parametrize("base_url", ["http://app.example", "http://app.example:8000/mount"])
def test_plain_http_on_a_public_host_is_refused_when_the_app_starts(base_url: str) -> None:
    """Expectation 42."""
    with pytest.raises(SettingsError) as caught:
        checked({"secret_key": KEY, "backends": {}, "base_url": base_url})

    assert caught.value.setting == "base_url"
    assert "https://host" in caught.value.hint


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_public_host_without_base_url_is_refused_before_the_provider_sees_it(scheme: str) -> None:
    """Expectation 42: with the remedy, which holds behind a proxy that ends https too."""
    network = Network()
    async with (
        Social(**settings(network, base_url=None)) as social,
        browser(app_of(social), base=f"{scheme}://app.example") as client,
    ):
        answer = await client.get("/associate/github/", headers=JSON)

    assert (answer.status_code, answer.json()["code"], network.asked) == (500, "settings", [])
    assert (
        'set base_url="https://…", the address that browsers see, also where a proxy ends https'
        in (answer.json()["hint"])
    )


async def causes() -> Mapping[str, tuple[str | None, str]]:
    """Give of each cause for which a flow is refused its reason and its hint."""
    found: dict[str, tuple[str | None, str]] = {}
    values = settings()
    async with Social(**values) as social, browser(app_of(social)) as client:
        client.headers["accept"] = "application/json"

        async def back(cause: str, *, headers: Mapping[str, str] | None = None, **params: str) -> None:
            state = query_of((await client.get("/associate/github/")).headers["location"])["state"]
            values["clock"].advance(601 if cause == "expired" else 0)
            if cause == "missing":
                client.cookies.clear()
            for _ in range(2 if cause == "spent" else 1):
                kept = httpx.Cookies(client.cookies)
                params = {"code": "a-code", "state": state, **params}
                answer = await client.get("/complete/github/", params=params, headers=headers)
                client.cookies = kept if cause == "spent" else client.cookies
            found[cause] = answer.json()["reason"], answer.json()["hint"]

        await back("missing")
        await back("expired")
        await back("spent")
        await back("other_user", headers={"x-user": "bob"})
        await back("state", state="")
    return found


async def test_a_refused_flow_says_which_cause_it_was_and_what_to_do_about_that() -> None:
    """Expectation 43: a missing cookie with what makes it missing."""
    found = await causes()

    assert {cause: reason for cause, (reason, _) in found.items()} == {cause: cause for cause in found}
    assert len({hint for _, hint in found.values()}) == len(found)
    missing = found["missing"][1]
    assert all(word in missing for word in ("ten minutes", "localhost and 127.0.0.1", "http and https", "cookies"))
    assert "ten minutes" in found["expired"][1]
    assert "sign in as the user who began it" in found["other_user"][1]


async def test_the_providers_own_code_and_text_are_in_the_error_cut_and_cleaned() -> None:
    """Expectation 45."""
    text = "first line\nsecond \u202eline" + "x" * 500
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        client.headers["accept"] = "application/json"
        answer = await linked(client, code="", error="odd\x00code", error_description=text)

    detail = answer.json()["detail"]
    assert detail.startswith("the authorization endpoint answers 'odd?code': first line?second ?line")
    assert len(detail) < 300


@pytest.mark.parametrize("error", ["access_denied", "consent_required", "user_cancelled_login"])
async def test_a_persons_no_is_told_with_the_providers_own_word(error: str) -> None:
    """Expectation 45: a log tells who pressed "no" from whom the provider would have asked once more."""
    async with Social(**settings()) as social:
        backend = social.backend("github")
        flow, _ = await backend.begin(user_id="ada", redirect_uri=URI, next_path="/")
        with pytest.raises(ConsentDenied) as caught:
            await backend.complete(flow, {"error": error})

    assert error in caught.value.message


async def test_page_and_json_of_an_error_have_the_code_and_an_id_that_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Expectations 40 and 46."""
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        with caplog.at_level(logging.INFO, logger="asgi_social"):
            as_json = (await client.get("/complete/github/?code=a&state=b", headers=JSON)).json()
            page = (await client.get("/complete/github/?code=a&state=b", headers={"accept": "text/html"})).text

    first, second = [one.getMessage() for one in caplog.records if "flow_refused" in one.getMessage()]
    assert as_json["code"] in page
    assert f"id={as_json['id']}" in first
    assert second.partition("id=")[2].partition(":")[0] in page


async def test_a_providers_refusal_holds_neither_code_nor_state_nor_secret() -> None:
    """Expectation 45: also where the provider repeats what it was sent."""
    http_client = httpx.AsyncClient(transport=refusing("bad", "the code a-secret-code of a-secret is no good"))
    async with Social(**settings(http_client=http_client)) as social:
        backend = social.backend("github")
        flow, url = await backend.begin(user_id="ada", redirect_uri=URI, next_path="/")
        with pytest.raises(ProviderRefused) as caught:
            await backend.complete(flow, {"code": "a-secret-code"})

    assert [one for one in ("a-secret", query_of(url)["state"]) if one in f"{caught.value}{caught.value!r}"] == []
