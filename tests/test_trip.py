"""The main job in one breath."""

from asgi_social import Social
from tests.app import app_of, browser, linked, query_of, settings


async def test_an_account_is_linked_used_and_unlinked() -> None:
    async with Social(**settings()) as social:
        async with browser(app_of(social)) as client:
            begun = await client.get("/associate/github/?next=/settings")
            location = begun.headers["location"]
            completed = await client.get(
                "/complete/github/", params={"code": "a-code", "state": query_of(location)["state"]}
            )
            [association] = await social.associations("ada")
            token = await association.get_access_token()
            gone = await client.post("/disconnect/github/")

        assert location.startswith("https://github.com/login/oauth/authorize?")
        assert (completed.status_code, completed.headers["location"]) == (303, "/settings")
        assert (association.uid, association.username, association.email) == (
            "583231",
            "octocat",
            "octocat@github.example",
        )
        assert token == "gho_secret"
        assert gone.status_code == 303
        assert await social.associations("ada") == []


async def test_linking_again_keeps_the_association() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)
        [first] = await social.associations("ada")
        await linked(client)

        [again] = await social.associations("ada")

    assert again.id == first.id


async def test_where_the_redirect_uri_is_in_question_the_answer_spells_it_out_with_the_place_to_register_it() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        refused = await linked(client, error="redirect_uri_mismatch", code="")

    assert refused.status_code == 502
    assert "https://app.example/complete/github/" in refused.text
    assert "https://github.com/settings/developers" in refused.text


async def test_where_the_providers_words_are_about_the_credentials_the_answer_names_these_settings() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        refused = await linked(client, error="unauthorized_client", code="")

    assert refused.status_code == 502
    assert "client_id and client_secret of the backend github" in refused.text
