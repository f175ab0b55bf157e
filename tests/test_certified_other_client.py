"""Tokens of the certified provider's second client: refused by the app of the first, whichever way they are sent."""

from collections.abc import Mapping
from typing import Any

import pytest

from asgi_social import TokenRefused
from tests import certified_app
from tests.certified_app import POSTING, World
from tests.test_certified_tokens import EMBEDDED, phone_tokens, sent_in

pytestmark = pytest.mark.node

bound, provider, world = certified_app.bound, certified_app.provider, certified_app.world

# As an app describes its own provider, whose access tokens can be looked up (RFC 7662).
LOOKED_UP: dict[str, Any] = {
    **POSTING,
    "token": {"auth": "basic"},
    "verify": [
        {
            "kind": "lookup",
            "url": "{issuer}/token/introspection",
            "method": "POST",
            "auth": "basic",
            "body": {"form": {"token": "{access_token}"}},
            "active": "active",
            "app": "client_id",
            "subject": "sub",
            "expires": "exp",
            "must": {"token_type": "Bearer"},
        },
        {"kind": "id_token"},
    ],
}
CORP: dict[str, Any] = {"provider": LOOKED_UP}
# What of a token answer is sent as what, and why it is refused.
WAYS: Mapping[str, tuple[dict[str, str], str]] = {
    "its access token": ({"access_token": "access_token"}, "audience"),
    "its ID token": ({"id_token": "id_token"}, "audience"),
    "its ID token with its nonce": ({"id_token": "id_token", "nonce": "nonce"}, "audience"),
    "its ID token as an access token": ({"access_token": "id_token"}, "inactive"),
    "its access token as an ID token": ({"id_token": "access_token"}, "kind"),
    "its refresh token": ({"access_token": "refresh_token"}, "audience"),
    "its refresh token as an ID token": ({"id_token": "refresh_token"}, "kind"),
}


async def tokens_of(world: World, client_id: str) -> dict[str, Any]:
    """Get all tokens of a client, for the same person."""
    tokens = await phone_tokens(world, nonce="a-nonce", client_id=client_id, offline=True)
    return {**tokens, "nonce": "a-nonce"}


async def test_a_token_of_the_other_client_is_refused_in_every_way_of_sending_it(world: World) -> None:
    tokens = await tokens_of(world, world.provider.second_client_id)
    found: dict[str, tuple[int, str, str]] = {}

    async with world.app(corp=CORP, **EMBEDDED) as (social, person):
        for way, (sent, _) in WAYS.items():
            named: Any = {name: tokens[one] for name, one in sent.items()}
            signing_in = await sent_in(person, **named)
            with pytest.raises(TokenRefused) as linking:
                await social.backend("corp").associate(**named, user_id="7")
            found[way] = signing_in.status_code, signing_in.json()["reason"], linking.value.reason
        linked = await social.associations("7")

    assert found == {way: (401, reason, reason) for way, (_, reason) in WAYS.items()}
    assert linked == []


async def test_what_the_app_itself_was_issued_is_accepted_as_what_it_is_and_not_as_another_kind(world: World) -> None:
    tokens = await tokens_of(world, world.provider.client_id)
    found: dict[str, int] = {}

    async with world.app(corp=CORP, **EMBEDDED) as (_, person):
        for way, (sent, _) in WAYS.items():
            found[way] = (await sent_in(person, **{name: tokens[one] for name, one in sent.items()})).status_code

    assert found == {
        way: 200 if all(name == one for name, one in sent.items()) else 401 for way, (sent, _) in WAYS.items()
    }


async def test_an_access_token_that_was_revoked_is_refused(world: World) -> None:
    tokens = await phone_tokens(world, nonce="a-nonce")
    await world.by_hand("/token/revocation", token=tokens["access_token"])

    async with world.app(corp=CORP, **EMBEDDED) as (_, person):
        refused = await sent_in(person, access_token=tokens["access_token"])

    assert (refused.status_code, refused.json()["reason"]) == (401, "inactive")


async def test_an_access_token_of_the_other_client_is_accepted_where_the_app_names_that_client_its_own(
    world: World,
) -> None:
    other = world.provider.second_client_id
    tokens = await tokens_of(world, other)

    async with world.app(corp={**CORP, "client_ids": [other]}, **EMBEDDED) as (_, person):
        accepted = await sent_in(person, access_token=tokens["access_token"])

    assert accepted.status_code == 200
