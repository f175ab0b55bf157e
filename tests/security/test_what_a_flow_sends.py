"""/associate: what a flow sends, and where its answer is taken. Rows SR-B03 to SR-B09 and SR-B12."""

import base64
import hashlib
import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from asgi_social import Social
from asgi_social.errors import SettingsError
from asgi_social.flow import cookie_name
from asgi_social.secret import Secret
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, Faults, ManualClock
from tests.app import BASE, app_of, browser, linked, query_of, settings
from tests.security.doors import (
    ISSUER,
    Network,
    corp,
    other,
    three_backends,
)

UNRESERVED = re.compile(r"[A-Za-z0-9._~-]{43,128}")
URL_SAFE = re.compile(r"[A-Za-z0-9_-]{22,}")
PROTECTED = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)


# --- SR-B03 to SR-B05: state, code_verifier, nonce -------------------------------------------------------------------


def spellings(text: str) -> set[str]:
    """Give a text plain, in base64 and in hexadecimal, in lower case."""
    encoded = base64.b64encode(text.encode()).decode().rstrip("=")
    return {one.lower() for one in (text, encoded, encoded.translate(str.maketrans("+/", "-_")), text.encode().hex())}


async def test_sr_b03_states_are_long_new_each_time_and_say_nothing() -> None:
    async with Social(**settings()) as social:
        begin = social.backend("github").begin
        user, target = "user-4711", "/settings"
        flows = [
            (await begin(user_id=user, redirect_uri=f"{BASE}/complete/github/", next_path=target))[0]
            for _ in range(1000)
        ]

    states = [flow.challenge.state.reveal() for flow in flows]
    assert len(set(states)) == 1000
    assert all(URL_SAFE.fullmatch(state) for state in states)
    told = spellings(user) | spellings(target) | spellings("github")
    assert not [state for state in states if any(word in state.lower() for word in told)]


async def test_sr_b03_nothing_of_the_person_goes_to_the_provider() -> None:
    async with Social(**settings()) as social, browser(app_of(social), user="user-4711") as client:
        begun = await client.get("/associate/github/?next=/my-own-page")

    location = begun.headers["location"].lower()
    assert not [word for word in spellings("user-4711") | spellings("/my-own-page") if word in location]


async def test_sr_b03_the_name_of_the_cookie_does_not_hold_the_state() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/")

    state = query_of(begun.headers["location"])["state"]
    [name] = client.cookies
    assert name == cookie_name(Secret(state), secure=True)
    assert state[:12] not in begun.headers["set-cookie"]


def s256_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@pytest.mark.parametrize("name", three_backends())
async def test_sr_b04_the_code_is_spent_with_the_verifier_of_its_own_challenge(name: str) -> None:
    network = Network()
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        locations = [(await client.get(f"/associate/{name}/")).headers["location"] for _ in range(2)]
        for location in locations:
            answer = {"code": "a-code", "state": query_of(location)["state"]}
            if name == "posting":
                carrier = (await client.post(f"/complete/{name}/", data=answer)).headers["location"]
                await client.get(carrier)
            else:
                await client.get(f"/complete/{name}/", params=answer)

    verifiers = [dict(parse_qsl(one.content.decode()))["code_verifier"] for one in network.token_requests()]
    hashed = [
        base64.urlsafe_b64encode(hashlib.sha256(one.encode()).digest()).rstrip(b"=").decode() for one in verifiers
    ]
    assert [query_of(location)["code_challenge"] for location in locations] == hashed
    assert {query_of(location)["code_challenge_method"] for location in locations} == {"S256"}
    assert len(set(verifiers)) == 2
    assert all(UNRESERVED.fullmatch(one) for one in verifiers)
    urls = [*locations, *(str(one.url) for one in network.asked)]
    assert not [url for url in urls if any(one in url for one in verifiers)]


async def test_sr_b04_pkce_is_left_out_only_where_the_provider_breaks_on_it() -> None:
    network = Network()
    backends = {"without": other("without", pkce="off")}
    async with Social(**settings(network, backends=backends)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/without/")
        state = query_of(begun.headers["location"])["state"]
        completed = await client.get("/complete/without/", params={"code": "a-code", "state": state})

    assert "code_challenge" not in begun.headers["location"]
    assert b"code_verifier" not in network.token_requests()[0].content
    assert completed.status_code == 303


async def test_sr_b05_every_start_at_openid_connect_sends_a_new_nonce() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        nonces = [query_of((await client.get("/associate/corp/")).headers["location"])["nonce"] for _ in range(3)]

    assert len(set(nonces)) == 3
    assert all(URL_SAFE.fullmatch(nonce) for nonce in nonces)


async def test_sr_b05_an_id_token_with_the_nonce_of_another_flow_is_refused() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        first = (await client.get("/associate/corp/")).headers["location"]
        second = (await client.get("/associate/corp/")).headers["location"]
        fake.faults = Faults(nonce=query_of(first)["nonce"])

        refused = await client.get(await fake.consent(second))
        fake.faults = Faults()
        passed = await client.get(await fake.consent(first))

        assert (refused.status_code, passed.status_code) == (502, 303)
        assert len(await social.associations("ada")) == 1


# --- SR-B06 and SR-B07: redirect_uri ---------------------------------------------------------------------------------

HOSTILE = (
    {"host": "evil.example"},
    {"host": "app.example:1234"},
    {"host": "app.example@evil.example"},
    {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http", "x-forwarded-port": "81"},
    {"forwarded": "for=1.2.3.4;host=evil.example;proto=http"},
    {"x-forwarded-prefix": "/evil", "x-original-url": "/evil", "x-rewrite-url": "/evil"},
    {"origin": "https://evil.example", "referer": "https://evil.example/"},
)


@pytest.mark.parametrize("headers", HOSTILE, ids=lambda headers: ",".join(headers))
async def test_sr_b06_no_header_shapes_the_redirect_uri(headers: Mapping[str, str]) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/github/?redirect_uri=https://evil.example/", headers=dict(headers))

    assert query_of(begun.headers["location"])["redirect_uri"] == f"{BASE}/complete/github/"


@pytest.mark.parametrize("host", ["app.example", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example"])
async def test_sr_b06_without_base_url_another_host_is_an_error_that_names_the_setting(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="asgi_social")
    async with Social(**settings(base_url=None)) as social, browser(app_of(social)) as client:
        answer = await client.get("/associate/github/", headers={"host": host, "accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (500, "settings")
    assert "location" not in answer.headers
    # Without base_url the app is in development; its makers find the setting in the log too, by the answer's id.
    assert "base_url" in answer.json()["hint"]
    [line] = [one.getMessage() for one in caplog.records if answer.json()["id"] in one.getMessage()]
    assert "base_url" in line


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
async def test_sr_b06_without_base_url_a_loopback_host_is_development(host: str) -> None:
    async with (
        Social(**settings(base_url=None)) as social,
        browser(app_of(social), base=f"http://{host}") as client,
    ):
        begun = await client.get("/associate/github/", headers={"x-forwarded-host": "evil.example"})

    assert query_of(begun.headers["location"])["redirect_uri"] == f"http://{host}/complete/github/"
    assert "secure" not in begun.headers["set-cookie"].lower()


async def test_sr_b07_the_token_request_repeats_the_redirect_uri_of_the_start() -> None:
    network, store = Network(), MemoryRepository()
    clock = ManualClock()
    async with (
        Social(**settings(network, database=store, clock=clock)) as before,
        Social(**settings(network, database=store, clock=clock, base_url="https://new.example/app")) as after,
    ):
        async with browser(app_of(before)) as client:
            begun = await client.get("/associate/github/")
            cookies = client.cookies
        async with browser(app_of(after)) as client:
            client.cookies = cookies
            state = query_of(begun.headers["location"])["state"]

            await client.get("/complete/github/", params={"code": "a-code", "state": state})

    sent = dict(parse_qsl(network.token_requests()[0].content.decode()))
    assert sent["redirect_uri"] == query_of(begun.headers["location"])["redirect_uri"] == f"{BASE}/complete/github/"


# --- SR-B08: the path of another backend -----------------------------------------------------------------------------


@pytest.mark.parametrize(("began", "arrives"), [("github", "other"), ("other", "github"), ("github", "posting")])
@pytest.mark.parametrize("path", ["/complete/{}/", "/associate/complete/{}/"])
async def test_sr_b08_an_answer_on_the_path_of_another_backend_is_refused_before_anything_is_sent(
    began: str, arrives: str, path: str
) -> None:
    network = Network()
    async with (
        Social(**settings(network, backends=three_backends())) as social,
        browser(app_of(social)) as client,
    ):
        begun = await client.get(f"/associate/{began}/")
        params = {"code": "a-code", "state": query_of(begun.headers["location"])["state"]}

        answer = await client.get(path.format(arrives), params=params, headers={"accept": "application/json"})

        assert (answer.status_code, answer.json()["reason"]) == (400, "issuer")
        assert network.asked == []
        assert await social.associations("ada") == []


async def test_sr_b08_two_backends_of_one_provider_do_not_take_each_others_answers() -> None:
    network = Network()
    backends = {"acme": other(), "initech": other()}
    async with Social(**settings(network, backends=backends)) as social, browser(app_of(social)) as client:
        begun = await client.get("/associate/acme/")
        params = {"code": "a-code", "state": query_of(begun.headers["location"])["state"]}

        answer = await client.get("/complete/initech/", params=params)

    assert answer.status_code == 400
    assert network.asked == []


# --- SR-B09 and SR-B12: what the request says ------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROTECTED)
async def test_sr_b09_no_parameter_of_the_request_replaces_what_the_standard_names(name: str) -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        clean = parse_qsl(urlsplit((await client.get("/associate/corp/")).headers["location"]).query)

        begun = await client.post(f"/associate/corp/?{name}=smuggled", data={name: "smuggled-too", "prompt": "none"})

    sent = parse_qsl(urlsplit(begun.headers["location"]).query)
    assert [key for key, _ in sent] == [key for key, _ in clean]
    assert len(dict(sent)) == len(sent)
    assert "smuggled" not in begun.headers["location"]


async def test_sr_b09_parameters_of_app_and_data_are_added_and_replace_nothing() -> None:
    data = {"display": "page", "state": "x", "client_id": "x", "redirect_uri": "x", "code_challenge_method": "plain"}
    backends = {"other": {**other(params=data), "params": {"theme": "dark"}}}
    async with Social(**settings(backends=backends)) as social, browser(app_of(social)) as client:
        sent = query_of((await client.get("/associate/other/")).headers["location"])

    assert (sent["theme"], sent["display"]) == ("dark", "page")
    assert (sent["client_id"], sent["code_challenge_method"]) == ("other-id", "S256")
    assert "x" not in sent.values()


@pytest.mark.parametrize("name", PROTECTED)
def test_sr_b09_the_settings_take_no_parameter_that_the_standard_names(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Social(**settings(backends={"other": {**other(), "params": {name: "x"}}}))

    assert caught.value.setting == f"backends.other.params.{name}"


async def test_sr_b12_what_the_completing_request_adds_changes_nothing() -> None:
    outcomes = []
    extra = {
        "user": "bob",
        "user_id": "bob",
        "next": "/stolen",
        "intent": "sign-in",
        "provider": "evil",
        "backend": "evil",
        "redirect_uri": "https://evil.example/",
        "client_id": "evil",
        "code_verifier": "evil",
        "nonce": "evil",
        "issuer": "https://evil.example",
    }
    for params in ({}, extra):
        network = Network()
        async with Social(**settings(network)) as social, browser(app_of(social)) as client:
            begun = await client.get("/associate/github/?next=/settings")
            state = query_of(begun.headers["location"])["state"]
            completed = await client.get("/complete/github/", params={"code": "a-code", "state": state, **params})
            [row] = await social.associations("ada")
            form = dict(parse_qsl(network.token_requests()[0].content.decode()))
            assert form.pop("code_verifier") != "evil"
            outcomes.append(
                (completed.status_code, completed.headers["location"], row.user_id, row.backend, row.uid, form)
            )
            assert await social.associations("bob") == []

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1] == "/settings"


# --- scope and offline -----------------------------------------------------------------------------------------------


async def asked_scope(client: httpx.AsyncClient, backend: str, query: str = "") -> list[str]:
    begun = await client.get(f"/associate/{backend}/{query}")
    return query_of(begun.headers["location"]).get("scope", "").replace(",", " ").split()


async def test_further_scope_is_asked_when_named_and_what_is_not_allowed_is_left_out() -> None:
    backends = {"other": {**other(), "scope": ["read"], "further_scope": ["write", "mail"]}}
    async with Social(**settings(backends=backends)) as social, browser(app_of(social)) as client:
        plain = await asked_scope(client, "other")
        further = await asked_scope(client, "other", "?scope=write,admin mail")
        only_foreign = await asked_scope(client, "other", "?scope=admin")

    assert plain == ["read"]
    assert further == ["read", "write", "mail"]
    assert only_foreign == ["read"]


async def test_granted_scope_only_grows() -> None:
    def granted(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "other-token", "scope": "read write"})

    backends = {"other": {**other(), "scope": ["read"], "further_scope": ["write"]}}
    async with (
        Social(**settings(Network(token=granted), backends=backends)) as social,
        browser(app_of(social)) as client,
        browser(app_of(social), user="bob") as stranger,
    ):
        await linked(client, "other")

        again = await asked_scope(client, "other")
        of_another_user = await asked_scope(stranger, "other")

    assert again == ["read", "write"]
    assert of_another_user == ["read"]


async def test_consent_is_forced_only_while_no_refresh_token_is_stored() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    backends = {"corp": {**fake.backend_settings(), "offline": True}}
    more = corp(fake) | {"backends": backends}
    async with Social(**settings(clock=clock, **more)) as social, browser(app_of(social)) as client:
        first = (await client.get("/associate/corp/")).headers["location"]
        await client.get(await fake.consent(first))

        second = (await client.get("/associate/corp/")).headers["location"]

    assert "offline_access" in query_of(first)["scope"].split()
    assert query_of(first)["prompt"] == "consent"
    assert "prompt" not in query_of(second)
    assert "offline_access" in query_of(second)["scope"].split()


async def test_without_offline_no_refresh_token_is_asked_for() -> None:
    clock = ManualClock()
    fake = FakeProvider(issuer=ISSUER, clock=clock)
    async with Social(**settings(clock=clock, **corp(fake))) as social, browser(app_of(social)) as client:
        location = (await client.get("/associate/corp/")).headers["location"]

    assert "prompt" not in query_of(location)
    assert "offline_access" not in query_of(location)["scope"]
