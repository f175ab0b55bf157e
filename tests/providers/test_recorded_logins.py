"""Sign-ins that were recorded with social-auth come out here with the same uid, names and address."""

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from asgi_social import Association, Social, providers
from asgi_social.testing import ManualClock
from tests.app import app_of, browser, settings
from tests.providers.recorded import NOT_ASKED, Recording, recordings, settings_of
from tests.providers.replayed import KEY_SETS, Replayed, departures, differences, signed_in

ALL = [pytest.param(one, id=f"{one.provider}-{one.case.partition('.')[2]}") for one in recordings()]
# Tokens and times have columns of their own.
NOT_KEPT = {"access_token", "refresh_token", "id_token", "token_type", "expires_in", "auth_time"}
NOT_KEPT |= {"_oidc_id_token_context"}  # which a renewal is held to there, and by the ID token itself here
NOT_KEPT_OF = {
    "asana": {"name"},  # which is not where social-core looks
    "azuread-oauth2": {"expires_on", "not_before"},
    "azuread-tenant-oauth2": {"expires_on", "not_before"},
    "bitbucket-datacenter-oauth2": {"first_name", "last_name", "scope", "url"},  # made of others; kept by us otherwise
    "cas": {"id", "sub"},  # which are not where social-core looks
    "kick": {"scope"},  # which has a column of its own
    "linkedin-openidconnect": {"id"},  # read from a profile that had none
    "slack": {"id"},  # the uid once more
    "stackoverflow": {"id"},  # the uid once more, which social-core does not find
    "twitter-oauth2": {"first_name", "last_name"},  # made of the one name
    "vk-id": {"redirect_uri", "scope", "state"},  # for renewals there, and for ours
}
NAMED_OTHERWISE = {
    # The profile has one name, of which social-core makes a first name, and a hyphen the last.
    "grafana": {"fullname": "Foo Bar", "first_name": None, "last_name": None},
}
# A form from another site comes without the cookies of this one, and nobody is signed in.
FROM_APPLE = {"sec-fetch-site": "cross-site", "origin": "https://appleid.apple.com"}


async def _replayed(
    recording: Recording, **form: str
) -> tuple[Replayed, dict[str, str], httpx.Response, list[Association[str]]]:
    """Play a whole sign-in: give the network, where the browser was sent, how it ended, and what is linked."""
    clock, name = ManualClock(), recording.provider
    network = Replayed(recording, clock=clock)
    backends = {name: settings_of(recording)}
    async with Social(**settings(network, backends=backends, clock=clock)) as social:
        app = app_of(social)
        async with browser(app) as ours, browser(app, user=None) as foreign:
            begun = await ours.get(f"/associate/{name}/")
            assert begun.status_code == 303, begun.text
            location = begun.headers["location"]
            query = dict(parse_qsl(urlsplit(location).query))
            network.nonce = query.get("nonce", "")
            # What the code was spent with besides came with it.
            kept = set(providers.provider(name).callback.keep) & set(recording.calls[0].fields)
            besides = {one: recording.calls[0].fields[one] for one in kept}
            said = (
                _signed_answer(network, query)
                if "oauth_token" in query
                else {"code": "foobar", "state": query["state"]}
            )
            answer = {**besides, **said, **form}
            if query.get("response_mode") == "form_post":
                posted = await foreign.post(f"/complete/{name}/", data=answer, headers=FROM_APPLE)
                ended = await ours.get(posted.headers["location"])
            else:
                ended = await ours.get(f"/complete/{name}/", params=answer)
            found = await social.associations("ada")
    return network, {**query, "": location.partition("?")[0]}, ended, found


def _signed_answer(network: Replayed, query: Mapping[str, str]) -> dict[str, str]:
    """Give what comes back with OAuth 1: the recorded verifier, and the state that the request token was asked with."""
    [(_, request)] = network.asked
    _, _, state = signed_in(request.headers["authorization"])["oauth_callback"].partition("?state=")
    verifier = signed_in(network.left[0].headers["Authorization"])["oauth_verifier"]
    return {"oauth_token": query["oauth_token"], "oauth_verifier": verifier, "state": state}


def _extra_data(association: Association[str]) -> Mapping[str, object]:
    return cast("Mapping[str, object]", association.account["extra_data"])


@pytest.mark.parametrize("recording", ALL)
async def test_a_recorded_login_comes_out_with_the_same_account(recording: Recording) -> None:
    _, _, ended, found = await _replayed(recording)

    assert ended.status_code == 303, ended.text
    [association] = found
    recorded = {**recording.expect["details"], **NAMED_OTHERWISE.get(recording.provider, {})}
    expected = {name: value or None for name, value in recorded.items()}
    assert association.uid == recording.expect["uid"]
    assert association.username == (recording.expect["details"]["username"] or None)
    assert {name: association.account[name] or None for name in ("email", "fullname", "first_name", "last_name")} == {
        name: expected.get(name) for name in ("email", "fullname", "first_name", "last_name")
    }


@pytest.mark.parametrize("recording", ALL)
async def test_the_browser_is_sent_where_it_was_recorded(recording: Recording) -> None:
    _, location, _, _ = await _replayed(recording)

    assert location.pop("") == recording.authorize.address
    assert differences(recording, recording.authorize.fields, location, headers={}) == []


@pytest.mark.parametrize("recording", ALL)
async def test_the_provider_is_asked_what_was_recorded(recording: Recording) -> None:
    network, _, _, _ = await _replayed(recording)

    assert network.surplus == []
    assert network.left == []
    assert {call.address: departures(recording, call, request) for call, request in network.asked} == {
        call.address: [] for call in recording.calls if call.address not in NOT_ASKED | KEY_SETS
    }


@pytest.mark.parametrize("recording", ALL)
async def test_extra_data_are_those_of_social_auth_without_the_tokens(recording: Recording) -> None:
    _, _, _, found = await _replayed(recording)

    ours = {name: value for name, value in _extra_data(found[0]).items() if value is not None}
    left_out = NOT_KEPT | NOT_KEPT_OF.get(recording.provider, set())
    assert {name: value for name, value in ours.items() if name not in left_out} == {
        name: value for name, value in recording.extra_data.items() if name not in left_out and value is not None
    }
    assert not set(ours) & {"access_token", "refresh_token", "id_token"}


@pytest.mark.parametrize(
    "recording", [one for one in ALL if one.id == "slack-SlackOAuth2TeamRestrictionTest.test_login"]
)
async def test_a_slack_account_of_another_team_than_the_setting_names_is_refused(recording: Recording) -> None:
    other = {**recording.settings, "SLACK_TEAM": "T1"}

    _, _, ended, found = await _replayed(
        Recording(
            provider=recording.provider,
            case=recording.case,
            settings=other,
            authorize=recording.authorize,
            calls=recording.calls,
            expect=recording.expect,
            extra_data=recording.extra_data,
        )
    )

    assert (ended.status_code, found) == (400, [])


@pytest.mark.parametrize("recording", [one for one in ALL if one.id == "twitch-TwitchOAuth2Test.test_login"])
async def test_twitch_is_told_the_client_id_in_a_header(recording: Recording) -> None:
    network, _, _, _ = await _replayed(recording)

    assert network.asked[-1][1].headers["client-id"] == "a-key"


@pytest.mark.parametrize("recording", [one for one in ALL if one.id == "apple-id-AppleIdTest.test_login"])
async def test_the_names_that_apple_gives_once_come_from_the_form(recording: Recording) -> None:
    user = json.dumps({"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "other@apple.example"})

    _, _, _, [association] = await _replayed(recording, user=user)

    assert association.fullname == "Ada Lovelace"
    assert (association.account["first_name"], association.account["last_name"]) == ("Ada", "Lovelace")
    # The address is of the signed token; what a browser carries by could be anything.
    assert association.email == recording.expect["details"]["email"]
    assert association.account["email_verified"] is True
