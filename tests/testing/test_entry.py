"""The entry point for pytest: the fixtures are there for whoever asks, and nobody else pays for them."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest_plugins = ["pytester"]

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
USES = "def test_it(social_clock): social_clock.advance(1)"
CONFTEST = 'pytest_plugins = ["asgi_social.testing.plugin"]\n'


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Give a folder in which pytest finds our entry point, as it does where the package is installed."""
    monkeypatch.setenv("PYTHONPATH", f"{pytester.path}:{ROOT}")
    points = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    metadata = pytester.mkdir("a_stand_in-1.0.dist-info")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: a-stand-in\nVersion: 1.0\n", encoding="utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (metadata / "entry_points.txt").write_text(f"[pytest11]\n{lines}", encoding="utf-8")
    return pytester


@pytest.mark.parametrize(("ini", "outcome"), [("", "off"), ("asgi_social = true\n", "on")])
def test_pytest_finds_the_entry_point_and_imports_the_package_only_when_asked(
    installed: pytest.Pytester, ini: str, outcome: str
) -> None:
    installed.makeini(INI + ini)
    installed.makepyfile(
        """
        import sys

        def test_off():
            assert "pytest_asgi_social" in sys.modules
            assert [name for name in sys.modules if name.partition(".")[0] == "asgi_social"] == []

        def test_on(social_clock):
            social_clock.advance(1)
        """
    )

    result = installed.runpytest_subprocess("-p", "no:cacheprovider", "-k", f"test_{outcome}")

    result.assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize(
    ("ini", "conftest", "arguments"),
    [
        pytest.param("asgi_social = true\n", "", (), id="setting"),
        pytest.param("", "", ("--asgi-social",), id="command line"),
        pytest.param("", CONFTEST, (), id="conftest"),
        pytest.param("", "", ("-p", "asgi_social.testing.plugin"), id="-p"),
        pytest.param(
            "asgi_social = true\n", CONFTEST, ("--asgi-social", "-p", "asgi_social.testing.plugin"), id="all together"
        ),
    ],
)
def test_each_way_of_asking_gives_the_fixtures(
    pytester: pytest.Pytester, ini: str, conftest: str, arguments: tuple[str, ...]
) -> None:
    pytester.makeini(INI + ini)
    pytester.makeconftest(conftest)
    pytester.makepyfile(USES)

    result = pytester.runpytest_inprocess("-p", "pytest_asgi_social", "-p", "no:cacheprovider", *arguments)

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("ini", ["", "asgi_social = false\n"])
def test_nothing_is_active_where_nobody_asked(pytester: pytest.Pytester, ini: str) -> None:
    pytester.makeini(INI + ini)
    pytester.makepyfile(USES)

    result = pytester.runpytest_inprocess("-p", "pytest_asgi_social", "-p", "no:cacheprovider")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'social_clock' not found*"])


@pytest.mark.parametrize("module", ["pytest_asgi_social", "asgi_social.testing"])
def test_neither_the_entry_nor_the_testing_package_imports_more_than_it_says(module: str) -> None:
    unwanted = "asgi_social" if module == "pytest_asgi_social" else "pytest"
    code = f"import sys, {module}; print([one for one in sys.modules if one.partition('.')[0] == {unwanted!r}])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603

    assert done.stdout.strip() == "[]"
