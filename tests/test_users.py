"""The app's users: who is signed in, under which id one is stored, and how one is found and made."""

import asyncio
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, UnauthenticatedUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asgi_social import Account, NotSignedIn, SettingsError, Social, SocialMiddleware, User
from asgi_social.account import Uid
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing import ManualClock
from asgi_social.users import LOOK_SECONDS, RESERVED_SECONDS, Hooks, Users
from tests.app import app_of, browser, linked, settings
from tests.engines import Octo

UUID_7 = UUID(int=7)


def users(**hooks: Any) -> Users[Any]:
    """Give the users of an app with these hooks."""
    return Users(Hooks(**{"user_id": str, **hooks}), repository=MemoryRepository(), clock=ManualClock())


def connection(**scope: Any) -> HTTPConnection:
    """Give a connection with this scope."""
    return HTTPConnection({"type": "http", "headers": [], **scope})


# Ids


@pytest.mark.parametrize(
    ("kind", "given", "text", "back"),
    [
        (str, "ada", "ada", "ada"),
        (str, 7, "7", "7"),
        (str, UUID_7, str(UUID_7), str(UUID_7)),
        (int, 7, "7", 7),
        (int, "7", "7", 7),
        (int, " 7", "7", 7),
        (UUID, UUID_7, str(UUID_7), UUID_7),
        (UUID, str(UUID_7), str(UUID_7), UUID_7),
        (UUID, str(UUID_7).upper(), str(UUID_7), UUID_7),
        (UUID, f"urn:uuid:{UUID_7}", str(UUID_7), UUID_7),
    ],
)
def test_an_id_is_stored_as_text_and_given_back_in_the_app_s_own_kind(
    kind: type, given: object, text: str, back: object
) -> None:
    found = users(user_id=kind)

    assert found.text_of(given) == text
    assert found.typed(text) == back
    assert type(found.typed(text)) is kind


@pytest.mark.parametrize("kind", [int, str])
def test_seven_is_one_person_as_a_number_and_as_text(kind: type) -> None:
    found = users(user_id=kind)

    assert found.text_of("7") == found.text_of(7)


class _UserObject:
    def __str__(self) -> str:
        return "ada"

    def __int__(self) -> int:
        return 7


@pytest.mark.parametrize("kind", [int, str, UUID])
@pytest.mark.parametrize(
    "given",
    [
        pytest.param(True, id="True"),
        pytest.param(False, id="False"),
        pytest.param(b"7", id="bytes"),
        pytest.param("", id="empty"),
        pytest.param("   ", id="white space"),
        pytest.param(7.5, id="a fraction, which int would cut"),
        pytest.param(7.0, id="a float"),
        pytest.param(["7"], id="a list"),
        pytest.param({"id": 7}, id="a table"),
        pytest.param(_UserObject(), id="the user and not the id"),
        pytest.param("x" * 256, id="256 characters"),
        pytest.param(10**5000, id="five thousand digits"),
    ],
)
def test_what_names_nobody_is_an_error_and_nobody_s_id(kind: type, given: object) -> None:
    with pytest.raises(SettingsError) as raised:
        users(user_id=kind).text_of(given)

    assert raised.value.setting == "user_id"


@pytest.mark.parametrize(
    ("kind", "given"), [(int, "ada"), (int, "7.5"), (UUID, "ada"), (UUID, 7), (int, "9" * 5000), (UUID, "7")]
)
def test_what_does_not_convert_is_an_error_that_does_not_show_it(kind: type, given: object) -> None:
    with pytest.raises(SettingsError) as raised:
        users(user_id=kind).text_of(given)

    assert str(given) not in str(raised.value).replace("user_id=int, str or UUID", "")


def test_an_id_that_is_converted_to_nothing_names_nobody() -> None:
    with pytest.raises(SettingsError):
        users(user_id=lambda _: None).text_of("7")


async def test_ids_come_back_converted_from_what_is_stored() -> None:
    async with Social(**settings(user_id=int)) as social, browser(app_of(social), user="7") as client:
        await linked(client)

        [association] = await social.associations(7)

        assert association.user_id == 7
        assert type(association.user_id) is int
        assert [one.id for one in await social.associations("7")] == [association.id]


async def test_a_session_whose_id_does_not_convert_is_a_fault_of_the_app_and_links_nothing() -> None:
    async with Social(**settings(user_id=int)) as social, browser(app_of(social), user="ada") as client:
        answered = await client.get("/associate/github/")

    assert answered.status_code == 500


# Who is signed in


@dataclass
class _Identified(BaseUser):
    identity: Any = "ada"

    @property
    def is_authenticated(self) -> bool:
        return True


class _Numbered:
    is_authenticated = True
    id = 7


async def test_the_user_of_an_authentication_middleware_is_known_by_identity() -> None:
    assert await users().current(connection(user=_Identified())) == "ada"


async def test_a_user_without_identity_is_known_by_id() -> None:
    assert await users().current(connection(user=_Numbered())) == "7"


class _Nameless(BaseUser):
    """A user as Starlette's ``SimpleUser`` was before 1.0: ``identity`` is there, and not implemented."""

    @property
    def is_authenticated(self) -> bool:
        return True


@pytest.mark.parametrize("user", [_Nameless(), SimpleNamespace(is_authenticated=True)])
async def test_a_user_with_neither_is_an_error_that_names_current_user(user: object) -> None:
    with pytest.raises(SettingsError) as raised:
        await users().current(connection(user=user))

    assert raised.value.setting == "current_user"


@pytest.mark.parametrize("session", [{}, {"session": {}}, {"session": {"user_id": None}}])
async def test_a_user_who_is_not_authenticated_is_nobody(session: dict[str, object]) -> None:
    assert await users().current(connection(user=UnauthenticatedUser(), **session)) is None


@pytest.mark.parametrize("user", [None, object(), UnauthenticatedUser()])
async def test_the_session_counts_where_no_user_is_authenticated(user: object) -> None:
    assert await users().current(connection(user=user, session={"user_id": 7})) == "7"


async def test_an_authenticated_user_goes_before_the_session() -> None:
    assert await users().current(connection(user=_Identified(), session={"user_id": "grace"})) == "ada"


async def test_the_session_s_user_id_is_who_is_signed_in() -> None:
    assert await users().current(connection(session={"user_id": "ada"})) == "ada"


async def test_a_session_that_is_no_table_holds_nobody() -> None:
    assert await users().current(connection(session=None)) is None


@pytest.mark.parametrize("user_id", ["", False, b"ada"])
async def test_an_odd_user_id_in_the_session_is_an_error(user_id: object) -> None:
    with pytest.raises(SettingsError):
        await users().current(connection(session={"user_id": user_id}))


async def test_neither_session_nor_user_is_an_error_that_tells_the_right_order() -> None:
    with pytest.raises(SettingsError) as raised:
        await users().current(connection())

    assert raised.value.setting == "current_user"
    assert "SessionMiddleware" in raised.value.hint
    assert "before SocialMiddleware" in raised.value.hint


async def test_a_hook_of_the_app_s_own_gets_the_connection() -> None:
    async def later(one: HTTPConnection) -> str:
        return one.headers["x-user"]

    asked = connection(headers=[(b"x-user", b"ada")])

    assert await users(current_user=lambda one: one.headers["x-user"]).current(asked) == "ada"
    assert await users(current_user=later).current(asked) == "ada"


async def test_a_hook_that_gives_none_means_that_nobody_is_signed_in() -> None:
    found = users(current_user=lambda _: None)

    assert await found.current(connection(session={"user_id": "ada"})) is None
    with pytest.raises(NotSignedIn):
        await found.require_current(connection())


async def test_what_a_hook_gives_is_converted() -> None:
    assert await users(current_user=lambda _: "7", user_id=int).require_current(connection()) == "7"
    with pytest.raises(SettingsError):
        await users(current_user=lambda _: True).require_current(connection())


async def test_the_authentication_middleware_of_starlette_around_ours_says_who_it_is() -> None:
    class Header(AuthenticationBackend):
        async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
            return (AuthCredentials(), _Identified(conn.headers["x-user"])) if "x-user" in conn.headers else None

    async def mine(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.state.social.associations())))

    async with Social(**settings()) as social:
        app = Starlette(
            routes=[Route("/mine", mine)],
            middleware=[
                Middleware(AuthenticationMiddleware, backend=Header()),
                Middleware(SocialMiddleware, social),
            ],
        )
        async with browser(app) as client:
            await linked(client)
            shown = await client.get("/mine")
        async with browser(app, user=None) as client:
            refused = await client.get("/mine")

    assert (shown.text, refused.status_code) == ("1", 401)


async def test_without_any_sign_in_around_it_the_answer_is_a_fault_of_the_settings() -> None:
    async with Social(**settings()) as social, browser(SocialMiddleware(Starlette(), social)) as client:
        answered = await client.get("/associate/github/", headers={"accept": "application/json"})

    assert (answered.status_code, answered.json()["code"]) == (500, "settings")


# Found and made


ACCOUNT = Account(uid=Uid("7"), username="ada", email="ada@people.example")


ROW = StoredAssociation(
    id="association-1",
    user_id="",
    backend="acme",
    authority="",
    uid="7",
    account="",
    client_id="an-id",
    access_token="",
    issued_at=0.0,
    since=0.0,
    created_at=0.0,
)


def test_without_a_way_to_find_users_do_auth_is_a_fault_that_names_both_ways() -> None:
    with pytest.raises(SettingsError) as raised:
        users().require_loader()

    assert "load_user" in raised.value.hint
    assert "embedded_users=True" in raised.value.hint
    users(embedded=True).require_loader()
    users(load_user=lambda user_id: user_id).require_loader()


async def test_a_user_is_loaded_by_the_id_in_the_app_s_own_kind_sync_or_async() -> None:
    async def later(user_id: int) -> tuple[str, int]:
        return ("user", user_id)

    assert await users(user_id=int, load_user=lambda user_id: ("user", user_id)).load("7") == ("user", 7)
    assert await users(user_id=int, load_user=later).load("7") == ("user", 7)


async def test_a_user_who_is_gone_is_none() -> None:
    assert await users(load_user=lambda _: None).load("7") is None
    assert await users(embedded=True).load("7") is None


async def test_a_user_is_made_by_the_app_sync_or_async_and_linked_under_the_converted_id() -> None:
    async def later(account: Account) -> str:
        return account.uid

    for hook in (lambda account: account.uid, later):
        repository = MemoryRepository()
        found: Users[Any] = Users(
            Hooks(user_id=cast(Any, int), create_user=hook), repository=repository, clock=ManualClock()
        )

        assert await found.create(ACCOUNT, ROW)
        assert [row.id for row in await repository.of_user("7")] == ["association-1"]


async def test_a_user_whose_new_id_names_nobody_is_not_linked() -> None:
    repository = MemoryRepository()
    found = Users(Hooks(user_id=str, create_user=lambda _: None), repository=repository, clock=ManualClock())

    with pytest.raises(SettingsError):
        await found.create(ACCOUNT, ROW)

    assert await repository.get("association-1") is None


async def test_without_a_way_to_make_users_there_is_an_error_that_names_both_ways() -> None:
    with pytest.raises(SettingsError) as raised:
        await users(load_user=lambda _: None).create(ACCOUNT, ROW)

    assert raised.value.setting == "create_user"
    assert "embedded_users=True" in raised.value.hint


async def test_an_embedded_user_is_made_with_the_first_association() -> None:
    repository, clock = MemoryRepository(), ManualClock()
    found = Users(Hooks(user_id=str, embedded=True), repository=repository, clock=clock)

    assert await found.create(ACCOUNT, ROW)

    row = await repository.get("association-1")
    assert row is not None
    assert await found.load(row.user_id) == User(id=row.user_id, is_active=True, username="ada")


async def test_an_account_that_became_somebody_s_meanwhile_makes_no_embedded_user() -> None:
    repository = MemoryRepository()
    await repository.add(replace(ROW, id="association-0", user_id="grace"))
    found = Users(Hooks(user_id=str, embedded=True), repository=repository, clock=ManualClock())

    assert not await found.create(ACCOUNT, ROW)
    assert [row.user_id for row in await repository.of_user("grace")] == ["grace"]
    assert await repository.get("association-1") is None


# Sign-ups of several processes


class Shared:
    """Two processes of one app: engines of their own over one store and one clock."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryRepository(), ManualClock()
        self.made: list[str] = []
        self.began, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def slow(self, account: Account) -> str:
        """Make a user when the test says so."""
        self.began.set()
        await self.may_go_on.wait()
        return self.quick(account)

    def quick(self, account: Account) -> str:
        """Make a user."""
        self.made.append(f"user-{len(self.made)}")
        return self.made[-1]

    async def broken(self, account: Account) -> str:
        """Make none."""
        await self.slow(account)
        self.made.clear()
        raise RuntimeError("the app's own database is down")

    def process(self, create_user: Any) -> Social:
        """Give the engine of one of them."""
        wanted = settings(Octo(), database=self.store, clock=self.clock, sign_up="allow", load_user=lambda user: user)
        return Social(**wanted, create_user=create_user)


async def test_of_two_processes_with_one_new_account_the_second_waits_and_gets_the_first_ones_user() -> None:
    shared = Shared()
    async with shared.process(shared.slow) as one, shared.process(shared.quick) as two:
        first = asyncio.create_task(one.backend("github").do_auth("a-token"))
        await shared.began.wait()
        second = asyncio.create_task(two.backend("github").do_auth("another-token"))
        await shared.clock.until_asleep()
        shared.may_go_on.set()
        user = await first
        shared.clock.advance(LOOK_SECONDS)

        assert (user, await second, shared.made) == ("user-0", "user-0", ["user-0"])
        assert len(await one.associations("user-0")) == 1


async def test_after_a_sign_up_that_fails_the_next_one_makes_the_user() -> None:
    shared = Shared()
    async with shared.process(shared.broken) as one, shared.process(shared.quick) as two:
        first = asyncio.create_task(one.backend("github").do_auth("a-token"))
        await shared.began.wait()
        second = asyncio.create_task(two.backend("github").do_auth("another-token"))
        await shared.clock.until_asleep()
        shared.may_go_on.set()
        with pytest.raises(RuntimeError):
            await first
        shared.clock.advance(LOOK_SECONDS)

        assert (await second, shared.made) == ("user-0", ["user-0"])


async def test_the_account_of_a_process_that_died_is_free_again_after_a_while_and_one_association_is_made() -> None:
    """Who comes back late finds another's association; the user that it made is nobody's, and is not given."""
    shared = Shared()
    async with shared.process(shared.slow) as one, shared.process(shared.quick) as two:
        first = asyncio.create_task(one.backend("github").do_auth("a-token"))
        await shared.began.wait()
        shared.clock.advance(RESERVED_SECONDS + 1)
        user = await two.backend("github").do_auth("another-token")
        shared.may_go_on.set()

        assert (user, await first) == ("user-0", "user-0")
        assert [len(await one.associations(name)) for name in shared.made] == [1, 0]


async def test_an_embedded_user_who_may_not_come_in_is_given_as_inactive() -> None:
    store = MemoryRepository()
    async with Social(**settings(Octo(), database=store, embedded_users=True, sign_up="allow")) as social:
        user = await social.backend("github").do_auth("a-token")
        store._users[user.id] = replace(store._users[user.id], is_active=False)

        found = await social.backend("github").do_auth("a-token")

    assert (found.id, found.is_active) == (user.id, False)
