"""The dependencies for FastAPI's ``Depends``, by themselves and in an app of FastAPI's own making."""

import inspect
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request

from asgi_social import Association, SocialMiddleware
from asgi_social.dependencies import associations, social_user
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing import FakeProvider, ManualClock
from tests.app import BASE, KEY, SignedIn, browser

TOML = Path(__file__).parents[1] / "demo_app" / "fake.toml"
PEOPLE = {"ada": {"name": "Ada"}}


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider(issuer="https://id.example", clock=ManualClock())


def app_of(provider: FakeProvider, **more: Any) -> SignedIn:
    """Give an app with a view for each dependency; the sign-in of the tests lies around it."""
    app = FastAPI()
    app.add_middleware(
        SocialMiddleware,
        secret_key=KEY,
        backends={name: {**provider.backend_settings(), "provider": str(TOML)} for name in ("one", "two")},
        base_url=BASE,
        database=MemoryRepository(),
        http_client=httpx.AsyncClient(transport=provider.transport()),
        clock=ManualClock(),
        load_user=PEOPLE.get,
        **more,
    )

    @app.get("/phone")
    async def phone(user: Annotated[dict[str, str], Depends(social_user("one"))]) -> dict[str, str]:
        return user

    @app.get("/unknown")
    async def unknown(user: Annotated[dict[str, str], Depends(social_user("three"))]) -> None: ...

    @app.get("/linked")
    async def linked(found: Annotated[list[Association[str]], Depends(associations())]) -> list[str]:
        return [one.backend for one in found]

    @app.get("/linked-two")
    async def linked_two(found: Annotated[list[Association[str]], Depends(associations("two"))]) -> list[str]:
        return [one.backend for one in found]

    return SignedIn(app)


async def link(http: httpx.AsyncClient, provider: FakeProvider, backend: str) -> None:
    begun = await http.get(f"/associate/{backend}/")
    done = await http.get(await provider.consent(begun.headers["location"], person="ada"))
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

    assert (sorted(of_ada.json()), of_ada_two.json(), of_bo.json()) == (["one", "two"], ["two"], [])


async def test_who_is_not_signed_in_has_no_associations(provider: FakeProvider) -> None:
    async with browser(app_of(provider), user=None) as nobody:
        answer = await nobody.get("/linked", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize("dependency", [social_user("one"), associations()])
def test_a_dependency_is_a_coroutine_function_of_a_request_alone(dependency: Any) -> None:
    parameters = inspect.signature(dependency).parameters

    assert inspect.iscoroutinefunction(dependency)
    assert [one.annotation for one in parameters.values()] == [Request]


def test_fastapi_itself_is_not_imported() -> None:
    source = Path(inspect.getfile(social_user)).read_text(encoding="utf-8")

    assert "import fastapi" not in source
    assert "from fastapi" not in source
