"""The code on every page: Python runs, TOML and JSON can be read, and commands are commands of ours."""

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from asgi_social.cli.commands import app
from tests.app import KEY
from tests.docs.pages import ROOT, Block, blocks_of, page_names, text_of

# Pages whose blocks are no files that can be run one after the other: who runs them instead.
ELSEWHERE = {
    "how-to/testing_your_app.md": "tests/testing/test_plugin.py",
    "tutorial/index.md": "tests/docs/test_tutorial.py",
}
PAGES = [name for name in page_names() if name not in ELSEWHERE]
_MODULE = "page_of_the_docs"


def pages_with(*languages: str) -> list[str]:
    return [name for name in PAGES if blocks_of(text_of(name), *languages)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty folder to run a page in; modules of it are forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SECRET_KEY", KEY)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{tmp_path}/"):
            del sys.modules[name]


def write(folder: Path, blocks: list[Block]) -> None:
    for block in blocks:
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def run(page: str, *, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Run the blocks of a page in their order, as one module."""
    module = ModuleType(_MODULE)
    monkeypatch.setitem(sys.modules, _MODULE, module)  # what looks a class's module up finds it
    for number, block in enumerate(blocks_of(text_of(page), "python"), 1):
        write(folder, [block])
        code = compile(block.text, f"<{page}, block {number}>", "exec")
        exec(code, module.__dict__)  # noqa: S102  # the docs' own
    return module


@pytest.mark.parametrize("page", pages_with("python"))
def test_the_python_of_a_page_runs(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = run(page, folder=folder, monkeypatch=monkeypatch)

    # A test is only defined by that: a page with one needs its line above.
    assert [name for name in vars(module) if name.startswith("test_")] == []


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_a_page_that_is_not_run_here_is_run_elsewhere(page: str, test: str) -> None:
    assert page in page_names()
    assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages_with("toml"))
def test_the_toml_of_a_page_can_be_read(page: str) -> None:
    assert all(tomllib.loads(block.text) for block in blocks_of(text_of(page), "toml"))


@pytest.mark.parametrize("page", pages_with("json"))
def test_the_json_of_a_page_can_be_read(page: str) -> None:
    assert all(json.loads(block.text) for block in blocks_of(text_of(page), "json"))


def commands_of(page: str) -> list[str]:
    """Give our own commands in the blocks of a page that show a terminal."""
    blocks = blocks_of(text_of(page), "sh", "console")
    lines = [line for block in blocks for line in block.text.replace("\\\n", " ").splitlines()]
    return [line for line in (one.strip().removeprefix("$ ") for one in lines) if line.startswith("asgi-social ")]


def tree_of(application: typer.Typer) -> list[str]:
    """Give every command by its whole name."""

    def below(name: str, command: Any) -> list[str]:
        inner = getattr(command, "commands", {})
        return [one for word, sub in inner.items() for one in below(f"{name} {word}", sub)] or [name]

    return below("asgi-social", typer.main.get_command(application))


def unknown_in(line: str) -> list[str]:
    """Give the words of a command that name no command and no option of ours."""
    words = shlex.split(re.split(r" [|>&]", line)[0], comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while subcommands := getattr(command, "commands", None):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break
        if words[0] not in subcommands:
            return words[:1]
        command, words = subcommands[words[0]], words[1:]
    options = {"--help", *(name for param in command.params for name in (*param.opts, *param.secondary_opts))}
    return [word for word in words if word.startswith("-") and word.partition("=")[0] not in options]


@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)])
def test_a_command_on_a_page_is_one_that_there_is(page: str) -> None:
    assert [(line, unknown) for line in commands_of(page) if (unknown := unknown_in(line))] == []


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("asgi-social docter", ["docter"]),
        ("asgi-social doctor app:app --offlin > file", ["--offlin"]),
        ("asgi-social providers look github  # not there", ["look"]),
    ],
)
def test_a_command_that_there_is_not_would_be_found(line: str, unknown: list[str]) -> None:
    assert unknown_in(line) == unknown
