"""A service that is shut down: its links are listed and unlinked, and who wants more is told since when it is gone."""

from typing import Any

import pytest

from asgi_social import CannotRenew, ProviderRetired, SettingsError, Social
from asgi_social.cli.checks import report_of
from asgi_social.events import Event
from asgi_social.storage.memory import MemoryRepository
from tests.app import app_of, browser, linked, settings
from tests.protocols.played import OAUTH2
from tests.providers.answering import Answering

RETIRED = {
    "name": "gone",
    "title": "Gone",
    "retired": "2019-04",
    "quirks": ["It was closed by its owner."],
    "account": {"username": "login"},
}
KEYS = {"client_id": "an-id", "client_secret": "a-secret"}


def alive(**more: Any) -> dict[str, Any]:
    """Give the settings of a backend whose service is there."""
    revoke = {"url": "https://provider.example/revoke"}
    return {"gone": {**KEYS, "provider": {**OAUTH2, "account": {"username": "login"}, "revoke": revoke, **more}}}


def shut(**more: Any) -> dict[str, Any]:
    """Give the settings of the same, once the service is gone: there is nothing to register."""
    return {"gone": {"provider": {**RETIRED, **more}}}


def network() -> Answering:
    """Give the network while the service is there."""
    tokens = {"access_token": "a-token", "token_type": "bearer", "expires_in": 3600, "refresh_token": "another"}
    return Answering({"https://provider.example/token": tokens, "https://provider.example/me": {"id": 1, "login": "a"}})


async def _linked_before() -> MemoryRepository:
    """Link an account while the service is there, and give what is stored."""
    repository = MemoryRepository()
    social = Social(**settings(network(), backends=alive(), database=repository))
    async with social, browser(app_of(social)) as client:
        assert (await linked(client, "gone")).status_code == 303
    return repository


async def test_what_is_linked_is_listed_and_unlinked_and_nobody_is_told() -> None:
    asked, told = Answering({}), list[Event]()
    repository = await _linked_before()
    async with Social(**settings(asked, backends=shut(), database=repository, on_event=told.append)) as social:
        async with browser(app_of(social)) as client:
            page = await client.get("/associate/")
            facts = (await client.get("/associate/", headers={"accept": "application/json"})).json()
            gone = await client.post("/disconnect/gone/")
        left = await social.associations("ada")

    assert "Gone" in page.text
    assert [(one["title"], one["username"], one["link_again"]) for one in facts["linked"]] == [("Gone", "a", None)]
    assert facts["backends"] == []
    assert (gone.status_code, left, asked.asked) == (303, [], [])
    assert [event.name for event in told] == ["disconnected"]


async def test_a_stored_token_is_given_as_long_as_it_lives_and_not_renewed() -> None:
    repository = await _linked_before()
    async with Social(**settings(Answering({}), backends=shut(), database=repository)) as social:
        [association] = await social.associations("ada")
        token = await association.get_access_token()
        with pytest.raises(CannotRenew):
            await association.refresh_token()

    assert token == "a-token"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_wants_to_link_is_told_since_when_and_why_it_cannot_be(method: str) -> None:
    async with Social(**settings(backends=shut())) as social, browser(app_of(social)) as client:
        answer = await client.request(method, "/associate/gone/", headers={"accept": "application/json"})
        page = await client.request(method, "/associate/gone/")

    assert (answer.status_code, answer.json()["code"]) == (409, "provider_retired")
    assert answer.json()["detail"] == "Gone is shut down since 2019-04"
    assert answer.json()["hint"].endswith(": It was closed by its owner")
    assert page.status_code == 409
    assert "This service is shut down" in page.text


async def test_an_app_that_begins_a_flow_by_itself_is_told_too() -> None:
    async with Social(**settings(backends=shut(quirks=[]))) as social:
        with pytest.raises(ProviderRetired) as caught:
            await social.backend("gone").begin(user_id="ada", redirect_uri="https://app.example/", next_path="/")

    assert (caught.value.since, caught.value.backend) == ("2019-04", "gone")
    assert caught.value.hint == "what is linked can be unlinked, and no more can be linked"


async def test_no_client_token_is_taken() -> None:
    async with Social(**settings(backends=shut(), load_user=lambda user_id: user_id)) as social:
        backend = social.backend("gone")
        with pytest.raises(ProviderRetired):
            await backend.do_auth("a-token")
        with pytest.raises(ProviderRetired):
            await backend.do_auth(id_token="a.b.c")
        with pytest.raises(ProviderRetired):
            await backend.associate("a-token", user_id="ada")


async def test_the_doctor_notes_it_and_asks_for_no_registration() -> None:
    asked = Answering({})

    report = await report_of(Social(**settings(asked, backends=shut())), network="ask")

    notes = [one for one in report.findings if one.backend == "gone"]
    assert [(one.check, one.state, one.message) for one in notes] == [
        ("provider", "note", "is shut down since 2019-04; what is linked can be unlinked")
    ]
    assert (report.faults, report.register, asked.asked) == ([], (), [])


async def test_an_account_that_is_for_linking_alone_signs_nobody_in() -> None:
    backends = alive(association_only=True)
    backends["gone"]["allow_unbound_tokens"] = True
    async with Social(**settings(network(), backends=backends, load_user=lambda user_id: user_id)) as social:
        with pytest.raises(SettingsError) as caught:
            await social.backend("gone").do_auth("a-token")
        association = await social.backend("gone").associate("a-token", user_id="ada")

    assert caught.value.setting == "backends.gone"
    assert (association.user_id, association.uid) == ("ada", "1")
