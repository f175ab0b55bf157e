"""TripIt, whose flow has no verifier: nobody is linked by a browser, and what is linked is used."""

import pytest

from asgi_social import Social
from asgi_social.protocols.message import Tokens
from asgi_social.protocols.signing import TokenPair
from asgi_social.secret import Secret
from asgi_social.settings import checked
from tests.app import KEY, app_of, browser, settings
from tests.protocols.played import play, raw
from tests.testing.trips import SECRET

# As social-auth-core's own test has it, shortened, and with a second address.
PROFILE = b"""<Response><timestamp>1363590451</timestamp><num_bytes>1040</num_bytes><Profile ref="ignore-me">
<ProfileEmailAddresses>
<ProfileEmailAddress><address>other@example.com</address><is_primary>false</is_primary></ProfileEmailAddress>
<ProfileEmailAddress><address>foobar@gmail.com</address><is_primary>true</is_primary></ProfileEmailAddress>
</ProfileEmailAddresses><is_client>true</is_client><is_pro>false</is_pro><screen_name>foobar</screen_name>
<public_display_name>Foo Bar</public_display_name><profile_url>people/foobar</profile_url></Profile></Response>"""
OTHER = (
    b"<ProfileEmailAddress><address>other@example.com</address><is_primary>false</is_primary></ProfileEmailAddress>\n"
)
BACKENDS = {"tripit": {"client_id": "an-id", "client_secret": SECRET}}


@pytest.mark.parametrize("profile", [PROFILE, PROFILE.replace(OTHER, b"")], ids=["two addresses", "one"])
def test_a_profile_is_asked_signed_and_read(profile: bytes) -> None:
    backend = checked({"secret_key": KEY, "backends": BACKENDS}).backends["tripit"]
    tokens = Tokens(access_token=TokenPair(token="a-token", secret=Secret("a-secret")).as_text())

    played = play(backend.steps.fetch_account(backend.client, tokens), raw(profile, "text/xml"))

    [asked] = played.asked
    assert asked.url == "https://api.tripit.com/v1/get/profile"
    assert asked.headers["authorization"].startswith("OAuth ")
    account = played.result
    assert (account.uid, account.username, account.fullname) == ("ignore-me", "foobar", "Foo Bar")
    assert (account.email, account.email_verified) == ("foobar@gmail.com", False)
    assert account.extra_data == {"screen_name": "foobar"}


async def test_nobody_is_sent_to_a_page_whose_answer_has_no_verifier() -> None:
    async with Social(**settings(backends=BACKENDS)) as social, browser(app_of(social)) as one:
        answer = await one.get("/associate/tripit/", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (500, "settings")
