"""A code that a client sends in place of a token, and a token that is traded for one that lives longer."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from asgi_social import ProviderRefused, SettingsError, TokenRefused
from asgi_social.protocols.oauth2 import s256
from asgi_social.secret import Secret
from asgi_social.testing import FakeProvider
from asgi_social.testing.clock import START
from tests.app import query_of
from tests.client_tokens import TOKEN, Signed, both, refusal
from tests.engines import corp, engine, load
from tests.protocols.played import OAUTH2
from tests.tokens import CLIENT_ID, CLIENT_SECRET, signed

PHONE = "https://app.example/phone"
VERIFIER = "a-code-verifier-of-a-phone-that-is-long-enough-43"


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


# A token that is traded.


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
