"""What can be done with an association: a token that works, and a client that keeps it so."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from asgi_social import Association, AssociationGone, CannotRenew, Social
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import settings
from tests.renewing import Acme, again, answer, at, backend_at

# When a renewal is due


@pytest.mark.parametrize(
    ("age", "token", "renewals"),
    [
        pytest.param(0, "access-0", 0, id="fresh"),
        pytest.param(3224, "access-0", 0, id="just outside the widest margin"),
        pytest.param(3301, "access-0", 1, id="inside the margin: at once, and renewed behind"),
        pytest.param(3539, "access-0", 1, id="just enough left"),
        pytest.param(3541, "access-1", 1, id="too little left: waits"),
        pytest.param(9999, "access-1", 1, id="ended: waits"),
    ],
)
async def test_a_token_of_an_hour_is_given_and_renewed_by_its_age(age: float, token: str, renewals: int) -> None:
    acme = Acme()
    async with at(acme) as there:
        there.clock.advance(age)

        got = await there.association.get_access_token()

        await there.at_rest()
    assert (got, len(acme.renewals)) == (token, renewals)


async def test_a_token_inside_the_margin_is_given_while_its_renewal_still_waits_for_the_provider() -> None:
    acme = Acme()
    acme.gate.clear()
    async with at(acme) as there:
        there.clock.advance(3400)

        got = await there.association.get_access_token()

        await acme.arrived.wait()
        assert not acme.gate.is_set()
        acme.gate.set()
        await there.at_rest()
        assert await (await there.stored()).get_access_token() == "access-1"
    assert got == "access-0"


async def test_a_failed_renewal_behind_a_caller_leaves_the_token_and_tells_the_app() -> None:
    acme = Acme()
    acme.answers = [httpx.Response(503)]
    async with at(acme) as there:
        there.clock.advance(3400)

        assert await there.association.get_access_token() == "access-0"

        await there.at_rest()
        assert await there.told() == ["renewal_failed"]


async def test_a_margin_of_the_provider_s_own_counts() -> None:
    acme = Acme(first={"expires_in": 100_000})
    async with at(acme, table={"refresh": {"early": 20_000}}) as there:
        there.clock.advance(74_999)
        await there.association.get_access_token()
        await there.at_rest()
        before = len(acme.renewals)
        there.clock.advance(5002)
        await there.association.get_access_token()
        await there.at_rest()

    assert (before, len(acme.renewals)) == (0, 1)


async def test_a_short_token_has_a_margin_of_a_fifth() -> None:
    acme = Acme(first={"expires_in": 600})
    async with at(acme) as there:
        there.clock.advance(449)
        await there.association.get_access_token()
        await there.at_rest()
        before = len(acme.renewals)
        there.clock.advance(32)
        await there.association.get_access_token()
        await there.at_rest()

    assert (before, len(acme.renewals)) == (0, 1)


async def test_a_margin_beyond_half_the_lifetime_does_not_renew_at_each_call() -> None:
    acme = Acme(first={"expires_in": 60})
    async with at(acme, table={"refresh": {"early": 86_400}}) as there:
        there.clock.advance(29)

        await there.association.get_access_token(min_lifetime=0)

        await there.at_rest()
    assert acme.renewals == []


async def test_a_wished_lifetime_beyond_half_the_token_s_counts_as_that_half() -> None:
    acme = Acme(first={"expires_in": 100})
    async with at(acme) as there:
        there.clock.advance(49)
        first = await there.association.get_access_token(min_lifetime=99)
        there.clock.advance(2)
        second = await there.association.get_access_token(min_lifetime=99)

    assert (first, second) == ("access-0", "access-1")


async def test_a_token_of_unknown_lifetime_is_given_as_it_is() -> None:
    acme = Acme(first={"expires_in": None})
    async with at(acme) as there:
        there.clock.advance(10**9)

        assert await there.association.get_access_token(min_lifetime=10**6) == "access-0"
    assert acme.renewals == []


async def test_a_token_from_a_renewal_just_awaited_is_given_whatever_its_lifetime() -> None:
    acme = Acme()
    acme.answers = [answer(1, expires_in=5)]
    async with at(acme) as there:
        there.clock.advance(3600)

        assert await there.association.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


async def test_a_token_from_a_renewal_just_awaited_is_given_also_where_its_lifetime_is_unknown() -> None:
    acme = Acme()
    acme.answers = [answer(1, expires_in=None)]
    async with at(acme) as there:
        there.clock.advance(3600)

        assert await there.association.get_access_token() == "access-1"
    assert len(acme.renewals) == 1


# What cannot be renewed


@pytest.mark.parametrize(
    ("first", "table"),
    [
        pytest.param({"refresh_token": None}, {}, id="no refresh token"),
        pytest.param({}, {"refresh": False}, id="the provider does not renew"),
        pytest.param({}, {"refresh": {"never_expires": True}}, id="never expires"),
    ],
)
async def test_what_cannot_be_renewed_is_not_and_its_token_is_given_while_it_lives(
    first: dict[str, object], table: dict[str, object]
) -> None:
    acme = Acme(first=first)
    async with at(acme, table=table) as there:
        there.clock.advance(3400)

        assert await there.association.get_access_token() == "access-0"
        assert not any(task.get_name().startswith("renew") for task in asyncio.all_tasks())
        with pytest.raises(CannotRenew) as raised:
            await there.association.refresh_token()
        there.clock.advance(200)
        with pytest.raises(CannotRenew):
            await there.association.get_access_token()

        assert raised.value.association_id == there.association.id
        assert (await there.stored()).status == "active"
    assert acme.renewals == []


async def test_tokens_of_another_client_id_are_not_sent_to_be_renewed() -> None:
    acme = Acme()
    backends = {"acme": backend_at(client_id="another-id")}
    async with at(acme) as there, again(there, acme, backends=backends) as social:
        [association] = await social.associations("ada")
        with pytest.raises(CannotRenew):
            await association.refresh_token()
    assert acme.renewals == []


async def test_an_association_of_a_backend_that_is_not_configured_any_more_is_not_renewed() -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme, backends={}) as social:
        [association] = await social.associations("ada")
        there.clock.advance(3400)
        token = await association.get_access_token()
        with pytest.raises(CannotRenew):
            await association.refresh_token()
    assert token == "access-0"
    assert acme.renewals == []


async def test_what_was_linked_by_an_id_token_alone_has_no_access_token_to_give_or_to_renew() -> None:
    fake = FakeProvider(issuer="https://id.example", clock=ManualClock())
    async with _by_id_token(fake, fake.backend_settings()) as association:
        for call in (association.get_access_token, association.refresh_token):
            with pytest.raises(CannotRenew):
                await call()


async def test_an_exchange_of_access_tokens_needs_one() -> None:
    fake = FakeProvider(issuer="https://id.example", clock=ManualClock())
    table = {
        "name": "corp",
        "title": "Corp",
        "protocol": "oidc",
        "oidc": {"endpoint": "https://id.example"},
        "refresh": {"with": "access_token"},
        "verify": [{"kind": "id_token"}],
    }
    backend = {"provider": table, "client_id": fake.client_id, "client_secret": fake.client_secret}
    async with _by_id_token(fake, backend) as association:
        with pytest.raises(CannotRenew):
            await association.refresh_token()
    assert fake.count("/token") == 0


@asynccontextmanager
async def _by_id_token(fake: FakeProvider, backend: Mapping[str, Any]) -> AsyncIterator[Association[Any]]:
    values = settings(backends={"corp": backend}, http_client=httpx.AsyncClient(transport=fake.transport()))
    async with Social(**values) as social:
        id_token = fake.issue_tokens("ada").get("id_token")
        yield await social.backend("corp").associate(id_token=id_token, user_id="ada")


async def test_an_association_that_was_unlinked_meanwhile_is_gone() -> None:
    acme = Acme()
    async with at(acme) as there:
        await there.social.disconnect("ada")

        with pytest.raises(AssociationGone) as raised:
            await there.association.refresh_token()

    assert raised.value.association_id == there.association.id
    assert acme.renewals == []


# What it tells


async def test_an_association_tells_whose_it_is_and_how_it_stands() -> None:
    async with at(Acme(first={"scope": "read write"})) as there:
        there.clock.advance(60)
        association = await there.stored()

        assert (association.backend, association.uid, association.user_id) == ("acme", "7", "ada")
        assert (association.username, association.email, association.fullname) == ("ada at acme", None, None)
        assert association.picture is None
        assert association.account["username"] == "ada at acme"
        assert association.scope == ("read", "write")
        assert (association.status, association.reason) == ("active", None)
        assert association.since == association.created_at == there.clock.now() - 60
        assert association.expires_at == there.clock.now() + 3540


async def test_an_association_shows_neither_tokens_nor_address() -> None:
    async with at(Acme()) as there:
        shown = f"{there.association!r} {there.association}"

    assert "access-0" not in shown
    assert shown.startswith("Association(")
    assert "ada" not in shown
