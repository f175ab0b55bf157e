"""Each example, imported as a server does it."""

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.app import BASE, KEY
from tests.examples.visits import NAMES


@pytest.fixture(scope="package", params=NAMES)
def example(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """Import an example, with the environment that it asks for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_KEY", KEY)
        patch.setenv("BASE_URL", BASE)
        patch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_ID", "an-id")
        patch.setenv("ASGI_SOCIAL_GITHUB_CLIENT_SECRET", "a-secret")
        patch.setenv("HOSTS", "app.example localhost")
        yield importlib.import_module(f"examples.{request.param}")
