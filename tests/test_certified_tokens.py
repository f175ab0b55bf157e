"""Our relying party against the certified provider, over sockets: renewal, and the tokens of clients.

The provider rotates refresh tokens, and an old one that comes again ends the whole family.
"""

import asyncio
import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from asgi_social import NeedsReauth
from tests import certified_app
from tests.app import query_of
from tests.certified import consent
from tests.certified_app import LIFETIME, PHONE, Asked, World, linked, only, refresh_token_of
from tests.served import AT_ONCE, Browser

pytestmark = pytest.mark.node

bound, provider, world, asked = certified_app.bound, certified_app.provider, certified_app.world, certified_app.asked


async def test_a_view_and_a_worker_renew_in_turn_and_who_holds_an_older_association_gets_their_token(
    world: World, asked: Asked
) -> None:
    async with world.app() as (social, person):
        association = await linked(social, person)
        old, linking = await association.get_access_token(), asked.count()
        in_a_view = (await person.call("/corp/renewed")).json()
        async with world.engine() as worker:
            by_a_worker = await (await only(worker)).refresh_token()
        seen_by_a_view = (await person.call("/corp/token")).json()
        held_since_the_link = await association.refresh_token()

    assert in_a_view["id"] == by_a_worker.id == association.id
    assert seen_by_a_view == await by_a_worker.get_access_token()
    assert seen_by_a_view == await held_since_the_link.get_access_token()
    assert len({old, in_a_view["token"], seen_by_a_view}) == 3
    assert asked.count() - linking == 2
    assert await world.is_active(seen_by_a_view)


async def test_25_views_at_once_renew_an_ended_token_by_one_request_and_its_family_lives(
    world: World, asked: Asked
) -> None:
    async with world.app() as (social, person):
        association = await linked(social, person)
        old = await association.get_access_token()
        before = asked.count()

        world.clock.advance(LIFETIME)
        answers = await asyncio.gather(*(person.call("/corp/at-once") for _ in range(AT_ONCE)))
        requests = asked.count() - before
        again = await person.call("/corp/renewed")

    assert requests == 1
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert len({answer.json() for answer in answers}) == 1
    assert answers[0].json() != old
    assert again.status_code == 200
    assert await world.is_active(again.json()["token"])


async def test_25_callers_of_a_worker_renew_by_one_request_and_the_family_lives(world: World, asked: Asked) -> None:
    async with world.app() as (social, person):
        await linked(social, person)
    before = asked.count()

    async with world.engine() as worker:
        held = [await only(worker) for _ in range(AT_ONCE)]
        renewed = await asyncio.gather(*(association.refresh_token() for association in held))
        requests = asked.count() - before
        again = await renewed[0].refresh_token()
        token = await again.get_access_token()

    assert requests == 1
    assert len({await association.get_access_token() for association in renewed}) == 1
    assert await world.is_active(token)


async def test_a_stolen_refresh_token_that_is_used_ends_the_family_and_linking_again_heals_the_association(
    world: World,
) -> None:
    async with world.app() as (social, person):
        association = await linked(social, person)
        stolen = await refresh_token_of(social, association)
        association = await association.refresh_token()
        theft = await world.by_hand("/token", grant_type="refresh_token", refresh_token=stolen)
        in_a_view = await person.call("/corp/renewed")
        with pytest.raises(NeedsReauth) as caught:
            await association.refresh_token()
        hurt = await only(social)

        healed = await linked(social, person)
        renewed = await healed.refresh_token()

    assert theft.json()["error"] == "invalid_grant"
    assert (in_a_view.status_code, in_a_view.json()["reason"]) == (403, "revoked")
    assert caught.value.reason == "revoked"
    assert (hurt.id, hurt.status, hurt.reason) == (association.id, "needs_reauth", "revoked")
    assert (renewed.id, renewed.status, renewed.reason) == (association.id, "active", None)


async def test_a_token_is_given_while_it_lives_renewed_behind_near_its_end_and_awaited_after(
    world: World, asked: Asked
) -> None:
    async with world.app() as (social, person):
        association = await linked(social, person)
        first, linking = await association.get_access_token(), asked.count()

        world.clock.advance(LIFETIME / 2)
        halfway = await association.get_access_token()
        halfway_asked = asked.count() - linking
        world.clock.advance(LIFETIME / 2 - 15)
        near_its_end = await association.get_access_token(min_lifetime=10)
    behind_asked = asked.count() - linking  # the app's end has waited for the renewal behind

    async with world.engine() as worker:
        renewed = await only(worker)
        second = await renewed.get_access_token()
        world.clock.advance(LIFETIME / 2 + 1)
        awaited = await renewed.get_access_token()

    assert (halfway, halfway_asked) == (first, 0)
    assert (near_its_end, behind_asked) == (first, 1)
    assert len({first, second, awaited}) == 3
    assert asked.count() - linking == 2
    assert await world.is_active(awaited)


async def test_a_client_of_an_association_renews_once_at_a_401_and_repeats(world: World, asked: Asked) -> None:
    userinfo = f"/corp/there?url={quote(world.provider.issuer, safe='')}/me"
    async with world.app() as (social, person):
        association = await linked(social, person)
        before = (await person.call(userinfo)).json()
        await world.by_hand("/token/revocation", token=await association.get_access_token())
        alive = await world.is_active(await association.get_access_token())
        linking = asked.count()

        after = (await person.call(userinfo)).json()
        async with (await only(social)).client() as http:
            outside = await http.get(f"{world.provider.issuer}/me")

    assert before == after == {"status": 200, "body": outside.json()}
    assert after["body"]["sub"] == "ada"
    assert (alive, asked.count() - linking) == (False, 1)


async def phone_tokens(
    world: World, *, nonce: str, login: str = "ada", client_id: str = "", offline: bool = False
) -> dict[str, Any]:
    """Get tokens as a phone app does by itself, which is registered beside the app or as the app."""
    provider, verifier = world.provider, secrets.token_urlsafe(48)
    client_id = client_id or provider.client_id
    query = {
        "client_id": client_id,
        "redirect_uri": PHONE,
        "response_type": "code",
        "scope": "openid offline_access" if offline else "openid",
        **({"prompt": "consent"} if offline else {}),
        "nonce": nonce,
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    async with httpx.AsyncClient(trust_env=False) as phone:
        address = await consent(phone, f"{provider.issuer}/auth?{httpx.QueryParams(query)}", login=login)
    form = {"grant_type": "authorization_code", "redirect_uri": PHONE, "code_verifier": verifier}
    backend = "corp" if client_id == provider.client_id else "posting"
    response = await world.by_hand("/token", backend, code=query_of(address)["code"], **form)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


async def sent_in(person: Browser, **tokens: str) -> httpx.Response:
    """Send client tokens to the app, as its phone app does."""
    return await person.http.post("/corp/client-token", json=tokens, headers={"accept": "application/json"})


EMBEDDED: dict[str, Any] = {"embedded_users": True, "sign_up": "allow"}


async def test_a_phones_id_token_makes_a_user_and_finds_the_same_one_the_next_time(world: World) -> None:
    first, second = [await phone_tokens(world, nonce=nonce) for nonce in ("one", "two")]
    other = await phone_tokens(world, nonce="three", login="grace")

    async with world.app(**EMBEDDED) as (social, person):
        made = await sent_in(person, id_token=first["id_token"], nonce="one")
        found = await sent_in(person, id_token=second["id_token"], nonce="two")
        another = await sent_in(person, id_token=other["id_token"], nonce="three")
        [association] = await social.associations(made.json())

    assert [answer.status_code for answer in (made, found, another)] == [200, 200, 200]
    assert made.json() == found.json() != another.json()
    assert association.uid == "ada"


async def test_an_id_token_is_accepted_once_with_its_nonce_and_never_with_another(world: World) -> None:
    tokens = await phone_tokens(world, nonce="right")

    async with world.app(**EMBEDDED) as (_, person):
        wrong = await sent_in(person, id_token=tokens["id_token"], nonce="wrong")
        right = await sent_in(person, id_token=tokens["id_token"], nonce="right")
        again = await sent_in(person, id_token=tokens["id_token"], nonce="right")

    assert (wrong.status_code, wrong.json()["reason"]) == (401, "nonce")
    assert right.status_code == 200
    assert (again.status_code, again.json()["reason"]) == (401, "spent")


async def test_another_clients_id_token_is_refused_unless_the_app_names_that_client_its_own(world: World) -> None:
    other = world.provider.second_client_id
    tokens = await phone_tokens(world, nonce="one", client_id=other)

    async with world.app(**EMBEDDED) as (_, person):
        refused = await sent_in(person, id_token=tokens["id_token"], nonce="one")
    async with world.app(corp={"client_ids": [other]}, **EMBEDDED) as (_, person):
        accepted = await sent_in(person, id_token=tokens["id_token"], nonce="one")

    assert (refused.status_code, refused.json()["reason"]) == (401, "audience")
    assert accepted.status_code == 200


async def test_an_access_token_that_nothing_binds_to_the_app_is_refused(world: World) -> None:
    tokens = await phone_tokens(world, nonce="one")

    async with world.app(**EMBEDDED) as (_, person):
        unbound = await sent_in(person, access_token=tokens["access_token"])
        as_id_token = await sent_in(person, id_token=tokens["access_token"])

    assert (unbound.status_code, unbound.json()["reason"]) == (401, "unbound")
    assert (as_id_token.status_code, as_id_token.json()["reason"]) == (401, "kind")
