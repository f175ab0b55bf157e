"""SAML: an account is linked by an assertion of an identity provider that the app names."""

from typing import Any

import pytest

from asgi_social import SettingsError, Social
from asgi_social.testing import FakeIdentityProvider, fakes_of
from tests.app import KEY, query_of
from tests.providers.saml_visits import JSON, visit

pytestmark = pytest.mark.saml


async def test_an_account_is_linked_and_what_the_assertion_says_is_read() -> None:
    async with visit() as one:
        association = await one.browser.link("saml", person="ada")

    said = association.account
    assert association.uid == "corp:ada"
    assert (said["username"], said["email"], said["email_verified"]) == ("ada", "ada@people.example", False)
    assert (said["fullname"], said["first_name"], said["last_name"]) == ("Ada Lovelace", "Ada", "Lovelace")


async def test_two_people_are_two_accounts() -> None:
    async with visit() as one:
        first, second = await one.browser.link("saml"), await one.browser.link("saml", person="layla")

    assert first.uid != second.uid


@pytest.mark.parametrize("signed", ["assertion", "response", "both"])
async def test_the_assertion_or_the_response_is_signed(signed: Any) -> None:
    async with visit() as one:
        answer = one.idp.answered(await one.begun(), one.idp.people[0], signed=signed)

        assert (await one.posted(*answer))[0] == 303


async def test_the_person_chooses_the_identity_provider() -> None:
    async with visit(idp=None, ask_for=["idp"]) as one:
        asked = await one.browser.get("/associate/saml/")
        location = await one.begun(idp="other")
        done = await one.posted(*one.other.answered(location, one.other.people[0]))
        unknown = await one.browser.get("/associate/saml/", params={"idp": "evil"}, headers=JSON)
        [association] = await one.social.associations("7")

    assert (asked.status_code, done[0], unknown.status_code) == (200, 303, 400)
    assert association.uid == "other:ada"


async def test_the_request_says_whose_it_is_and_where_the_answer_goes() -> None:
    async with visit() as one:
        location = await one.begun()
        url, form = one.idp.answered(location, one.idp.people[0])

    assert url == "https://app.example/complete/saml/"
    assert form["RelayState"] == query_of(location)["RelayState"]


@pytest.mark.parametrize(
    ("more", "changed", "uid"),
    [
        pytest.param(
            {"attr_user_permanent_id": "eppn"}, {"attributes": {"eppn": "ada@corp"}}, "corp:ada@corp", id="own"
        ),
        pytest.param({}, {"attributes": {}}, "corp:person-1", id="the name of the subject"),
        pytest.param({"attr_user_permanent_id": "name_id"}, {}, "corp:person-1", id="the name, by a setting"),
    ],
)
async def test_the_permanent_id_is_read_where_the_settings_say(
    more: dict[str, Any], changed: dict[str, Any], uid: str
) -> None:
    idp = FakeIdentityProvider()
    async with visit(enabled_idps={"corp": {**idp.settings(), **more}}) as one:
        assert (await one.posted(*one.idp.answered(await one.begun(), one.idp.people[0], **changed)))[0] == 303
        [association] = await one.social.associations("7")

    assert association.uid == uid


async def test_an_attribute_without_a_name_or_a_value_is_passed_by() -> None:
    async with visit() as one:
        answer = one.idp.answered(await one.begun(), one.idp.people[0], attributes={"": "x", "email": ""})

        assert (await one.posted(*answer))[0] == 303
        [association] = await one.social.associations("7")

    assert (association.uid, association.account["email"]) == ("corp:person-1", None)


async def test_the_fake_answers_who_was_sent_to_it_alone() -> None:
    with pytest.raises(ValueError, match="the browser is sent to https://evil"):
        await FakeIdentityProvider().sends_back("https://evil.example/sso?SAMLRequest=x")


def test_an_app_without_signxml_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, backends={"saml": settings_of()}, base_url="https://app.example")

    assert 'pip install "asgi-social[saml]"' in caught.value.hint


async def test_a_person_may_say_no() -> None:
    async with visit() as one:
        url, form = await one.idp.sends_back(await one.begun(), deny=True)

        assert await one.posted(url, form or {}) == (403, "consent_denied", None)


async def test_a_field_may_be_left_alone() -> None:
    idp = FakeIdentityProvider()
    async with visit(enabled_idps={"corp": {**idp.settings(), "attr_email": None}}) as one:
        association = await one.browser.link("saml")

    assert association.account["email"] is None


async def test_a_name_that_changes_with_each_visit_names_nobody() -> None:
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    async with visit() as one:
        answer = one.idp.answered(await one.begun(), one.idp.people[0], attributes={}, name_id_format=transient)

        assert await one.posted(*answer) == (502, "provider_broken", None)


async def test_a_new_certificate_stands_beside_the_old_one() -> None:
    old, new = FakeIdentityProvider(host="old.example").settings(), FakeIdentityProvider().settings()
    table = {"entity_id": new["entity_id"], "url": new["url"]}
    table["x509certMulti"] = {"signing": [old["x509cert"], new["x509cert"]]}
    async with visit(enabled_idps={"corp": table}) as one:
        assert (await one.browser.link("saml")).uid == "corp:ada"


async def test_an_account_is_unlinked() -> None:
    async with visit() as one:
        await one.browser.link("saml")
        await one.browser.unlink("saml")

        assert await one.social.associations("7") == []


def settings_of(**more: Any) -> dict[str, Any]:
    table = FakeIdentityProvider().settings()
    plain = {"sp_entity_id": "https://app.example", "idp": "corp", "enabled_idps": {"corp": table}, **more}
    return {name: one for name, one in plain.items() if one is not None}


def corp(**more: Any) -> dict[str, Any]:
    return {"corp": {**FakeIdentityProvider().settings(), **more}}


@pytest.mark.parametrize(
    ("more", "setting"),
    [
        pytest.param({"sp_entity_id": None}, "sp_entity_id", id="no name of the app"),
        pytest.param({"enabled_idps": None}, "enabled_idps", id="no identity provider"),
        pytest.param({"enabled_idps": []}, "enabled_idps", id="no table"),
        pytest.param({"enabled_idps": {"a b": {}}}, "enabled_idps.a b", id="a name with a space"),
        pytest.param({"enabled_idps": {"corp": "x"}}, "enabled_idps.corp", id="no table within"),
        pytest.param({"enabled_idps": corp(entity_id="")}, "enabled_idps.corp.entity_id", id="no entity_id"),
        pytest.param({"enabled_idps": corp(url="http://idp.example")}, "enabled_idps.corp.url", id="http"),
        pytest.param({"enabled_idps": corp(x509cert="")}, "enabled_idps.corp.x509cert", id="no certificate"),
        pytest.param({"enabled_idps": corp(x509cert="bm8=")}, "enabled_idps.corp.x509cert", id="another thing"),
        pytest.param({"enabled_idps": corp(x509cert="?")}, "enabled_idps.corp.x509cert", id="no base64"),
        pytest.param({"enabled_idps": corp(x509cert=7)}, "enabled_idps.corp.x509cert", id="no text"),
        pytest.param(
            {"enabled_idps": corp(x509cert=None, x509certMulti={"signing": "x"})},
            "enabled_idps.corp.x509cert",
            id="no list",
        ),
        pytest.param({"enabled_idps": corp(attr_email=1)}, "enabled_idps.corp.attr_email", id="no attribute"),
        pytest.param({"enabled_idps": corp(slo_url="https://a.example")}, "enabled_idps.corp.slo_url", id="unknown"),
        pytest.param({"idp": "evil"}, "idp", id="an identity provider that is not there"),
    ],
)
def test_what_is_wrong_in_the_settings_is_told_by_its_place(more: dict[str, Any], setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, backends={"saml": settings_of(**more)}, base_url="https://app.example")

    assert f"backends.saml.{setting}" in [one.setting for one in caught.value.problems]


def test_the_settings_of_social_auth_are_errors_that_name_the_new_ones() -> None:
    old: dict[str, object] = {"SOCIAL_AUTH_SAML_ENABLED_IDPS": {}}

    with pytest.raises(SettingsError) as caught:
        Social(secret_key=KEY, backends={"saml": settings_of(**old)}, base_url="https://app.example")

    assert "'backends.saml.enabled_idps'" in str(caught.value)


def test_the_fakes_of_all_backends_name_the_one_for_saml() -> None:
    with pytest.raises(SettingsError, match="FakeIdentityProvider"):
        fakes_of({"saml": settings_of()})


def test_a_certificate_may_come_without_its_first_and_last_line() -> None:
    bare = "".join(FakeIdentityProvider().settings()["x509cert"].splitlines()[1:-1])

    assert Social(secret_key=KEY, backends={"saml": settings_of(enabled_idps=corp(x509cert=bare))}).backends()
