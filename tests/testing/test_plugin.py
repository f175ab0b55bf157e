"""The fixtures for an app's own tests: what they give.

Each test is a pytest run of its own, in a folder with an app in it; the pages of the docs are such folders.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
[_PAGE] = [page for page in (ROOT / "docs").rglob("testing_your_app.md") if "_build" not in page.parts]
DOCS = _PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(# ([a-z_]+\.py)[^\n]*\n.*?)```", DOCS, re.DOTALL)
pytest_plugins = ["pytester"]

ASKED = 'pytest_plugins = ["asgi_social.testing.plugin"]\n'
# As the entry point does, whether it is installed or not.
ENTRY = ("-p", "pytest_asgi_social", "-p", "no:cacheprovider")


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
@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(BLOCKS[:3], id="first"),
        pytest.param(BLOCKS[3:5], id="standard"),
        pytest.param(BLOCKS[5:], id="served"),
    ],
)
def test_the_tests_of_the_docs_pass_in_each_mode_of_pytest_asyncio(
    pytester: pytest.Pytester, blocks: list[tuple[str, str]], mode: str
) -> None:
    pytester.makeini(f"{INI}asyncio_mode = {mode}\nasgi_social = true\n")
    pytester.syspathinsert()
    written(pytester, blocks)

    result = pytester.runpytest_inprocess(*ENTRY)

    result.assert_outcomes(passed=1)


def test_every_block_of_the_docs_is_one_of_their_files() -> None:
    assert len(BLOCKS) == DOCS.count("```python\n") == 6


def test_the_test_of_link_expire_renew_and_unlink_has_less_than_fifteen_lines() -> None:
    [(text, _)] = [block for block in BLOCKS if block[1] == "test_myapp.py"]

    assert len(text[text.index("@pytest.mark") :].splitlines()) < 15


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


def test_each_backend_has_a_fake_in_its_own_shape_and_one_transport_reaches_all(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        async def test_it(signed_in, social, fake_providers):
            await signed_in.link("github", person="ada")
            await signed_in.link("google-oauth2", person="layla")
            await signed_in.link("corp", person="grace")
            assert list(fake_providers) == ["github", "google-oauth2", "corp"]
            assert [one.count("/token") for one in fake_providers.values()] == [1, 1, 1]
            assert {one.username for one in await social.associations("7")} == {"ada", "layla", "grace"}
            assert fake_providers["github"].requests[0].url == "https://github.com/login/oauth/authorize"
        """,
        conftest=f"""{ASKED}
import pytest

@pytest.fixture
def social_settings(fake_provider):
    registered = {{"client_id": "an-id", "client_secret": "a-secret"}}
    own = fake_provider.backend_settings()
    return {{"backends": {{"github": registered, "google-oauth2": registered, "corp": own}}}}
""",
    )

    result.assert_outcomes(passed=1)


def test_an_answer_that_comes_by_a_form_post_is_carried_on(project: pytest.Pytester) -> None:
    result = runs(
        project,
        """
        async def test_it(signed_in):
            association = await signed_in.link("posting")
            assert association.uid == "person-1"
        """,
        conftest=f"""{ASKED}
import pytest

TABLE = {{
    "name": "posting",
    "title": "Posting",
    "authorize": {{"url": "https://posting.example/authorize", "response_mode": "form_post"}},
    "token": {{"url": "https://posting.example/token"}},
    "userinfo": {{"url": "https://posting.example/me"}},
}}

@pytest.fixture
def social_settings():
    return {{"backends": {{"posting": {{"provider": TABLE, "client_id": "an-id", "client_secret": "a-secret"}}}}}}
""",
    )

    result.assert_outcomes(passed=1)


def test_a_backend_with_wrong_settings_is_told_as_the_engine_tells_it(project: pytest.Pytester) -> None:
    result = runs(
        project,
        "async def test_it(signed_in): pass",
        conftest=f"""{ASKED}
import pytest

@pytest.fixture
def social_settings():
    return {{"backends": {{"github": {{"client_id": "an-id"}}}}}}
""",
    )

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*SettingsError: the setting backends.github.client_secret is missing*"])
