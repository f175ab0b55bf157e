"""What a provider's answer to a renewal may change: not the person, not more rights, not where tokens go.

Rows SR-F07, SR-F08, SR-F09, and F-ID-09, 10, 13 and 17.
"""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social import CannotRenew, Event, NeedsReauth, ProviderError
from asgi_social.testing import FakeProvider, ManualClock
from asgi_social.transport import KEEP_AT_MOST_SECONDS
from tests.renewing import Acme, again, answer, at, backend_at
from tests.security.test_renewal_failures import pair

# SR-F07: the ID token


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param({"id_token_sub": "another"}, id="sub"),
        pytest.param({"wrong_issuer": True}, id="iss"),
        pytest.param({"audience": "another-app"}, id="aud"),
        pytest.param({"nonce": "another"}, id="nonce"),
        pytest.param({"signed_by_other_key": True}, id="signature"),
    ],
)
async def test_sr_f07_tokens_beside_an_id_token_of_another_are_stored_and_served_to_nobody(
    faults: dict[str, Any],
) -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        before = await there.row()
        for name, value in faults.items():
            setattr(fake.faults, name, value)

        with pytest.raises(NeedsReauth) as raised:
            await there.association.refresh_token()

        row, asked = await there.row(), fake.count("/token")
        for call in (there.association.refresh_token, (await there.stored()).get_access_token):
            with pytest.raises(NeedsReauth):
                await call()
        assert fake.count("/token") == asked
    assert (raised.value.reason, row.status, row.version) == ("suspect", "needs_reauth", before.version + 1)
    assert row.refresh_token != before.refresh_token


async def test_sr_f07_an_id_token_without_a_nonce_of_the_same_person_is_good() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    async with at(fake, clock=clock) as there:
        clock.advance(600)
        renewed = await there.association.refresh_token()

        assert renewed.status == "active"


# SR-F08 and F-ID-13: where the refresh token goes


async def test_sr_f08_no_refresh_token_goes_to_a_host_that_the_settings_name_by_now() -> None:
    acme, elsewhere = Acme(), Acme()
    moved = {"acme": backend_at({"token": {"url": "https://evil.example/token"}})}
    async with at(acme) as there:
        before = await there.row()
        async with again(there, elsewhere, backends=moved) as social:
            [association] = await social.associations("ada")
            there.clock.advance(3400)
            token = await association.get_access_token()
            with pytest.raises(CannotRenew) as raised:
                await association.refresh_token()
            await social.refresh_due()

        assert pair(await there.row()) == pair(before)
        assert (await there.row()).lease_id is None
    assert (token, elsewhere.renewals, acme.renewals) == ("access-0", [], [])
    assert "former_token_hosts=['acme.example']" in raised.value.hint


async def test_sr_f08_a_host_that_the_operator_confirms_gets_it_and_is_noted() -> None:
    acme = Acme()
    moved = {
        "acme": {**backend_at({"token": {"url": "https://new.example/token"}}), "former_token_hosts": ["acme.example"]}
    }
    async with at(acme) as there, again(there, acme, backends=moved) as social:
        [association] = await social.associations("ada")
        await association.refresh_token()

        assert (await there.row()).token_host == "new.example"
    assert [str(sent.url) for sent in acme.renewals] == ["https://new.example/token"]


async def test_sr_f08_another_client_id_renews_nothing() -> None:
    acme = Acme()
    async with at(acme) as there, again(there, acme, backends={"acme": backend_at(client_id="another")}) as social:
        [association] = await social.associations("ada")
        with pytest.raises(CannotRenew):
            await association.refresh_token()
    assert acme.renewals == []


async def test_sr_f08_tokens_of_which_nobody_knows_whence_they_are_go_where_the_settings_say_and_it_is_noted() -> None:
    acme = Acme()
    async with at(acme) as there:
        row = await there.row()
        await there.repository.save_tokens(replace(row, token_host="", version=2), replaces=1)
        await (await there.stored()).refresh_token()

        assert (await there.row()).token_host == "acme.example"


@pytest.mark.parametrize("what", ["token_endpoint", "issuer"])
async def test_f_id_13_metadata_that_change_overnight_send_no_refresh_token_away(what: str) -> None:
    clock, hosts = ManualClock(), list[str]()
    fake = FakeProvider(issuer="https://id.example", clock=clock)
    changed = dict[str, str]()

    async def provider(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        answered = await fake.transport().handle_async_request(request)
        body = await answered.aread()
        if request.url.path.endswith("/openid-configuration"):
            return httpx.Response(200, json={**httpx.Response(200, content=body).json(), **changed})
        return httpx.Response(answered.status_code, headers=answered.headers, content=body)

    async with at(fake, clock=clock) as there:
        before = await there.row()
        backends = {"corp": fake.backend_settings()}
        http_client = httpx.AsyncClient(transport=httpx.MockTransport(provider))
        changed[what] = "https://evil.example/token"
        clock.advance(KEEP_AT_MOST_SECONDS)
        async with again(there, Acme(), backends=backends, http_client=http_client) as social:
            [association] = await social.associations("ada")
            with pytest.raises((CannotRenew, ProviderError)):
                await association.refresh_token()

        assert pair(await there.row()) == pair(before)
    assert set(hosts) == {"id.example"}


# SR-F09: scope


async def test_sr_f09_fewer_scopes_are_stored_and_told() -> None:
    acme = Acme(first={"scope": "read write"})
    acme.answers = [answer(1, scope="read"), answer(2, scope="read write")]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        stored = await there.stored()
        again_renewed = await renewed.refresh_token()
        await there.told()
        odd = [event.reason for event in there.events if event.name == "renewal_odd"]

    assert (renewed.scope, stored.scope, again_renewed.scope) == (("read",), ("read",), ("read",))
    assert odd == ["scope_fewer", "scope_more"]


async def test_sr_f09_more_scopes_are_told_and_not_believed() -> None:
    acme = Acme(first={"scope": "read"})
    acme.answers = [answer(1, scope="admin read")]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        await there.told()

        assert ((await there.stored()).scope, renewed.scope) == (("read",), ("read",))
        assert [(event.name, event.reason) for event in there.events] == [
            ("renewal_odd", "scope_more"),
            ("renewed", None),
        ]


# F-ID-09 and F-ID-10: what is in the answer


async def test_f_id_09_without_a_refresh_token_the_old_one_is_kept() -> None:
    acme = Acme()
    acme.answers = [answer(1, refresh_token=None)]
    async with at(acme) as there:
        before = await there.row()
        renewed = await there.association.refresh_token()
        row = await there.row()
        await renewed.refresh_token()

    assert row.access_token != before.access_token
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-0"]


@pytest.mark.parametrize(
    "answered",
    [
        *(answer(1, access_token=value) for value in ("", 7, 7.5, ["access-1"], {"a": "b"}, True, "a b", "a\nb", "ä")),
        httpx.Response(200, content=b'{"access_token": null}'),
        httpx.Response(200, json={"error": "server_error"}),
        httpx.Response(200, json={"error": "server_error", "access_token": "access-1"}),
        httpx.Response(200, json=["access-1"]),
        httpx.Response(200, json="access-1"),
    ],
)
async def test_f_id_10_an_answer_without_a_usable_access_token_writes_nothing(answered: httpx.Response) -> None:
    acme = Acme()
    acme.answers = [answered]
    async with at(acme) as there:
        before = await there.row()
        with pytest.raises(ProviderError):
            await there.association.refresh_token()

        assert pair(await there.row()) == pair(before)


# F-ID-17: lifetimes


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        pytest.param(None, None, id="missing"),
        pytest.param('"3600"', 3600, id="text"),
        pytest.param("0", None, id="zero"),
        pytest.param("-1", None, id="negative"),
        pytest.param("1e30", None, id="huge"),
        pytest.param("1" + "0" * 400, None, id="of four hundred digits"),
        pytest.param("true", None, id="boolean"),
        pytest.param("3600000", None, id="milliseconds"),
    ],
)
async def test_f_id_17_an_odd_lifetime_costs_no_token_and_makes_no_loop(
    lifetime: str | None, seconds: float | None
) -> None:
    acme = Acme()
    said = "" if lifetime is None else f', "expires_in": {lifetime}'
    body = '{"access_token": "access-1", "refresh_token": "refresh-1"' + said + "}"
    acme.answers = [httpx.Response(200, content=body.encode(), headers={"content-type": "application/json"})]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        for _ in range(60):
            assert await renewed.get_access_token() == "access-1"
            await there.social.refresh_due()
            there.clock.advance(1)
        await there.at_rest()
        row = await there.row()

    assert renewed.expires_at == (None if seconds is None else there.clock.now() - 60 + seconds)
    assert (row.version, row.renew_at is None) == (2, seconds is None)
    assert len(acme.renewals) == 1


@pytest.mark.parametrize("lifetime", ["NaN", "-Infinity", "1e999"])
async def test_f_id_17_a_lifetime_that_is_no_json_costs_no_token_and_is_told(lifetime: str) -> None:
    acme = Acme()
    body = f'{{"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": {lifetime}}}'
    acme.answers = [httpx.Response(200, content=body.encode())]
    async with at(acme) as there:
        renewed = await there.association.refresh_token()
        token = await renewed.get_access_token()
        told = await there.told()
        reason = there.events[0].reason
        await renewed.refresh_token()

    assert (token, renewed.expires_at) == ("access-1", None)
    assert (told, reason) == (["renewal_odd", "renewed"], "lifetime")
    assert [sent["refresh_token"] for sent in acme.parameters] == ["refresh-0", "refresh-1"]


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_sr_f08_unlinking_tells_no_refresh_token_to_a_provider_that_did_not_give_it(is_confirmed: bool) -> None:
    told = list[str]()
    acme = Acme()

    async def elsewhere(request: httpx.Request) -> httpx.Response:
        told.append(request.url.host)
        return httpx.Response(200)

    backend = backend_at(
        {"token": {"url": "https://new.example/token"}, "revoke": {"url": "https://new.example/revoke"}}
    )
    former = {"former_token_hosts": ["acme.example"]} if is_confirmed else {}
    events = list[Event]()
    http_client = httpx.AsyncClient(transport=httpx.MockTransport(elsewhere))
    moved = {"backends": {"acme": {**backend, **former}}, "http_client": http_client, "on_event": events.append}
    async with at(acme) as there:
        async with again(there, acme, **moved) as social:
            await social.disconnect("ada")
            await there.at_rest()

        assert await there.social.associations("ada") == []
    assert told == (["new.example"] if is_confirmed else [])
    assert [event.name for event in events] == ["disconnected", *([] if is_confirmed else ["revocation_failed"])]
