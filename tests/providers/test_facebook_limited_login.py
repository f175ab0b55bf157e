"""Limited Login gives a phone an ID token and nothing else, so that there is no exchange to play, but a token."""

import pytest

from asgi_social import Association, Social, TokenRefused
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import START
from tests.app import settings
from tests.providers.answering import Answering, backends_of, key_set, signed

NAME = "facebook-limited-login"
CLAIMS = {
    "iss": "https://www.facebook.com",
    "sub": "1234",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "picture": "https://example.com/ada.png",
}


async def _linked(**claims: object) -> Association[str]:
    network = Answering({"https://limited.facebook.com/.well-known/oauth/openid/jwks/": key_set()})
    social = Social(**settings(network, database=MemoryRepository(), backends=backends_of(NAME)))
    async with social:
        return await social.backend(NAME).associate(id_token=signed(**{**CLAIMS, **claims}), user_id="ada")


async def test_the_account_is_in_the_id_token_and_its_address_is_not_vouched_for() -> None:
    association = await _linked(iat=int(START) - 3000)

    assert association.uid == "1234"
    assert association.fullname == "Ada Lovelace"
    assert association.email == "ada@example.com"
    assert association.picture == "https://example.com/ada.png"
    assert association.account["email_verified"] is False


async def test_an_id_token_of_another_app_is_refused() -> None:
    with pytest.raises(TokenRefused) as caught:
        await _linked(aud="another-id")

    assert caught.value.reason == "audience"
