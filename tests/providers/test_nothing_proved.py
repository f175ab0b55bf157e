"""E-mail and user name of social-auth: a form field that nothing proves links nobody, and the rows stay."""

import pytest

from tests.providers.linking import JSON, linking


@pytest.mark.parametrize("name", ["email", "username"])
async def test_it_cannot_begin_and_says_why(name: str) -> None:
    async with linking(name, client_id="", client_secret="") as one:
        answer = await one.browser.get(f"/associate/{name}/", headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "refused")
    assert "what a visitor writes into a form" in str(answer.json())


async def test_twilio_is_linked_by_an_answer_that_names_the_account_and_signs_nobody_in() -> None:
    async with linking("twilio") as one:
        location = await one.begun()
        assert location.startswith("https://www.twilio.com/authorize/an-id?cb=https%3A%2F%2Fapp.example%2Fcomplete")
        state = location.rpartition("state%3D")[2]

        assert (await one.completed(state=state, AccountSid="AC1"))[0] == 303
        [association] = await one.associations()

    assert association.uid == "AC1"
