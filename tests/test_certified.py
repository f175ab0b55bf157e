"""Our relying party against the certified provider, over sockets: linking, unlinking, and a provider amiss.

Nothing in between is a fake, and nothing of the other side is ours.
"""

import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from asgi_social import CannotRenew, ProviderBroken, ProviderUnreachable
from tests import certified_app
from tests.app import query_of
from tests.certified import consent, deny, running_provider
from tests.certified_app import LIFETIME, Asked, World, linked, only, refresh_token_of, sent_to_provider
from tests.served import url_of

pytestmark = pytest.mark.node

bound, provider, world, asked = certified_app.bound, certified_app.provider, certified_app.world, certified_app.asked


@pytest.mark.parametrize(
    ("login", "username", "email", "verified"),
    [
        pytest.param("ada", "ada", "ada@people.example", True, id="verified"),
        pytest.param("grace", "amazing", "grace@people.example", False, id="unverified"),
        pytest.param("zoë/7", "zoë", None, False, id="no-address"),
    ],
)
async def test_a_click_and_consent_link_the_account_as_the_provider_describes_it(
    world: World, login: str, username: str, email: str | None, verified: bool
) -> None:
    async with world.app() as (social, person):
        location = await sent_to_provider(person)
        address = await consent(person.http, location, login=login)
        completed = await person.arrive(address)
        association = await only(social)
        seen = (await person.call("/settings")).json()

    sent, answered = query_of(location), query_of(address)
    assert location.startswith(f"{world.provider.issuer}/auth?")
    assert sent["code_challenge_method"] == "S256"
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    assert (answered["state"], answered["iss"]) == (sent["state"], world.provider.issuer)
    assert (completed.status_code, completed.headers["location"]) == (303, "/associate/")
    assert (association.uid, association.username, association.email) == (login, username, email)
    assert association.account["email_verified"] is verified
    assert association.expires_at == world.clock.now() + LIFETIME
    assert seen == [login]


async def test_an_answer_is_good_once_also_where_its_cookie_comes_back(world: World, asked: Asked) -> None:
    async with world.app() as (social, person):
        address = await consent(person.http, await sent_to_provider(person), login="ada")
        cookies = httpx.Cookies(person.http.cookies)
        await person.arrive(address)
        before = asked.count()

        again = await person.call(address)
        person.http.cookies = cookies
        with_the_cookie = await person.call(address)
        associations = await social.associations("7")

    assert (again.status_code, again.json()["reason"]) == (400, "missing")
    assert (with_the_cookie.status_code, with_the_cookie.json()["reason"]) == (400, "spent")
    assert (len(associations), asked.count()) == (1, before)


async def test_a_persons_no_is_a_page_of_403_and_nothing_is_stored(world: World, asked: Asked) -> None:
    async with world.app() as (social, person):
        address = await deny(person.http, await sent_to_provider(person))
        denied = await person.arrive(address)
        associations = await social.associations("7")

    assert query_of(address)["error"] == "access_denied"
    assert denied.status_code == 403
    assert "consent_denied" in denied.text
    assert (associations, asked.count()) == ([], 0)


@pytest.mark.parametrize(
    ("changed", "status", "code", "says"),
    [
        pytest.param({"nonce": "another"}, 502, "provider_broken", "nonce", id="nonce"),
        pytest.param({"code_challenge": "A" * 43}, 502, "provider_refused", "invalid_grant", id="verifier"),
        pytest.param({"client_id": "app-two"}, 502, "provider_refused", "invalid_grant", id="client"),
    ],
)
async def test_a_code_of_another_request_than_ours_links_nothing(
    world: World, changed: dict[str, str], status: int, code: str, says: str
) -> None:
    async with world.app(offline=False) as (social, person):
        location = httpx.URL(await sent_to_provider(person)).copy_merge_params(changed)
        answer = await person.call(await consent(person.http, str(location), login="ada"))
        associations = await social.associations("7")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert says in answer.json()["detail"]
    assert associations == []


@pytest.mark.parametrize("issuer", [pytest.param("http://localhost:1", id="another"), pytest.param(None, id="none")])
async def test_an_answer_that_does_not_name_the_issuer_is_refused_before_its_code_is_sent(
    world: World, asked: Asked, issuer: str | None
) -> None:
    async with world.app() as (social, person):
        address = httpx.URL(await consent(person.http, await sent_to_provider(person), login="ada"))
        bent = address.copy_remove_param("iss") if issuer is None else address.copy_set_param("iss", issuer)
        answer = await person.call(str(bent))
        associations = await social.associations("7")

    assert (answer.status_code, answer.json()["reason"]) == (400, "issuer")
    assert (associations, asked.count()) == ([], 0)


async def test_offline_asks_for_a_refresh_token_and_forces_consent_only_while_there_is_none(world: World) -> None:
    async with world.app() as (social, person):
        first_asked = query_of(await sent_to_provider(person))
        first = await refresh_token_of(social, await linked(social, person))
        second_asked = query_of(await sent_to_provider(person))
        again = await linked(social, person)
        second = await refresh_token_of(social, again)
        renewed = await again.refresh_token()

    assert "offline_access" in first_asked["scope"].split()
    assert first_asked["prompt"] == "consent"
    assert "prompt" not in second_asked
    assert second == first
    assert renewed.expires_at == world.clock.now() + LIFETIME


async def test_without_offline_there_is_nothing_to_renew_with(world: World) -> None:
    async with world.app(offline=False) as (social, person):
        sent = query_of(await sent_to_provider(person))
        association = await linked(social, person)
        token = await association.get_access_token()
        in_a_view = await person.call("/corp/renewed")
        with pytest.raises(CannotRenew):
            await association.refresh_token()

    assert "offline_access" not in sent["scope"].split()
    assert "prompt" not in sent
    assert token
    assert (in_a_view.status_code, in_a_view.json()["code"]) == (409, "cannot_renew")


@pytest.mark.parametrize(("backend", "method"), [("corp", "client_secret_basic"), ("posting", "client_secret_post")])
async def test_unlinking_revokes_at_the_provider_by_either_way_to_send_the_secret(
    world: World, backend: str, method: str
) -> None:
    sent: list[tuple[str, str]] = []

    async def note(request: httpx.Request) -> None:
        if request.method == "POST":
            in_the_body = b"client_secret=" in await request.aread()
            ways = {(True, False): "client_secret_basic", (False, True): "client_secret_post"}
            sent.append((request.url.path, ways["authorization" in request.headers, in_the_body]))

    async with (
        httpx.AsyncClient(trust_env=False, event_hooks={"request": [note]}) as own,
        world.app(http_client=own) as (social, person),
    ):
        association = await linked(social, person, backend=backend)
        access_token = await association.get_access_token()
        refresh_token = await refresh_token_of(social, association)
        alive = await world.is_active(refresh_token, backend)
        unlinked = await person.click(f"/disconnect/{backend}/{association.id}/")
        left = await social.associations("7")

    # The provider is told behind the answer, and the app's end waits for it.
    assert (unlinked.status_code, left, alive) == (303, [], True)
    assert not await world.is_active(refresh_token, backend)
    assert not await world.is_active(access_token, backend)
    assert sent == [("/token", method), ("/token/revocation", method)]


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("http://localhost:{port}", id="another-name-of-the-host"),
        pytest.param("http://127.0.0.1:{port}/", id="a-slash-too-many"),
    ],
)
async def test_an_issuer_that_the_metadata_do_not_name_is_a_page_that_says_what_to_set(
    world: World, written: str
) -> None:
    issuer = written.format(port=httpx.URL(world.provider.issuer).port)

    async with world.app(corp={"issuer": issuer}, embedded_users=True) as (social, person):
        page = await person.click("/associate/corp/")
        with pytest.raises(ProviderBroken) as caught:
            await social.backend("corp").do_auth(id_token="e30.e30.c2ln")

    assert page.status_code == 502
    assert "set the issuer exactly as" in page.text
    assert (caught.value.endpoint, caught.value.expected) == ("metadata document", f"the issuer {issuer}")


async def test_an_issuer_without_metadata_is_a_page_that_names_the_metadata_document(world: World) -> None:
    async with world.app(corp={"issuer": f"{world.provider.issuer}/realms/corp"}) as (_, person):
        page = await person.click("/associate/corp/")

    assert page.status_code == 502
    assert "metadata document" in page.text


async def test_a_provider_that_goes_away_is_a_503_and_costs_no_association(
    bound: socket.socket, tmp_path: Path
) -> None:
    with ExitStack() as until_gone:
        running = running_provider(redirect_uris=[f"{url_of(bound)}/complete/corp/"])
        provider = until_gone.enter_context(running)
        world = World(provider=provider, bound=bound, database=f"sqlite+aiosqlite:///{tmp_path / 'social.db'}")
        async with world.app() as (social, person):
            before = await linked(social, person)
            address = await consent(person.http, await sent_to_provider(person), login="ada")
            until_gone.close()

            completed = await person.arrive(address)
            renewed = await person.call("/corp/renewed")
            with pytest.raises(ProviderUnreachable):
                await before.refresh_token()
            after = await only(social)
            token = await after.get_access_token()
    async with world.app() as (_, person):
        begun = await person.click("/associate/corp/")

    assert [answer.status_code for answer in (completed, renewed, begun)] == [503, 503, 503]
    assert "provider_unreachable" in begun.text
    assert begun.headers["retry-after"] == renewed.headers["retry-after"] == "30"
    assert (after.id, after.status) == (before.id, "active")
    assert token == await before.get_access_token()
