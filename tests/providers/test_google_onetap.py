"""Google One Tap: the ID token of the form is a client token, where Google vouches for the address."""

import httpx
import pytest

from asgi_social.errors import Refused
from tests.providers.answering import Answering, key_set, signed
from tests.providers.widgets import page

CLAIMS = {
    "iss": "https://accounts.google.com",
    "sub": "424000",
    "email": "ada@people.example",
    "email_verified": True,
    "name": "Ada Lovelace",
}
NETWORK = Answering({"https://www.googleapis.com/oauth2/v3/certs": key_set()})


async def test_a_credential_links_the_account() -> None:
    async with page("google-onetap", NETWORK, client_secret="") as one:
        association = await one.backend.associate(id_token=signed(**CLAIMS), user_id="7")

    assert (association.uid, association.account["username"]) == ("424000", "ada")
    assert association.account["email_verified"] is True


@pytest.mark.parametrize("verified", [False, None, "no"])
async def test_an_address_that_google_does_not_vouch_for_is_refused(verified: object) -> None:
    async with page("google-onetap", NETWORK) as one:
        with pytest.raises(Refused, match="does not vouch"):
            await one.backend.associate(id_token=signed(**CLAIMS | {"email_verified": verified}), user_id="7")


async def test_an_access_token_is_none() -> None:
    async with page("google-onetap", lambda _: httpx.Response(404)) as one:
        assert await one.refusal("an-access-token") == "unbound"
