"""The public surface: what can be imported, that it is documented, and what an import costs."""

import inspect
import subprocess
import sys
from importlib.resources import files
from types import ModuleType

import pytest

import asgi_social
import asgi_social.testing


@pytest.mark.parametrize("module", [asgi_social, asgi_social.testing])
def test_what_is_public_is_what_can_be_imported(module: ModuleType) -> None:
    importable = {
        name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)
    }

    assert importable == set(module.__all__)
    assert list(module.__all__) == sorted(module.__all__)


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module in (asgi_social, asgi_social.testing) for name in module.__all__],
)
def test_each_public_name_and_each_of_its_own_methods_is_documented(module: ModuleType, name: str) -> None:
    value = getattr(module, name)
    members = vars(value) if inspect.isclass(value) else {}
    undocumented = [
        member
        for member, what in members.items()
        if not member.startswith("_") and (callable(what) or isinstance(what, property)) and not inspect.getdoc(what)
    ]

    assert inspect.getdoc(value)
    # A dataclass without a docstring gets its signature as one.
    assert not str(value.__doc__).startswith(f"{name}(")
    assert undocumented == []


HEAVY = ["sqlalchemy", "databases", "aiosqlite", "jinja2"]


def test_importing_the_package_loads_neither_database_nor_template_engine() -> None:
    code = f"import sys, asgi_social; print([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.strip() == "[]"


def test_an_engine_with_a_store_of_its_own_needs_no_database() -> None:
    code = (
        "import sys, asgi_social\n"
        "from asgi_social.storage.memory import MemoryRepository\n"
        "asgi_social.Social(secret_key='a-key-of-the-tests-4Jt8sQ2vXw9LmZ', backends={}, database=MemoryRepository())\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.strip() == "[]"


def test_the_package_says_that_it_is_typed() -> None:
    assert files("asgi_social").joinpath("py.typed").is_file()
