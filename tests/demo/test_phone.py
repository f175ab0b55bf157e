"""The phone, which gets a token by itself, and the view that takes it."""

from pathlib import Path

import pytest

from tests.demo.browsing import BASE, a_browser, a_demo, linked, signed_in


@pytest.mark.parametrize("button", ["Continue as Amina Diallo", "Send an ID token"])
async def test_the_phone_is_told_who_linked_the_account(tmp_path: Path, button: str) -> None:
    async with a_demo(tmp_path) as demo:
        async with a_browser(demo.app) as browser:
            await signed_in(browser, "Bruno")
            await linked(browser, account="Amina")
        async with a_browser(demo.app) as phone:
            answer = await phone.press(await phone.open("/phone"), button)

    assert (answer.status, answer.url) == (200, f"{BASE}/phone")
    assert "Welcome, Bruno" in answer.text


async def test_an_account_that_nobody_linked_opens_nothing(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as phone:
        answer = await phone.press(await phone.open("/phone"), "Continue as Bruno Keller")

    assert "Not a member yet" in answer.text
    assert "<dd>403" in answer.text


async def test_a_token_of_another_app_is_refused_and_the_phone_says_why(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser)
        answer = await browser.press(await browser.open("/phone"), "Send a token of another app")

    assert "Token refused" in answer.text
    assert "the access token was issued to another app" in answer.text
    assert "reason <code>audience</code>" in answer.text


async def test_a_phone_whose_token_cannot_be_looked_up_is_asked_to_try_again(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as phone:
        demo.provider().faults.cut = "before"
        demo.provider().faults.where = ("/token-info",)
        answer = await phone.press(await phone.open("/phone"), "Continue as Amina Diallo")

    assert answer.status == 200
    assert "Try again later" in answer.text


async def test_the_phone_shows_no_whole_token(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as phone:
        answer = await phone.press(await phone.open("/phone"), "Continue as Amina Diallo")
        tokens = demo.provider().tokens["amina"]

    assert len(tokens) == 2
    assert not [token for token in tokens if token in answer.text]
    assert f"{tokens[0][:18]}…{tokens[0][-4:]}" in answer.text


async def test_the_phone_starts_again(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as phone:
        answer = await phone.press(await phone.open("/phone"), "Continue as Amina Diallo")
        again = await phone.press(answer, "Start again")

    assert again.button("Continue as Amina Diallo")
    assert "Not a member yet" not in again.text


async def test_the_code_on_the_page_is_the_view_that_answers(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as phone:
        page = await phone.open("/phone")

    assert "async def api_sign_in(request: Request) -&gt; Response:" in page.text
    assert "await backend.do_auth(" in page.text


async def test_an_account_that_does_not_exist_at_the_service_is_refused(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post("/phone", data={"account": "nobody"})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param({"access_token": "made-up"}, "inactive", id="made up"),
        pytest.param({"access_token": ["a"]}, "malformed", id="a list"),
        pytest.param({"id_token": "made-up"}, "kind", id="no JWT"),
        pytest.param({}, "malformed", id="none"),
    ],
)
async def test_a_token_that_the_service_does_not_know_is_refused(
    tmp_path: Path, sent: dict[str, object], reason: str
) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post("/api/sign-in", json=sent)

    assert (answer.status_code, answer.json()["reason"]) == (401, reason)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"access_token=a", 400), (b"[]", 400), (b"\xff", 400), (b"[" * 9000, 400), (b" " * 20000, 413)],
    ids=["empty", "form", "list", "no text", "deep", "long"],
)
async def test_what_is_no_json_object_is_refused(tmp_path: Path, body: bytes, status: int) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        answer = await http.post("/api/sign-in", content=body)

    assert answer.status_code == status


async def test_the_answer_to_the_phone_sets_no_cookie(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, demo.calls() as http:
        token = demo.provider().issue_tokens("amina")["access_token"]
        answer = await http.post("/api/sign-in", json={"access_token": token})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
