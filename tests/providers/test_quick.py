"""The quick form says what the files say, and nothing of a file that was changed."""

import tomllib

import pytest

from asgi_social import providers
from asgi_social.providers.parse import provider_from
from asgi_social.providers.quick import QUICK, found_in, quick_of
from scripts import catalogue
from tests.providers.rules import text_of, values_of, whole_of

ONE, TWO = b'name = "one"\ntitle = "Gr\xc3\xb6\xc3\x9fe"\nsources = []\n', b'name = "two"\n[uid]\npath = "id"\n'
BOTH = (quick_of("one", ONE) + quick_of("two", TWO)).encode()


def test_a_file_is_found_without_what_the_engine_does_not_read() -> None:
    assert found_in(BOTH, "one", ONE) == {"name": "one", "title": "Größe"}
    assert found_in(BOTH, "two", TWO) == {"name": "two", "uid": {"path": "id"}}


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        pytest.param("one", ONE + b"# changed", id="a file that was changed"),
        pytest.param("two", ONE, id="another file"),
        pytest.param("ne", ONE, id="the end of a name"),
        pytest.param("three", TWO, id="no such line"),
    ],
)
def test_a_file_that_is_another_is_not_found(name: str, raw: bytes) -> None:
    assert found_in(BOTH, name, raw) is None


def test_nothing_is_found_where_there_is_no_quick_form() -> None:
    assert found_in(b"", "one", ONE) is None


@pytest.mark.parametrize("name", providers.names())
def test_the_quick_form_of_a_file_says_what_the_file_says(name: str) -> None:
    raw = text_of(name).encode()

    found = found_in(quick_of(name, raw).encode(), name, raw)

    assert found == {key: value for key, value in values_of(name).items() if key not in {"sources", "exchange"}}


@pytest.mark.parametrize("name", providers.names())
def test_a_file_passes_the_checks_that_its_quick_form_is_spared(name: str) -> None:
    assert provider_from(whole_of(name), place=f"{name}.toml") == providers.provider(name)


def test_the_script_writes_a_line_for_each_file() -> None:
    written = catalogue.lines()

    assert [line.split(" ")[0] for line in written.splitlines()] == providers.names()
    assert found_in(written.encode(), "github", text_of("github").encode()) is not None
    assert tomllib.loads(text_of("github"))["sources"]


def test_the_quick_form_is_of_the_files_as_they_are() -> None:
    written = (catalogue.PROVIDERS / QUICK).read_text(encoding="utf-8")

    assert written == catalogue.lines(), "run python -m scripts.catalogue"
