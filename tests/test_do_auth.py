"""A client token gives the app's user, once it is shown to be issued to this app."""

import asyncio
from typing import Any

import pytest

from asgi_social import (
    Account,
    Event,
    SettingsError,
    TokenRefused,
    User,
)
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from tests.app import query_of
from tests.engines import URI, Octo, corp, engine, load, request_of, settled


async def test_do_auth_gives_the_user_whose_account_the_token_is_of() -> None:
    async with engine(load_user=load) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")

        assert await social.backend("github").do_auth("gho_secret") == "user ada"


async def test_do_auth_links_and_changes_nothing() -> None:
    store = MemoryRepository()
    async with engine(load_user=load, database=store) as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        before = await store.of_user("ada")

        await social.bound(request_of("grace")).backend("github").do_auth("gho_other")

        assert await store.of_user("ada") == before
        assert await store.of_user("grace") == []


async def test_do_auth_gives_none_for_an_account_that_is_nobody_s() -> None:
    async with engine(load_user=load) as social:
        assert await social.backend("github").do_auth("gho_secret") is None


async def test_do_auth_gives_none_for_a_user_who_is_gone() -> None:
    async with engine(load_user=load) as social:
        await social.backend("github").associate("gho_secret", user_id="gone")

        assert await social.backend("github").do_auth("gho_secret") is None


@pytest.mark.parametrize(
    ("setting", "argument", "made"),
    [("refuse", None, 0), ("refuse", "allow", 1), ("allow", None, 1), ("allow", "refuse", 0)],
)
async def test_do_auth_makes_a_user_where_the_settings_or_the_call_say_so(
    setting: str, argument: Any, made: int
) -> None:
    accounts: list[Account] = []

    def create(account: Account) -> str:
        accounts.append(account)
        return "ada"

    async with engine(load_user=load, create_user=create, sign_up=setting) as social:
        got = await social.backend("github").do_auth("gho_secret", sign_up=argument)

        assert len(await social.associations("ada")) == made
    assert [account.uid for account in accounts] == ["583231"] * made
    assert got == ("user ada" if made else None)


async def test_twenty_sign_ups_at_once_make_one_user() -> None:
    made: list[str] = []

    async def create(_: Account) -> str:
        made.append(f"user-{len(made)}")
        await asyncio.sleep(0)
        return made[-1]

    async with engine(load_user=load, create_user=create, sign_up="allow") as social:
        got = await asyncio.gather(*(social.backend("github").do_auth("gho_secret") for _ in range(20)))

    assert (made, set(got)) == (["user-0"], {"user user-0"})


class Late(MemoryRepository):
    """A store in which another process links the account right after the first look."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def find(self, *, backend: str, authority: str, uid: str) -> StoredAssociation | None:
        self.looks += 1
        return None if self.looks == 3 else await super().find(backend=backend, authority=authority, uid=uid)


async def test_an_account_that_became_somebody_s_meanwhile_makes_no_user() -> None:
    made: list[Account] = []
    store = Late()
    async with engine(database=store, load_user=load, create_user=made.append, sign_up="allow") as social:
        await social.backend("github").associate("gho_secret", user_id="ada")
        store.looks = 2

        assert await social.backend("github").do_auth("gho_secret") == "user ada"
    assert made == []


async def test_do_auth_with_embedded_users_makes_and_finds_them_in_our_own_table() -> None:
    async with engine(embedded_users=True, sign_up="allow") as social:
        made = await social.backend("github").do_auth("gho_secret")
        found = await social.backend("github").do_auth("gho_secret", sign_up="refuse")

    assert isinstance(made, User)
    assert (made, made.username, made.is_active) == (found, "octocat", True)


async def test_do_auth_without_a_way_to_find_users_asks_nobody() -> None:
    octo = Octo()
    async with engine(octo) as social:
        with pytest.raises(SettingsError) as raised:
            await social.backend("github").do_auth("gho_secret")

    assert raised.value.setting == "load_user"
    assert octo.asked == []


async def test_do_auth_without_a_way_to_make_users_says_so() -> None:
    async with engine(load_user=load) as social:
        with pytest.raises(SettingsError) as raised:
            await social.backend("github").do_auth("gho_secret", sign_up="allow")

    assert raised.value.setting == "create_user"


async def test_a_token_of_another_app_is_refused_and_told_to_the_app() -> None:
    octo, events = Octo(), list[Event]()
    octo.app = "another-app"
    async with engine(octo, load_user=load, on_event=events.append) as social:
        with pytest.raises(TokenRefused) as raised:
            await social.backend("github").do_auth("gho_secret")
        await settled(social)

    assert raised.value.reason == "audience"
    assert [(event.name, event.code, event.reason) for event in events] == [
        ("token_refused", "token_refused", "audience")
    ]


@pytest.mark.parametrize("token", [None, "", "a b", "ä", 7, b"gho_secret", "x" * 20_000])
async def test_what_is_no_token_is_refused_before_anybody_is_asked(token: Any) -> None:
    octo = Octo()
    async with engine(octo, load_user=load) as social:
        with pytest.raises(TokenRefused) as raised:
            await social.backend("github").do_auth(token)

    assert raised.value.reason == "malformed"
    assert octo.asked == []


# ID tokens


@pytest.mark.parametrize(
    ("asked", "reasons"),
    [
        pytest.param({}, [None, None], id="with neither, no replay is noticed"),
        pytest.param({"once": True}, [None, "spent"], id="once"),
        pytest.param({"nonce": "a-nonce"}, [None, "spent"], id="nonce"),
        pytest.param({"nonce": "another"}, ["nonce", "nonce"], id="another nonce"),
    ],
)
async def test_an_id_token_with_a_nonce_or_once_is_taken_one_time(
    asked: dict[str, Any], reasons: list[str | None]
) -> None:
    got: list[str | None] = []
    async with corp(load_user=load, create_user=lambda _: "ada", sign_up="allow") as (social, fake):
        id_token = fake.issue_tokens("ada", nonce="a-nonce").get("id_token")
        for _ in range(2):
            try:
                assert await social.backend("corp").do_auth(id_token=id_token, **asked) == "user ada"
                got.append(None)
            except TokenRefused as refusal:
                got.append(refusal.reason)

    assert got == reasons


async def test_linking_again_by_an_id_token_alone_keeps_the_tokens_and_heals_nothing() -> None:
    async with corp() as (social, fake):
        backend = social.backend("corp")
        flow, url = await backend.begin(user_id="ada", redirect_uri=URI, next_path="/")
        linked = await backend.complete(flow, query_of(await fake.consent(url)))
        token = await linked.get_access_token()
        id_token = fake.issue_tokens("ada").get("id_token")

        again = await backend.associate(id_token=id_token, user_id="ada")
        kept = await again.get_access_token()
        fake.revoke_all("ada")
        with pytest.raises(Exception, match="revoked"):
            await again.refresh_token()
        still = await backend.associate(id_token=id_token, user_id="ada")

    assert (again.id, kept) == (linked.id, token)
    assert (still.status, still.reason) == ("needs_reauth", "revoked")
