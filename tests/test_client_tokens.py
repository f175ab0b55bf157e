"""What a client may send beside one token: the other one that belongs to it, and names."""

import json
from typing import Any

import httpx
import pytest

from asgi_social import Account, TokenRefused
from asgi_social.testing.clock import START
from tests.app import settings
from tests.client_tokens import LOOK_UP, SUB, TOKEN, Signed, both, refusal
from tests.engines import engine, load
from tests.protocols.played import OIDC
from tests.tokens import CLIENT_ID, LEFT_OUT, claims, half_hash, key_set, signed


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


# Where the app says what the uid is.


@pytest.mark.parametrize(
    ("more", "uid"), [({}, SUB), ({"uid": "email"}, "ada@people.example"), ({"account": {"username": "email"}}, SUB)]
)
async def test_a_uid_of_the_apps_own_choice_is_read_in_an_id_token_too(more: dict[str, Any], uid: str) -> None:
    provider = {**OIDC, "verify": [{"kind": "id_token", "subject": "sub"}]}
    async with both(Signed(), provider, **more) as social:
        token = signed(claims(email="ada@people.example"))
        linked = await social.backend("here").associate(id_token=token, user_id="ada")

    assert linked.uid == uid


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
