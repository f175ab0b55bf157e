"""Alipay: each request is signed with the app's key, and each answer lies below the name of its method."""

import base64
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from asgi_social.errors import SettingsError
from tests.app import query_of
from tests.providers.linking import linking

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOKENS = {"access_token": "a-token", "refresh_token": "r-token", "expires_in": 3600, "user_id": "2088"}
PERSON = {"code": "10000", "msg": "Success", "user_id": "2088", "nick_name": "ada", "avatar": "https://tfs.example/a"}
RENEWED = {**TOKENS, "access_token": "a-token-2"}


def pem_of(key: Any) -> str:
    form, kind = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    return str(key.private_bytes(kind, form, serialization.NoEncryption()).decode())


class Gateway:
    """The gateway, which checks each signature."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {
            "alipay_system_oauth_token_response": TOKENS,
            "alipay_user_info_share_response": PERSON,
            **answers,
        }
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a method."""
        query = dict(request.url.params)
        signature = base64.b64decode(query.pop("sign"))
        text = "&".join(f"{name}={query[name]}" for name in sorted(query))
        KEY.public_key().verify(signature, text.encode(), PKCS1v15(), hashes.SHA256())
        self.asked.append(query)
        name = f"{query['method'].replace('.', '_')}_response"
        answer = RENEWED if query.get("grant_type") == "refresh_token" else self.answers[name]
        return httpx.Response(200, json=answer if answer is None or "error_response" in answer else {name: answer})


async def test_an_account_is_linked_and_its_token_renewed() -> None:
    gateway = Gateway()
    async with linking("alipay", gateway, client_secret=pem_of(KEY)) as one:
        asked = query_of(await one.begun())
        assert (asked["app_id"], asked["scope"]) == ("an-id", "auth_user")
        assert (await one.completed(state=asked["state"], auth_code="a-code"))[0] == 303
        [association] = await one.associations()

        assert (association.uid, association.account["username"]) == ("2088", "ada")
        assert await association.get_access_token() == "a-token"
        assert await (await association.refresh_token()).get_access_token() == "a-token-2"

    assert [one.get("code") or one.get("auth_token") or one.get("refresh_token") for one in gateway.asked] == [
        "a-code",
        "a-token",
        "r-token",
    ]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        pytest.param(
            {"alipay_system_oauth_token_response": {"error_response": {"code": "40002", "sub_code": "isv.code"}}},
            "provider_refused",
            id="an error",
        ),
        pytest.param(
            {"alipay_user_info_share_response": {"code": "20001", "msg": "no"}}, "provider_refused", id="no account"
        ),
        pytest.param({"alipay_system_oauth_token_response": {"expires_in": 1}}, "provider_broken", id="no token"),
        pytest.param({"alipay_system_oauth_token_response": None}, "provider_broken", id="no object"),
        pytest.param({"alipay_user_info_share_response": {"error_response": []}}, "provider_broken", id="a list"),
    ],
)
async def test_what_the_gateway_does_not_give_is_told(answers: dict[str, Any], code: str) -> None:
    async with linking("alipay", Gateway(**answers), client_secret=pem_of(KEY)) as one:
        state = query_of(await one.begun())["state"]

        assert await one.completed(state=state, auth_code="a-code") == (502, code, None)


@pytest.mark.parametrize("secret", ["no key", pem_of(ec.generate_private_key(ec.SECP256R1()))], ids=["text", "ec"])
async def test_a_secret_that_is_no_rsa_key_is_told(secret: str) -> None:
    async with linking("alipay", client_secret=secret) as one:
        state = query_of(await one.begun())["state"]

        assert (await one.completed(state=state, auth_code="a-code"))[:2] == (500, SettingsError.code)
