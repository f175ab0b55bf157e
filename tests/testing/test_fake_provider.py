"""The fake provider says what it is, writes down what it was asked, and is an ASGI app like any other."""

import asyncio
import socket

import httpx
import pytest
import uvicorn
from starlette.types import Message

from asgi_social.testing import FakeProvider, Faults, ManualClock, Person
from tests.testing.asking import ISSUER, bearer, location, params_in, renewed


async def test_the_metadata_name_every_endpoint_and_all_that_is_taken(http: httpx.AsyncClient) -> None:
    answer = await http.get("/.well-known/openid-configuration")

    assert answer.json() == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "jwks_uri": f"{ISSUER}/jwks",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": [
            "sub",
            "name",
            "given_name",
            "family_name",
            "preferred_username",
            "picture",
            "email",
            "email_verified",
        ],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


async def test_the_key_set_publishes_one_public_key(http: httpx.AsyncClient) -> None:
    [key] = (await http.get("/jwks")).json()["keys"]

    assert {name: key[name] for name in ("kty", "use", "alg", "kid")} == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": "key-1",
    }
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}


def test_the_settings_of_a_backend_are_those_of_the_first_client() -> None:
    fake = FakeProvider(client_id="mine", client_secret="mine too")
    fake.add_client("phone", "other")

    assert fake.backend_settings() == {
        "provider": "oidc",
        "issuer": ISSUER,
        "client_id": "mine",
        "client_secret": "mine too",
    }


async def test_an_issuer_with_a_path_has_its_endpoints_under_it_and_nowhere_else() -> None:
    fake = FakeProvider(issuer="https://id.example/tenant/")
    async with httpx.AsyncClient(transport=fake.transport(), base_url="https://id.example") as http:
        metadata = (await http.get("/tenant/.well-known/openid-configuration")).json()
        back = await fake.consent(location().replace(ISSUER, "https://id.example/tenant"))
        outside = await http.get("/jwks")

    assert (metadata["issuer"], metadata["jwks_uri"]) == (
        "https://id.example/tenant/",
        "https://id.example/tenant/jwks",
    )
    assert params_in(back)["iss"] == "https://id.example/tenant/"
    assert outside.status_code == 404
    assert (fake.count("/authorize"), fake.count("/jwks")) == (2, 0)


async def test_what_it_was_asked_is_written_down(fake: FakeProvider, http: httpx.AsyncClient) -> None:
    await http.post("/token?a=1", data={"b": "2", "c": ""}, headers={"X-Trace": "7"})
    await http.get("/nowhere")

    asked, nowhere = fake.requests
    assert (asked.method, asked.path, asked.query, asked.form) == ("POST", "/token", {"a": "1"}, {"b": "2"})
    assert asked.headers["x-trace"] == "7"
    assert (nowhere.method, nowhere.path) == ("GET", "/nowhere")
    assert (fake.count("/token"), fake.count("/nowhere"), fake.count("/jwks")) == (1, 1, 0)


async def test_another_method_is_told_which_ones_there_are(http: httpx.AsyncClient) -> None:
    answer = await http.get("/token")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_all_it_hands_out_bears_the_marker_and_is_the_same_at_every_run(clock: ManualClock) -> None:
    one, again, other = (FakeProvider(clock=clock, issuer=f"https://{host}.example") for host in ("a", "a", "b"))

    values = [fake.issue_tokens("ada")["access_token"] for fake in (one, again, other)]
    handed_out = [*one.issue_tokens("layla").values(), params_in(await one.consent(_at(one)))["code"]]

    assert values[0] == values[1] != values[2]
    assert values[0].startswith("fake-access-ada-")
    assert all("fake-" in value for value in handed_out if isinstance(value, str) and len(value) > 30)


def _at(fake: FakeProvider) -> str:
    return location().replace(ISSUER, fake.issuer)


@pytest.mark.parametrize("faults", [Faults(alg_none=True), Faults(signed_by_other_key=True)])
async def test_an_id_token_bears_the_marker_whatever_is_wrong_with_it(fake: FakeProvider, faults: Faults) -> None:
    fake.faults = faults

    assert "fake-" in fake.issue_tokens("ada")["id_token"].split(".")[1]


async def test_a_token_can_stand_in_a_header_whatever_the_person_is_called(clock: ManualClock) -> None:
    fake = FakeProvider(clock=clock, people=[Person(sub="1", username="ليلى x")])

    assert fake.issue_tokens("1")["access_token"].isascii()
    assert " " not in fake.issue_tokens("1")["access_token"]


async def test_over_a_socket_it_is_the_same_provider_and_stops_when_it_is_asked_to() -> None:
    clock = ManualClock()
    fake = FakeProvider(clock=clock)
    server = uvicorn.Server(uvicorn.Config(fake, log_level="critical", lifespan="on"))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        tokens = fake.issue_tokens("ada")
        told = await http.get("/userinfo", headers=bearer(tokens))
        fake.faults.cut = "after"
        with pytest.raises(httpx.RemoteProtocolError):
            await renewed(http, tokens)
        fake.faults = Faults(drip=True, where=["/jwks"])
        async with http.stream("GET", "/jwks") as dripping:
            await clock.until_asleep()
    server.should_exit = True
    while not serving.done():
        clock.advance(1)
        await asyncio.sleep(0)

    assert told.json()["sub"] == "person-1"
    assert dripping.status_code == 200
    assert tokens["refresh_token"] not in fake.tokens["ada"]


async def test_a_websocket_is_closed(fake: FakeProvider) -> None:
    sent = list[Message]()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await fake({"type": "websocket", "path": "/token", "headers": []}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]
    assert fake.requests == []
