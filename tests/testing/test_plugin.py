"""The fixtures for an app's own tests: what they give, and that nobody has them who did not ask.

Each test is a pytest run of its own, in a folder with an app in it; the pages of the docs are such folders.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_DOCS = (ROOT / "docs/testing_your_app.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(# ([a-z_]+\.py)[^\n]*\n.*?)```", _DOCS, re.DOTALL)
pytest_plugins = ["pytester"]

ASKED = 'pytest_plugins = ["asgi_social.testing.plugin"]\n'


INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a folder in which pytest runs as in an app's project, with every warning an error."""
    pytester.makeini(f"{INI}asyncio_mode = auto\n")
    return pytester


def written(project: pytest.Pytester, blocks: list[tuple[str, str]]) -> None:
    for text, name in blocks:
        (project.path / name).write_text(text, encoding="utf-8")


def runs(project: pytest.Pytester, test: str, *, conftest: str = ASKED) -> pytest.RunResult:
    """Run one test file with a conftest beside it."""
    project.makeconftest(conftest)
    project.makepyfile(test)
    return project.runpytest_inprocess("-p", "no:cacheprovider")


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize("blocks", [pytest.param(BLOCKS[:3], id="first"), pytest.param(BLOCKS[3:], id="github")])
def test_the_tests_of_the_docs_pass_in_each_mode_of_pytest_asyncio(
    pytester: pytest.Pytester, blocks: list[tuple[str, str]], mode: str
) -> None:
    pytester.makeini(f"{INI}asyncio_mode = {mode}\n")
    pytester.syspathinsert()
    written(pytester, blocks)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)


def test_every_block_of_the_docs_is_one_of_their_files() -> None:
    assert len(BLOCKS) == _DOCS.count("```python\n") == 5


def test_the_test_of_link_expire_renew_and_unlink_has_less_than_fifteen_lines() -> None:
    [(text, _)] = [block for block in BLOCKS if block[1] == "test_myapp.py"]

    assert len(text[text.index("@pytest.mark") :].splitlines()) < 15


def test_nothing_is_active_where_nobody_asked(project: pytest.Pytester) -> None:
    result = runs(project, "def test_it(social_clock): pass", conftest="import asgi_social.testing\n")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'social_clock' not found*"])


def test_no_entry_point_loads_anything_into_the_pytest_of_others() -> None:
    assert "pytest11" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_command_line_asks_as_well(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(social_clock): social_clock.advance(1)")

    result = project.runpytest_inprocess("-p", "asgi_social.testing.plugin", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=1)


def test_the_testing_package_by_itself_does_not_import_pytest() -> None:
    code = "import sys, asgi_social.testing; print([one for one in sys.modules if one.partition('.')[0] == 'pytest'])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.strip() == "[]"


def test_engine_and_provider_have_one_clock_and_each_test_a_store_of_its_own(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        async def test_it(signed_in, social, fake_provider, social_clock, number):
            assert await social.associations("7") == []
            association = await signed_in.link()
            social_clock.advance(3601)
            assert fake_provider.tokens["ada"][0].startswith("fake-refresh-")
            await association.get_access_token()
            assert (fake_provider.count("/token"), association.username) == (2, "ada")
        """,
    )

    result.assert_outcomes(passed=2)


def test_each_user_links_their_own_and_one_of_several_is_unlinked(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        async def test_it(signed_in, social):
            first = await signed_in.link(person="ada")
            second = await signed_in.link(person="grace")
            signed_in.user_id = "8"
            third = await signed_in.link(person="person-2")
            signed_in.user_id = "7"
            again = await signed_in.link(person="ada")
            await signed_in.unlink("fake", second.id)

            assert again.id == first.id
            assert [one.id for one in await social.associations("7")] == [first.id]
            assert [one.username for one in await social.associations("8")] == [third.username] == ["layla"]
        """,
    )

    result.assert_outcomes(passed=1)


def test_a_prefix_and_a_mount_are_kept(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        async def test_it(signed_in, social):
            await signed_in.link()
            await signed_in.unlink()
            assert str(signed_in.base_url) == "https://other.example/api/"
        """,
        conftest=f"""{ASKED}
import pytest
from asgi_social import SocialMiddleware
from starlette.applications import Starlette
from starlette.routing import Mount

@pytest.fixture
def social_settings():
    return {{"prefix": "/social", "base_url": "https://other.example/api"}}

@pytest.fixture
def social_app(social):
    return Starlette(routes=[Mount("/api", SocialMiddleware(Starlette(), social))])
""",
    )

    result.assert_outcomes(passed=1)


def test_without_a_base_url_the_browser_is_on_localhost(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        async def test_it(signed_in):
            await signed_in.link()
        """,
        conftest=f"""{ASKED}
import pytest

@pytest.fixture
def social_settings():
    return {{"base_url": None}}
""",
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        pytest.param(
            "signed_in.user_id = None; await signed_in.link()", "*GET /associate/fake/ answers 401*", id="nobody"
        ),
        pytest.param('await signed_in.link("other")', "*GET /associate/other/ answers 404*", id="no such backend"),
        pytest.param(
            "fake_provider.faults.deny = True; await signed_in.link()", "*GET /complete/fake/ answers 403*", id="a no"
        ),
        pytest.param(
            'await signed_in.unlink("fake", "stranger")',
            "*POST /disconnect/fake/stranger/ answers 404*",
            id="not linked",
        ),
    ],
)
def test_a_refusal_fails_the_test_and_says_what_the_app_answered(project: pytest.Pytester, act: str, said: str) -> None:
    result = runs(project, f"async def test_it(signed_in, fake_provider):\n    {act}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])


def test_without_an_app_there_are_our_paths_and_a_word_on_what_is_missing(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        async def test_it(signed_in):
            page, other = await signed_in.get("/associate/"), await signed_in.get("/names")
            assert page.status_code == 200
            assert (other.status_code, other.text) == (404, "there is no app: override the fixture social_app")
        """,
    )

    result.assert_outcomes(passed=1)
