"""The dependencies for FastAPI's ``Depends``, in an app of FastAPI's own making.

Each ``assert_type`` is what an editor completes by; mypy holds them.
"""

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

import httpx
import pytest
from fastapi import Depends, FastAPI

from asgi_social import Association, RequestSocial, SocialMiddleware
from asgi_social.dependencies import association, associations, social, social_user
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import BASE, KEY, SignedIn, browser
from tests.examples.visits import PROVIDER


@dataclass
class Person:
    """What this app's ``load_user`` gives."""

    name: str


PEOPLE = {"ada": Person("Ada")}


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider(issuer="https://id.example", clock=ManualClock())


def app_of(provider: FakeProvider, **more: Any) -> SignedIn:
    """Give an app with a view for each dependency; the sign-in of the tests lies around it."""
    app = FastAPI()
    app.add_middleware(
        SocialMiddleware,
        secret_key=KEY,
        backends={name: {**provider.backend_settings(), "provider": PROVIDER} for name in ("one", "two")},
        base_url=BASE,
        database=MemoryRepository(),
        http_client=httpx.AsyncClient(transport=provider.transport()),
        load_user=PEOPLE.get,
        **({"clock": ManualClock()} | more),
    )

    @app.get("/phone")
    async def phone(user: Annotated[Person, Depends(social_user("one"))]) -> Person:
        return assert_type(user, Person)

    @app.get("/unknown")
    async def unknown(user: Annotated[Person, Depends(social_user("three"))]) -> None: ...

    @app.get("/linked")
    async def linked(found: Annotated[list[Association[str]], Depends(associations())]) -> list[str]:
        return [assert_type(one.backend, str) for one in found]

    @app.get("/linked-two")
    async def linked_two(found: Annotated[list[Association[str]], Depends(associations("two"))]) -> list[str]:
        return [assert_type(one.user_id, str) for one in found]

    @app.get("/two")
    async def two(found: Annotated[Association[str], Depends(association("two"))]) -> tuple[str, str | None]:
        token = assert_type(await found.get_access_token(), str)
        return ("a token" if token else "none", assert_type(found.username, str | None))

    @app.post("/unlink")
    async def unlink(social: Annotated[RequestSocial, Depends(social)]) -> int:
        return len(assert_type(await social.disconnect(), list[Association[Any]]))

    return SignedIn(app)


async def link(http: httpx.AsyncClient, provider: FakeProvider, backend: str, person: str = "ada") -> None:
    begun = await http.get(f"/associate/{backend}/")
    done = await http.get(await provider.consent(begun.headers["location"], person=person))
    assert done.status_code == 303, done.text


async def asked(provider: FakeProvider, authorization: str | None, path: str = "/phone") -> httpx.Response:
    """Link Ada's account, then ask from a phone, where nobody is signed in."""
    app = app_of(provider)
    async with browser(app) as http:
        await link(http, provider, "one")
    headers = {"accept": "application/json"} | ({"authorization": authorization} if authorization is not None else {})
    async with browser(app, user=None) as phone:
        return await phone.get(path, headers=headers)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_a_bearer_token_gives_the_apps_user(provider: FakeProvider, scheme: str) -> None:
    answer = await asked(provider, f"{scheme} {provider.issue_tokens('ada')['access_token']}")

    assert (answer.status_code, answer.json()) == (200, {"name": "Ada"})


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param(None, id="no header"),
        pytest.param("Basic YWRhOmFkYQ==", id="another scheme"),
        pytest.param("Bearerx", id="a longer word"),
        pytest.param("", id="empty"),
    ],
)
async def test_a_request_without_a_bearer_token_is_nobodys(provider: FakeProvider, authorization: str | None) -> None:
    answer = await asked(provider, authorization)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert provider.count("/token-info") == 0


async def test_an_empty_bearer_token_is_refused(provider: FakeProvider) -> None:
    answer = await asked(provider, "Bearer ")

    assert (answer.status_code, answer.json()["reason"]) == (401, "malformed")


async def test_a_token_that_was_issued_to_another_app_is_refused(provider: FakeProvider) -> None:
    token = provider.issue_tokens("ada", client_id="another-app")["access_token"]

    answer = await asked(provider, f"Bearer {token}")

    assert (answer.status_code, answer.json()["reason"]) == (401, "audience")


async def test_a_token_of_an_account_that_is_nobodys_gives_no_user(provider: FakeProvider) -> None:
    answer = await asked(provider, f"Bearer {provider.issue_tokens('grace')['access_token']}")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_an_unknown_backend_is_named(provider: FakeProvider) -> None:
    answer = await asked(provider, "Bearer any-token", "/unknown")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_backend")


async def test_the_associations_are_those_of_who_is_signed_in(provider: FakeProvider) -> None:
    app = app_of(provider)
    async with browser(app) as ada, browser(app, user="bo") as bo:
        await link(ada, provider, "one")
        await link(ada, provider, "two")

        of_ada, of_ada_two, of_bo = await ada.get("/linked"), await ada.get("/linked-two"), await bo.get("/linked")

    assert (sorted(of_ada.json()), of_ada_two.json(), of_bo.json()) == (["one", "two"], ["ada"], [])


@pytest.mark.parametrize("path", ["/linked", "/two"])
async def test_who_is_not_signed_in_has_no_associations(provider: FakeProvider, path: str) -> None:
    async with browser(app_of(provider), user=None) as nobody:
        answer = await nobody.get(path, headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


async def test_the_one_association_is_the_newest_of_its_backend(provider: FakeProvider) -> None:
    clock = ManualClock()
    async with browser(app_of(provider, clock=clock)) as ada:
        await link(ada, provider, "two", "ada")
        clock.advance(1)
        await link(ada, provider, "two", "grace")
        clock.advance(1)
        await link(ada, provider, "one", "ada")

        answer = await ada.get("/two")

    assert answer.json() == ["a token", "grace"]


@pytest.mark.parametrize(
    ("more", "where"), [({}, "/associate/two/"), ({"prefix": "/social"}, "/social/associate/two/")]
)
async def test_where_none_is_linked_the_answer_says_where_to_link_one(
    provider: FakeProvider, more: dict[str, Any], where: str
) -> None:
    async with browser(app_of(provider, **more)) as ada:
        answer = await ada.get("/two", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"], answer.json()["backend"]) == (404, "association_gone", "two")
    assert answer.json()["hint"].endswith(where)


async def test_the_accessor_is_that_of_the_request(provider: FakeProvider) -> None:
    app = app_of(provider)
    async with browser(app) as ada, browser(app, user="bo") as bo:
        await link(ada, provider, "one")

        of_bo, of_ada = await bo.post("/unlink"), await ada.post("/unlink")

    assert (of_bo.json(), of_ada.json()) == (0, 1)


async def test_the_openapi_document_shows_the_bearer_token_of_each_backend(provider: FakeProvider) -> None:
    async with browser(app_of(provider)) as http:
        document = (await http.get("/openapi.json")).json()

    schemes = document["components"]["securitySchemes"]
    assert {name: (one["type"], one["scheme"]) for name, one in schemes.items()} == {
        "one": ("http", "bearer"),
        "three": ("http", "bearer"),
    }
    assert document["paths"]["/phone"]["get"]["security"] == [{"one": []}]
    assert "parameters" not in document["paths"]["/phone"]["get"]
    assert "security" not in document["paths"]["/linked"]["get"]


def test_without_fastapi_the_package_is_whole() -> None:
    code = "import sys; sys.modules['fastapi'] = None; import asgi_social, asgi_social.testing"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603

    assert (done.returncode, done.stderr) == (0, "")
