"""A fake in a provider's shape: each key of the data has its part in it, and what is not as the data say is refused."""

from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from joserfc.jwk import ECKey

from asgi_social import SettingsError
from asgi_social.testing import FakeProvider, Person, fakes_of, transport_to
from tests.testing.trips import PEM, SECRET, trip, with_

KEYS = {"issuer": ["https://own.example"], "jwks": "https://own.example/keys"}
JWT = {"alg": "ES256", "kid": "a-key", "iss": "{client_id}", "sub": "{client_id}", "aud": "https://own.example"}
ONE_ADDRESS = "https://own.example/api?method="
PEM_OF_ANOTHER = ECKey.generate_key("P-256").as_pem(private=True).decode()
OURS = {"client_id": "an-id", "client_secret": SECRET, "code": "x"}
JSON = {"content-type": "application/json"}
BEARER = {"authorization": "Bearer x"}
GITHUB = {"client_id": "an-id", "client_secret": SECRET}
ASKED = {"client_id": "an-id", "redirect_uri": "https://app.example/", "response_type": "code"}
OK_RULES = {"ok": "done", "code": "code", "message": "text"}


SHAPES = [
    pytest.param(
        with_(
            authorize={
                "rename": {"client_id": "appid", "scope": "perms"},
                "drop": ["response_type"],
                "scope": ["a", "b"],
                "scope_sep": ",",
            },
            callback={"code_param": "auth_code"},
            token={
                "method": "GET",
                "rename": {"client_id": "appid", "client_secret": "secret", "code": "auth_code"},
                "path": "data",
                "access_token": "accessToken",
                "expires": "lives",
                "expires_unit": "ms",
            },
            refresh={"rename": {"client_id": "appid", "client_secret": "secret", "refresh_token": "old"}},
            errors=OK_RULES,
        ),
        id="other names",
    ),
    pytest.param(
        with_(
            token={"auth": "header:X-Secret", "send": "json", "expires_unit": "epoch"},
            userinfo={
                "requests": [{"id": "more", "url": "https://own.example/{token.place}"}],
                "auth": "name:X-Token",
                "method": "POST",
                "body": {"form": {"app": "{client_id}"}},
            },
            revoke={"url": "https://own.example/end", "style": "own", "body": {"json": {"old": "{refresh_token}"}}},
        ),
        id="headers and JSON",
    ),
    pytest.param(
        with_(
            token={"auth": "secret_jwt", "secret_jwt": JWT, "drop": ["redirect_uri", "client_id"]},
            userinfo={"auth": "none", "params": {"token": "{access_token}", "sign": "{sign}"}},
            calc={"sign": {"sign": "hmac_sha256", "key": "{client_secret}", "data": "{access_token}"}},
        )
        | {"client_secret": PEM},
        id="a signed secret, and a sign",
    ),
    pytest.param(
        with_(
            token={"url": f"{ONE_ADDRESS}token", "auth": "basic+body"},
            userinfo={
                "url": f"{ONE_ADDRESS}me",
                "requests": [
                    {"id": "more", "url": f"{ONE_ADDRESS}more&of={{userinfo.team}}", "path": "list[0]"},
                    {"id": "ping", "url": "https://own.example/{userinfo.place}/{part}", "format": "none"},
                ],
            },
            vars={"part": {"default": "x"}},
            uid={"path": "{team}:{id}"},
            account={"email": "$more.email", "fullname": "{first} {last?}"},
            verify=[{"url": f"{ONE_ADDRESS}me", "app": "app.id", "subject": "subject"}],
            policy=[{"path": "member", "op": "is_true", "error": "it is no member's"}],
        ),
        id="one address for all",
    ),
    pytest.param(
        with_(
            token={"auth": "none"},
            authorize={"pkce": "required"},
            userinfo={"source": "token"},
            uid={"path": "$token.user.id"},
            refresh={"never_expires": True},
        ),
        id="a public client",
    ),
    pytest.param(
        with_(
            id_token={**KEYS, "algs": ["HS256"], "issuer": ["https://own.example/{claim.tenant}"]},
            userinfo={"source": "id_token"},
            uid={"path": "oid"},
            refresh={"rotates": False, "params": {"grant_type": "renew"}},
            verify=[{"kind": "id_token", "subject": "oid"}],
        ),
        id="an ID token with the app's secret",
    ),
    pytest.param(with_(protocol="oidc", id_token=KEYS, uid={"path": "oid"}), id="OpenID Connect with uids of its own"),
    pytest.param(
        with_(
            token={"auth": "bearer_secret"},
            verify=[
                {
                    "url": "https://own.example/about",
                    "method": "POST",
                    "auth": "app",
                    "body": {"form": {"token": "{access_token}"}},
                    "app": "app",
                    "active": "alive",
                    "expires": "exp",
                    "must": {"kind": "user"},
                }
            ],
        ),
        id="a look-up by the app",
    ),
    pytest.param(
        with_(
            authorize={"response_type": "Assertion", "state_in": "redirect", "fragment": "redirect"},
            token={"send": "query", "format": "query", "auth": "none", "params": {"hash": "{hash}"}},
            userinfo={
                "url": "{token.home}/me",
                "hosts": ["*.own.example"],
                "format": "jsonp",
                "path": "$answer[0].user",
                "requests": [
                    {"id": "whoami", "url": "https://own.example/whoami", "format": "text", "first": True},
                    {"id": "more", "url": "https://own.example/more/{whoami.text}", "format": "xml", "path": "R.u"},
                    {"id": "member", "url": "https://own.example/member/{userinfo.id}", "format": "none"},
                ],
            },
            calc={"hash": {"sign": "sha256", "data": "{client_secret}|{code}", "case": "upper"}},
            account={"fullname": "$more.name", "username": "$whoami.text"},
            policy=[
                {"status_of": "member", "error": "it is no member's"},
                {"op": "any_of", "path": "groups", "setting": "groups", "error": "it is in no group"},
            ],
        )
        | {"groups": ["staff"]},
        id="answers in other formats",
    ),
    pytest.param(
        with_(
            userinfo={"url": "https://own.example/me", "format": "query"},
            account={"email": "email"},
            errors={"ok": "status", "ok_is": "fine"},
            calc={"inner": {"sign": "md5", "data": "{access_token}"}, "outer": {"sign": "md5", "data": "{inner}"}},
        ),
        id="a word when all is well",
    ),
]


@pytest.mark.parametrize("settings", SHAPES)
async def test_a_whole_trip_goes_through_in_each_shape(settings: dict[str, Any]) -> None:
    async with trip("own", settings) as one:
        association = await one.link()
        first = token = await association.get_access_token()
        one.clock.advance(3000)
        assert await association.get_access_token() == first
        if "never_expires" not in settings["provider"].get("refresh", {}):
            one.clock.advance(601)
            token = await association.get_access_token()
            assert token != first
        proofs = settings["provider"].get("verify", [{}])
        if "url" in proofs[0]:
            assert await one.backend.do_auth(token) == "7"
        if proofs[0].get("kind") == "id_token":
            assert await one.backend.do_auth(id_token=one.fake.issue_tokens("ada")["id_token"]) == "7"
        await one.browser.unlink("own")

    assert token.startswith("fake-access-ada")
    assert one.fake.count("/revoke") == ("revoke" in settings["provider"])


@pytest.mark.parametrize(
    "auth", ["body", "basic", "basic+body", "bearer_secret", "header:X-Secret", "secret_jwt", "metadata"]
)
async def test_another_secret_is_refused_however_it_is_shown(auth: str) -> None:
    settings = with_(token={"auth": auth, **({"secret_jwt": JWT} if auth == "secret_jwt" else {})})
    secrets = (PEM, PEM_OF_ANOTHER) if auth == "secret_jwt" else (SECRET, "another secret")

    async with trip("own", settings | {"client_secret": secrets[0]}, known_there={"client_secret": secrets[1]}) as one:
        with pytest.raises(AssertionError, match=r"answers 502.*provider_refused"):
            await one.link()


async def test_a_secret_that_is_no_signed_one_is_refused() -> None:
    fake = fakes_of({"own": with_(token={"auth": "secret_jwt", "secret_jwt": JWT}) | {"client_secret": PEM}})["own"]

    answer = await asked(fake, "POST", "/token", data={"code": "x", "client_id": "an-id", "client_secret": "no JWT"})

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


REFUSED = [
    pytest.param(
        with_(), "POST", "/token", {"data": {"grant_type": "guess", "code": "x"}}, "invalid_client", id="nobody"
    ),
    pytest.param(
        with_(),
        "POST",
        "/token",
        {"data": {**OURS, "grant_type": "guess"}},
        "unsupported_grant_type",
        id="another grant",
    ),
    pytest.param(with_(), "POST", "/token", {"data": OURS}, "invalid_request", id="no grant"),
    pytest.param(
        with_(token={"send": "json"}),
        "POST",
        "/token",
        {"content": b"{", "headers": JSON},
        "invalid_client",
        id="no JSON",
    ),
    pytest.param(
        with_(token={"send": "json"}),
        "POST",
        "/token",
        {"content": b"[]", "headers": JSON},
        "invalid_client",
        id="a list",
    ),
    pytest.param(with_(), "GET", "/me", {"headers": {"authorization": "Basic x"}}, "invalid_token", id="no bearer"),
    pytest.param(
        with_(userinfo={"auth": "header:Own"}), "GET", "/me", {"headers": BEARER}, "invalid_token", id="another scheme"
    ),
    pytest.param(
        with_(userinfo={"params": {"app": "{client_id}"}}),
        "GET",
        "/me",
        {"headers": BEARER},
        "invalid_request",
        id="param",
    ),
    pytest.param(with_(userinfo={"auth": "app"}), "GET", "/me", {}, "invalid_client", id="not the app"),
    pytest.param(with_(userinfo={"auth": "basic"}), "GET", "/me", {}, "invalid_client", id="no Basic"),
]


@pytest.mark.parametrize(("settings", "method", "path", "sent", "error"), REFUSED)
async def test_what_is_not_as_the_data_say_is_refused(
    settings: dict[str, Any], method: str, path: str, sent: dict[str, Any], error: str
) -> None:
    answer = await asked(fakes_of({"own": settings})["own"], method, path, **sent)

    assert answer.json()["error"] == error


CHALLENGE = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}


@pytest.mark.parametrize(
    ("pkce", "more", "said"),
    [
        pytest.param("off", CHALLENGE, "error=invalid_request", id="off, with"),
        pytest.param("supported", CHALLENGE, "code=fake-code", id="supported, with"),
        pytest.param("supported", {}, "code=fake-code", id="supported, without"),
        pytest.param("required", {}, "error=invalid_request", id="required, without"),
    ],
)
async def test_a_challenge_is_taken_as_the_data_say(pkce: str, more: dict[str, str], said: str) -> None:
    fake = fakes_of({"own": with_(authorize={"pkce": pkce})})["own"]

    back = await fake.consent(f"https://own.example/authorize?{urlencode({**ASKED, **more})}")

    assert said in back


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        pytest.param({}, (400, {"error": "invalid_request", "error_description": "grant_type is missing"}), id="none"),
        pytest.param(
            OK_RULES, (200, {"done": False, "code": "invalid_request", "text": "grant_type is missing"}), id="all"
        ),
        pytest.param({"ok": "done:bool"}, (200, {"done": "false"}), id="a flag alone"),
        pytest.param({"code": "error.code"}, (200, {"error": {"code": "invalid_request"}}), id="a code alone"),
    ],
)
async def test_an_error_stands_where_the_data_look_for_it(rules: dict[str, str], answer: tuple[int, object]) -> None:
    fake = fakes_of({"own": with_(errors=rules)})["own"]

    said = await asked(fake, "POST", "/token", data=OURS)

    assert (said.status_code, said.json()) == answer


async def test_a_parameter_that_the_data_keep_comes_in_the_callback_and_not_with_the_tokens() -> None:
    settings = with_(
        callback={"keep": ["user", "mood"]}, account={"fullname": "$token.user.name", "username": "$token.mood"}
    )
    async with trip("own", settings) as one:
        begun = await one.browser.get("/associate/own/")
        url = httpx.URL(await one.fake.consent(begun.headers["location"], person="ada"))
        association = await one.link()
    fake = fakes_of({"own": settings})["own"]
    code = httpx.URL(await fake.consent(f"https://own.example/authorize?{urlencode(ASKED)}")).params["code"]
    form = {**OURS, "grant_type": "authorization_code", "code": code, "redirect_uri": ASKED["redirect_uri"]}
    tokens = (await asked(fake, "POST", "/token", data=form)).json()

    assert (url.params["user"], url.params["mood"]) == ('{"name": "Ada Lovelace"}', "ada")
    assert (association.fullname, association.username) == ("Ada Lovelace", "ada")
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token"}


async def test_an_account_without_an_address_or_a_picture_is_told_as_it_is() -> None:
    person = Person(sub="person-9", username="nobody")
    fake = fakes_of({"github": GITHUB}, people=[person])["github"]
    token = fake.issue_tokens("nobody")["access_token"]

    answer = await asked(fake, "GET", "https://api.github.com/user", headers={"authorization": f"token {token}"})

    assert answer.json() == {"id": "person-9", "login": "nobody"}


async def test_the_lists_of_a_provider_are_told_as_its_data_read_them() -> None:
    fake = fakes_of({"github": GITHUB})["github"]
    token = {"authorization": f"token {fake.issue_tokens('ada')['access_token']}"}

    answer = await asked(fake, "GET", "https://api.github.com/user/emails", headers=token)

    assert answer.json() == [{"primary": True, "email": "ada@people.example", "verified": True}]


@pytest.mark.parametrize(
    ("main", "further", "asked_for", "told"),
    [
        pytest.param("/me", "/{userinfo.place}", "/me", {"id", "username", "place"}, id="the exact one of two"),
        pytest.param("/me", "/{userinfo.place}", "/other", {"email"}, id="a name that is filled in"),
        pytest.param("/api", "/api?of=more", "/api?of=more", {"email"}, id="the one with the parameter"),
        pytest.param("/api", "/api?of=more", "/api", {"id", "username"}, id="the one without"),
        pytest.param("/api", "/api", "/api", {"id", "username", "email"}, id="both at once"),
    ],
)
async def test_of_addresses_that_fit_the_most_exact_is_answered(
    main: str, further: str, asked_for: str, told: set[str]
) -> None:
    more = {"id": "more", "url": f"https://own.example{further}"}
    settings = with_(
        userinfo={"url": f"https://own.example{main}", "requests": [more]}, account={"email": "$more.email"}
    )
    fake = fakes_of({"own": settings}, people=[Person(sub="person-9", username="nobody", email="n@people.example")])
    token = fake["own"].issue_tokens("nobody")["access_token"]

    answer = await asked(fake["own"], "GET", asked_for, headers={"authorization": f"Bearer {token}"})

    assert set(answer.json()) == told


async def test_one_transport_reaches_several_fakes_and_nobody_else() -> None:
    fakes = fakes_of({"github": GITHUB, "off": {"enabled": False}, "spotify": GITHUB})
    urls = ["https://api.github.com/user", "https://api.spotify.com/v1/me", "https://api.github.com/other"]

    async with httpx.AsyncClient(transport=transport_to(fakes.values())) as http:
        answers = [await http.get(url) for url in [*urls, "https://elsewhere.example/user"]]

    assert list(fakes) == ["github", "spotify"]
    assert [answer.status_code for answer in answers] == [401, 401, 404, 404]
    assert [fake.count("/userinfo") for fake in fakes.values()] == [1, 1]


async def test_a_fake_answers_to_the_method_of_its_data_alone() -> None:
    fake = fakes_of({"github": GITHUB})["github"]

    assert [fake.answers_at(one, "https://github.com/login/oauth/access_token") for one in ("POST", "GET")] == [
        True,
        False,
    ]


def test_wrong_settings_are_told_as_the_engine_tells_them() -> None:
    with pytest.raises(SettingsError) as caught:
        fakes_of({"github": {"client_id": "an-id"}})

    assert caught.value.setting == "backends.github.client_secret"


async def asked(fake: FakeProvider, method: str, url: str, **sent: Any) -> httpx.Response:
    """Ask a fake in this process."""
    async with httpx.AsyncClient(transport=fake.transport(), base_url="https://own.example") as http:
        return await http.request(method, url, **sent)
