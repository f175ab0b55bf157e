"""What a client may send beside one token: two that belong together, a code, and names."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import Account, ProviderRefused, SettingsError, TokenRefused, TooManyRequests
from asgi_social.protocols.oauth2 import s256
from asgi_social.secret import Secret
from asgi_social.testing import FakeProvider, ManualClock
from asgi_social.testing.clock import START
from tests.app import app_of, browser, query_of, settings
from tests.engines import corp, engine, load
from tests.protocols.played import HOST, METADATA, OAUTH2, OIDC
from tests.tokens import CLIENT_ID, CLIENT_SECRET, LEFT_OUT, claims, half_hash, key_set, signed

PHONE = "https://app.example/phone"
VERIFIER = "a-code-verifier-of-a-phone-that-is-long-enough-43"
TOKEN = "an-access-token"
SUB = "248289761001"


class Signed:
    """An OpenID Connect provider as a function, whose profile is of one person.

    Attributes:
        sub: Whose the profile is.
        look_up: What the look-up says, where the data have one.
        asked: The paths that it was asked.
    """

    def __init__(self) -> None:
        self.sub = SUB
        self.look_up: dict[str, object] = {"app": CLIENT_ID, "user": SUB}
        self.status = 200
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/userinfo":
            return httpx.Response(self.status, json={"sub": self.sub, "name": "Ada of the profile"})
        answers: dict[str, Any] = {"/jwks": key_set(), "/look-up": self.look_up}
        return httpx.Response(200, json=answers.get(request.url.path, METADATA))


LOOK_UP = {"kind": "lookup", "url": f"{HOST}/look-up", "app": "app", "subject": "user"}


def both(network: Signed, provider: Any = OIDC, **more: Any) -> Any:
    """Give an engine with a backend of OpenID Connect."""
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more}
    wanted = settings(network, backends={"here": backend}, load_user=load)
    return engine(**wanted)


async def refusal(social: Any, **sent: Any) -> str:
    """Give why it is refused, where nothing is stored for it."""
    [backend] = social.backends()
    with pytest.raises(TokenRefused) as caught:
        await backend.associate(user_id="ada", **sent)
    assert await social.associations("ada") == []
    return caught.value.reason


# An access token and an ID token together.


async def test_an_access_token_beside_the_id_token_that_holds_its_hash_is_taken_and_stored() -> None:
    network = Signed()
    async with both(network) as social:
        linked = await social.backend("here").associate(
            TOKEN, id_token=signed(claims(at_hash=half_hash(TOKEN))), user_id="ada"
        )
        again = await social.backend("here").do_auth(TOKEN, id_token=signed(claims(at_hash=half_hash(TOKEN))))

        assert await linked.get_access_token() == TOKEN
    assert (linked.uid, linked.account["fullname"], again) == (SUB, "Ada of the profile", "user ada")


async def test_an_access_token_of_another_answer_than_the_id_token_is_refused_before_it_goes_anywhere() -> None:
    network = Signed()
    async with both(network) as social:
        id_token = signed(claims(at_hash=half_hash("another-token")))

        assert await refusal(social, access_token=TOKEN, id_token=id_token) == "signature"
    assert "/userinfo" not in network.asked


async def test_a_profile_of_another_person_than_the_id_token_is_refused() -> None:
    network = Signed()
    network.sub = "another"
    async with both(network) as social:
        id_token = signed(claims(at_hash=half_hash(TOKEN)))

        assert await refusal(social, access_token=TOKEN, id_token=id_token) == "subject"


async def test_a_profile_whose_uid_is_another_than_the_id_tokens_is_refused() -> None:
    provider = {**OIDC, "uid": {"path": "name"}, "verify": [{"kind": "id_token", "subject": "sub"}]}
    async with both(Signed(), provider) as social:
        id_token = signed(claims(at_hash=half_hash(TOKEN)))

        assert await refusal(social, access_token=TOKEN, id_token=id_token) == "subject"


@pytest.mark.parametrize("lax", [[], ["at_hash"]], ids=["no hash", "a hash that counts for nothing"])
async def test_without_a_hash_nothing_shows_that_the_access_token_is_ours(lax: list[str]) -> None:
    provider = {**OIDC, "id_token": {**OIDC["id_token"], "lax": lax}}
    token = signed(claims(at_hash="odd" if lax else LEFT_OUT))
    network = Signed()
    async with both(network, provider) as social:
        assert await refusal(social, access_token=TOKEN, id_token=token) == "unbound"
        assert "/userinfo" not in network.asked
    async with both(network, provider, allow_unbound_tokens=True) as social:
        assert (await social.backend("here").associate(TOKEN, id_token=token, user_id="ada")).uid == SUB


@pytest.mark.parametrize(
    ("look_up", "reason"),
    [
        pytest.param({"app": CLIENT_ID, "user": SUB}, None, id="ours"),
        pytest.param({"app": "another-app", "user": SUB}, "audience", id="another app's"),
        pytest.param({"app": CLIENT_ID, "user": "another"}, "subject", id="another person's"),
    ],
)
async def test_without_a_hash_the_access_token_is_proved_as_if_it_came_alone(
    look_up: dict[str, object], reason: str | None
) -> None:
    network = Signed()
    network.look_up = look_up
    async with both(network, {**OIDC, "verify": [{"kind": "id_token"}, LOOK_UP]}) as social:
        if reason is not None:
            assert await refusal(social, access_token=TOKEN, id_token=signed()) == reason
            return
        assert (await social.backend("here").associate(TOKEN, id_token=signed(), user_id="ada")).uid == SUB


async def test_where_the_account_is_read_from_the_id_token_no_profile_is_asked_for() -> None:
    network = Signed()
    provider = {**OIDC, "userinfo": {"source": "id_token"}}
    async with both(network, provider) as social:
        token = signed(claims(at_hash=half_hash(TOKEN), name="Ada"))
        linked = await social.backend("here").associate(TOKEN, id_token=token, user_id="ada")

    assert (linked.account["fullname"], "/userinfo" in network.asked) == ("Ada", False)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param({"access_token": signed(), "id_token": signed()}, "kind", id="an ID token twice"),
        pytest.param({"access_token": "", "id_token": signed()}, "malformed", id="an empty access token"),
        pytest.param({"access_token": TOKEN, "id_token": TOKEN}, "kind", id="an access token twice"),
        pytest.param({"code": "a-code", "id_token": signed()}, "malformed", id="a code and an ID token"),
        pytest.param({"code": "a-code", "access_token": TOKEN}, "malformed", id="a code and an access token"),
        pytest.param({"code": "x" * 16385}, "malformed", id="an endless code"),
        pytest.param({"code": ""}, "malformed", id="an empty code"),
        pytest.param({"code": "a-code", "code_verifier": "a b"}, "malformed", id="an odd code_verifier"),
        pytest.param({"code": "a-code", "redirect_uri": "https://a/\n"}, "malformed", id="an odd redirect URI"),
        pytest.param({"code": "a-code", "redirect_uri": "x" * 2049}, "malformed", id="an endless redirect URI"),
        pytest.param({"code": "a-code", "redirect_uri": 7}, "malformed", id="a number as redirect URI"),
    ],
)
async def test_what_does_not_belong_together_is_refused_before_anybody_is_asked(
    sent: dict[str, Any], reason: str
) -> None:
    network = Signed()
    async with both(network) as social:
        assert await refusal(social, **sent) == reason
    assert network.asked == []


async def test_what_a_widget_gives_comes_alone() -> None:
    backend = {"client_id": "1", "client_secret": "s", "bot_token": "1:t"}
    async with engine(backends={"telegram": backend}, load_user=load) as social:
        assert await refusal(social, access_token="id=1&hash=2", id_token="a.b.c") == "kind"


async def test_an_id_token_with_a_nonce_is_good_once_also_beside_an_access_token() -> None:
    async with both(Signed()) as social:
        token = signed(claims(at_hash=half_hash(TOKEN), nonce="n"))
        await social.backend("here").associate(TOKEN, id_token=token, nonce="n", user_id="grace")

        assert await refusal(social, access_token=TOKEN, id_token=token, nonce="n") == "spent"


# An authorization code.


async def code_of(fake: FakeProvider, **more: str) -> str:
    """Get a code as a phone's SDK does."""
    asked = {
        "client_id": fake.client_id,
        "response_type": "code",
        "redirect_uri": PHONE,
        "scope": "openid profile offline_access",
        "state": "a-state-of-the-phone",
        "code_challenge": s256(Secret(VERIFIER)),
        "code_challenge_method": "S256",
        **more,
    }
    return query_of(await fake.consent(f"{fake.issuer}/authorize?{urlencode(asked)}"))["code"]


async def test_a_code_of_a_phone_links_its_account_and_its_tokens_are_renewed() -> None:
    async with corp() as (social, fake):
        linked = await social.backend("corp").associate(
            code=await code_of(fake), code_verifier=VERIFIER, redirect_uri=PHONE, user_id="ada"
        )
        renewed = await linked.refresh_token()

        assert await renewed.get_access_token() in fake.tokens["ada"]
    assert linked.uid == fake.uid_of("ada")


async def test_a_code_signs_in_who_is_linked_and_is_good_once() -> None:
    async with corp(load_user=load, create_user=lambda _: "ada", sign_up="allow") as (social, fake):
        code = await code_of(fake, nonce="a-nonce")
        sent: dict[str, Any] = {"code": code, "code_verifier": VERIFIER, "redirect_uri": PHONE, "nonce": "a-nonce"}

        assert await social.backend("corp").do_auth(**sent) == "user ada"
        with pytest.raises(TokenRefused) as caught:
            await social.backend("corp").do_auth(**sent)

    assert caught.value.reason == "inactive"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"code_verifier": VERIFIER.upper()}, id="another code_verifier"),
        pytest.param({"code_verifier": None}, id="no code_verifier"),
        pytest.param({"redirect_uri": "https://app.example/other"}, id="another redirect URI"),
        pytest.param({"redirect_uri": None}, id="no redirect URI"),
        pytest.param({"code": "a-code-of-nobody"}, id="another code"),
    ],
)
async def test_a_code_with_anything_else_than_it_was_asked_with_is_refused(changed: dict[str, Any]) -> None:
    async with corp() as (social, fake):
        sent = {"code": await code_of(fake), "code_verifier": VERIFIER, "redirect_uri": PHONE, **changed}

        assert await refusal(social, **sent) == "inactive"


async def test_a_code_of_another_app_is_refused() -> None:
    async with corp() as (social, fake):
        fake.add_client("another-app", "another-secret")
        code = await code_of(fake, client_id="another-app")

        assert await refusal(social, code=code, code_verifier=VERIFIER, redirect_uri=PHONE) == "inactive"


class Coded:
    """A plain provider as a function, which takes every code."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.forms: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/me":
            return httpx.Response(403 if self.error == "profile" else 200, json={"id": 7})
        self.forms.append(dict(parse_qsl(request.content.decode(), keep_blank_values=True)))
        if self.error and self.error != "profile":
            return httpx.Response(400, json={"error": self.error})
        return httpx.Response(200, json={"access_token": TOKEN, "token_type": "bearer"})


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({}, {}, id="neither"),
        pytest.param({"redirect_uri": ""}, {"redirect_uri": ""}, id="an empty redirect URI, as Google wants it"),
        pytest.param({"redirect_uri": PHONE}, {"redirect_uri": PHONE}, id="a redirect URI"),
        pytest.param({"code_verifier": VERIFIER}, {"code_verifier": VERIFIER}, id="a code_verifier"),
    ],
)
async def test_with_a_code_goes_what_the_client_sent_for_it_and_nothing_else(
    sent: dict[str, str], expected: dict[str, str]
) -> None:
    network = Coded()
    async with both(network, OAUTH2) as social:  # type: ignore[arg-type]
        await social.backend("here").associate(code="a-code", user_id="ada", **sent)

    [form] = network.forms
    ours = {"grant_type", "code", "client_id", "client_secret"}
    assert {name: text for name, text in form.items() if name not in ours} == expected


async def test_a_code_whose_account_may_not_be_read_is_refused_for_its_scope() -> None:
    async with both(Coded("profile"), OAUTH2) as social:  # type: ignore[arg-type]
        assert await refusal(social, code="a-code") == "scope"


async def test_credentials_that_the_provider_refuses_are_not_the_codes_fault() -> None:
    async with both(Coded("invalid_client"), OAUTH2) as social:  # type: ignore[arg-type]
        with pytest.raises(ProviderRefused):
            await social.backend("here").associate(code="a-code", user_id="ada")


@pytest.mark.parametrize("name", ["google-onetap", "twitter"])
async def test_a_provider_without_codes_takes_none(name: str) -> None:
    async with engine(backends={name: {"client_id": "an-id", "client_secret": "a-secret"}}) as social:
        assert await refusal(social, code="a-code") == "kind"


class MiniProgram:
    """WeChat as a function, for the code of ``wx.login``."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        return httpx.Response(200, json=self.answer)


async def test_the_code_of_a_wechat_mini_program_links_the_person_whom_it_names() -> None:
    network = MiniProgram(openid="o-7", session_key="c2Vzc2lvbg==")
    async with both(network, "weixin-miniprogram") as social:  # type: ignore[arg-type]
        linked = await social.backend("here").associate(code="a-code", user_id="ada")

        assert (linked.uid, await linked.get_access_token()) == ("o-7", "c2Vzc2lvbg==")
    [url] = network.asked
    assert (url.host, url.path) == ("api.weixin.qq.com", "/sns/jscode2session")
    sent = {"appid": CLIENT_ID, "secret": CLIENT_SECRET, "js_code": "a-code", "grant_type": "authorization_code"}
    assert dict(url.params) == sent


@pytest.mark.parametrize("code", [40029, 40163])
async def test_a_code_that_wechat_does_not_take_is_refused(code: int) -> None:
    network = MiniProgram(errcode=code, errmsg="invalid code")
    async with both(network, "weixin-miniprogram") as social:  # type: ignore[arg-type]
        assert await refusal(social, code="a-code") == "inactive"


async def test_a_token_of_a_wechat_mini_program_is_none() -> None:
    network = MiniProgram()
    async with both(network, "weixin-miniprogram") as social:  # type: ignore[arg-type]
        assert await refusal(social, access_token=TOKEN) == "unbound"
    assert network.asked == []


# A token that is traded for one that lives longer.


class Facebook:
    """Facebook as a function."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        said = {"app_id": CLIENT_ID, "user_id": "7", "is_valid": True, "type": "USER", "expires_at": START + 3600}
        longer = {"access_token": "a-long-token", "token_type": "bearer"}
        path = request.url.path.rpartition("/")[2]
        if path == "access_token":
            return httpx.Response(self.status, json=longer if self.status == 200 else {"error": {"code": 190}})
        return httpx.Response(200, json={"debug_token": {"data": said}}.get(path, {"id": "7"}))


async def test_a_short_token_of_facebook_is_traded_for_a_long_one_where_the_app_asks() -> None:
    network = Facebook()
    async with both(network, "facebook") as social:  # type: ignore[arg-type]
        linked = await social.backend("here").associate(TOKEN, exchange=True, user_id="ada")

        assert await linked.get_access_token() == "a-long-token"
    assert linked.expires_at == START + 5184000
    traded = dict(network.asked[-1].params)
    assert traded["grant_type"] == "fb_exchange_token"
    assert traded["fb_exchange_token"] == TOKEN


async def test_without_asking_the_short_token_is_kept() -> None:
    async with both(Facebook(), "facebook") as social:  # type: ignore[arg-type]
        linked = await social.backend("here").associate(TOKEN, user_id="ada")

        assert await linked.get_access_token() == TOKEN


async def test_a_trade_that_fails_links_nothing() -> None:
    async with both(Facebook(400), "facebook") as social:  # type: ignore[arg-type]
        with pytest.raises(ProviderRefused):
            await social.backend("here").associate(TOKEN, exchange=True, user_id="ada")

        assert await social.associations("ada") == []


async def test_a_provider_without_such_a_trade_says_so() -> None:
    async with both(Signed()) as social:
        with pytest.raises(SettingsError, match="is not traded"):
            await social.backend("here").associate(id_token=signed(), exchange=True, user_id="ada")


# A proof that is kept for a moment.


class Expiring:
    """A provider as a function, which looks a token up and says when it ends.

    Attributes:
        seconds: How long the token lives from then on, or None for ever.
        app: Whose token it is.
        asked: The paths.
        held: Where set, the look-up waits for it.
    """

    def __init__(self, seconds: int | None = None) -> None:
        self.seconds = seconds
        self.app = CLIENT_ID
        self.asked: list[str] = []
        self.held: asyncio.Event | None = None
        self.began = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/me":
            return httpx.Response(200, json={"id": 7})
        self.began.set()
        if self.held is not None:
            await self.held.wait()
        end = {} if self.seconds is None else {"expires": self.seconds}
        return httpx.Response(200, json={"app": self.app, "user": "7", **end})

    @property
    def look_ups(self) -> int:
        """How often it was asked about a token."""
        return self.asked.count("/look-up")


def looked_up(network: Expiring, **more: Any) -> Any:
    """Give an engine whose backend looks tokens up, where ada is linked by a token of before."""
    provider = {**OAUTH2, "verify": [{**LOOK_UP, "expires": "expires"}]}
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return engine(**settings(network, backends={"here": backend}, load_user=load, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lifetime", "pause", "look_ups"),
    [
        pytest.param(None, 59.9, 1, id="within a minute"),
        pytest.param(None, 60, 2, id="after a minute"),
        pytest.param(3600, 59.9, 1, id="of a token that lives"),
        pytest.param(30, 29.9, 1, id="just before its end"),
        pytest.param(30, 30, 2, id="never beyond its end"),
    ],
)
async def test_a_token_that_comes_again_is_not_looked_up_again_for_a_minute(
    lifetime: int | None, pause: float, look_ups: int
) -> None:
    network, clock = Expiring(lifetime), ManualClock()
    async with looked_up(network, clock=clock) as social:
        await social.backend("here").associate(TOKEN, user_id="ada")
        clock.advance(pause)

        assert await social.backend("here").do_auth(TOKEN) == "user ada"
    assert network.look_ups == look_ups


async def test_another_token_is_looked_up_by_itself() -> None:
    network = Expiring()
    async with looked_up(network) as social:
        await social.backend("here").do_auth(TOKEN)
        network.app = "another-app"

        assert await refusal(social, access_token="another-token") == "audience"


async def test_a_refusal_is_not_kept() -> None:
    network = Expiring()
    network.app = "another-app"
    async with looked_up(network) as social:
        assert await refusal(social, access_token=TOKEN) == "audience"
        assert await refusal(social, access_token=TOKEN) == "audience"
    assert network.look_ups == 2


async def test_who_has_unlinked_is_not_found_by_a_proof_that_is_kept() -> None:
    network = Expiring()
    async with looked_up(network) as social:
        await social.backend("here").associate(TOKEN, user_id="ada")
        before = await social.backend("here").do_auth(TOKEN)
        await social.disconnect("ada")

        assert (before, await social.backend("here").do_auth(TOKEN)) == ("user ada", None)
    assert network.look_ups == 1


async def test_a_proof_at_one_backend_is_none_at_another() -> None:
    network = Expiring()
    provider = {**OAUTH2, "verify": [LOOK_UP]}
    backend = {"provider": provider, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    other = {**backend, "client_id": "the-id-of-the-other"}
    wanted = settings(network, backends={"here": backend, "there": other}, load_user=load)  # type: ignore[arg-type]
    async with engine(**wanted) as social:
        await social.backend("here").do_auth(TOKEN)
        with pytest.raises(TokenRefused) as caught:
            await social.backend("there").do_auth(TOKEN)

    assert caught.value.reason == "audience"


async def test_calls_with_one_token_at_once_share_one_look_up_and_one_that_is_cancelled_leaves_it_to_the_others() -> (
    None
):
    network = Expiring()
    network.held = asyncio.Event()
    async with looked_up(network) as social:
        calls = [asyncio.create_task(social.backend("here").associate(TOKEN, user_id="ada")) for _ in range(20)]
        await network.began.wait()
        calls[0].cancel()
        network.held.set()
        linked = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(linked[0], asyncio.CancelledError)
    assert len({one.id for one in linked[1:] if not isinstance(one, BaseException)}) == 1
    assert network.look_ups == 1


async def test_proofs_are_kept_of_a_thousand_tokens_and_none_beyond_a_minute() -> None:
    network, clock = Expiring(), ManualClock()
    async with looked_up(network, clock=clock) as social:
        for number in range(1001):
            await social.backend("here").do_auth(f"token-{number}")
        await social.backend("here").do_auth("token-1")
        kept = network.look_ups
        await social.backend("here").do_auth("token-0")
        again = network.look_ups
        clock.advance(60)
        await social.backend("here").do_auth("another")

        assert (kept, again) == (1001, 1002)
        assert len(social.engine.client_tokens._proofs) == 1
        assert "token" not in str(list(social.engine.client_tokens._proofs))


# What Apple gives beside the first token.

APPLE = {"iss": "https://appleid.apple.com", "aud": CLIENT_ID, "sub": "7", "email": "ada@apple.example"}
NAMED = json.dumps({"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": "eve@evil.example"})


def apple(_: httpx.Request) -> httpx.Response:
    """Answer with Apple's keys."""
    return httpx.Response(200, json=key_set())


async def apple_account(user: Any, name: str = "apple-id") -> Account:
    """Give the account of an ID token, and of the text beside it."""
    made: list[Account] = []

    def create(account: Account) -> str:
        made.append(account)
        return "ada"

    backend = {"provider": name, "client_id": CLIENT_ID, "client_secret": "s", "key": "k", "team": "t"}
    wanted = settings(apple, backends={"here": backend}, load_user=load, create_user=create, sign_up="allow")
    async with engine(**wanted) as social:
        await social.backend("here").do_auth(id_token=signed(claims(START, **APPLE)), user=user)
    return made[0]


async def test_the_names_that_apple_gives_once_are_read_and_never_an_address() -> None:
    account = await apple_account(NAMED)

    assert (account.fullname, account.first_name, account.last_name) == ("Ada Lovelace", "Ada", "Lovelace")
    assert account.email == "ada@apple.example"


@pytest.mark.parametrize("user", [None, "no JSON", "[]", "{}", '{"name": 7}', '{"name": {"firstName": ["Ada"]}}'])
async def test_without_names_there_are_none(user: str | None) -> None:
    account = await apple_account(user)

    assert (account.uid, account.first_name, account.last_name) == ("7", None, None)


@pytest.mark.parametrize("user", [{"name": {}}, "x" * 2049, 7])
async def test_names_that_are_no_short_text_are_refused(user: Any) -> None:
    with pytest.raises(TokenRefused) as caught:
        await apple_account(user)

    assert caught.value.reason == "malformed"


async def test_names_beside_a_token_of_another_provider_are_not_looked_at() -> None:
    async with both(Signed()) as social:
        linked = await social.backend("here").associate(id_token=signed(), user=NAMED, user_id="ada")

    assert linked.account["first_name"] is None


# The app's own limit


async def _limited(connection: Any, backend: str) -> float | None:
    return 12.3 if connection is not None and connection.headers.get("x-user") == "eve" else None


async def _by_token(request: Request) -> Response:
    return JSONResponse(await request.state.social.backend("here").do_auth(TOKEN))


@pytest.mark.parametrize("as_page", [False, True])
async def test_a_client_token_that_comes_too_often_is_answered_with_429_before_it_is_looked_at(as_page: bool) -> None:
    network = Expiring()
    async with looked_up(network, limit_tokens=_limited) as social:
        app = app_of(social, routes=[Route("/by-token", _by_token)])
        async with browser(app, user="eve") as eve, browser(app, user="ada") as ada:
            headers = {"accept": "text/html" if as_page else "application/json"}
            refused = await eve.get("/by-token", headers=headers)
            asked = list(network.asked)
            taken = await ada.get("/by-token")
            outside = await social.backend("here").do_auth(TOKEN)

    assert (refused.status_code, refused.headers["retry-after"], asked) == (429, "13", [])
    assert "too_many_requests" in refused.text
    assert (taken.status_code, outside) == (200, None)


@pytest.mark.parametrize("said", [None, 0, -1, False])
async def test_a_limit_that_names_no_time_lets_a_token_through(said: Any) -> None:
    async with looked_up(Expiring(), limit_tokens=lambda connection, backend: said) as social:
        assert (await social.backend("here").associate(TOKEN, user_id="ada")).uid == "7"


async def test_a_limit_holds_for_linking_too() -> None:
    async with looked_up(Expiring(), limit_tokens=lambda connection, backend: 1) as social:
        with pytest.raises(TooManyRequests) as caught:
            await social.backend("here").associate(TOKEN, user_id="ada")

    assert caught.value.retry_after == 1
