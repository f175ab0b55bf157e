"""The authorization endpoint asks a person, and sends the browser back only where it may."""

import base64
import hashlib

import httpx
import pytest

from asgi_social.testing import FakeProvider, Person
from tests.testing.asking import APP, ISSUER, location, params_in


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
