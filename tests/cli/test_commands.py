"""The command line itself: help, words that are not known, keys, and what is needed to run it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from asgi_social.cli import main
from tests.cli.running import run

ROOT = Path(__file__).parents[2]
COMMANDS = (
    (),
    ("doctor",),
    ("secret",),
    ("secret", "rotate"),
    ("migrate",),
    ("import",),
    ("import", "social-auth"),
    ("import", "allauth"),
    ("providers",),
    ("providers", "list"),
    ("providers", "search"),
    ("providers", "show"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_each_has_an_example_and_is_plain(words: tuple[str, ...]) -> None:
    result = run(*words, "--help")

    assert result.exit_code == 0
    assert f"Example: {' '.join(('asgi-social', *words))}" in result.stdout
    assert result.stdout.isascii()  # no boxes


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("docter",), "doctor"),
        (("providers", "shw"), "show"),
        (("secrets",), "secret"),
        (("secret", "rotat"), "rotate"),
        (("import", "social"), "social-auth"),
        (("migrations",), "migrate"),
    ],
)
def test_an_unknown_command_names_the_nearest(words: tuple[str, ...], nearest: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert f"Did you mean '{nearest}'?" in result.stderr


def test_a_key_is_new_each_time_long_enough_and_alone_on_standard_output() -> None:
    keys = [run("secret").stdout for _ in range(2)]

    assert keys[0] != keys[1]
    assert [len(key.split()) for key in keys] == [1, 1]
    assert all(len(key.strip()) >= 43 for key in keys)  # 256 bits


def test_a_key_comes_with_how_to_put_the_old_one_second() -> None:
    assert 'secret_key=["<the new key>", "<the old key>"]' in run("secret").stderr


def test_a_key_is_one_that_the_settings_take(tmp_path: Path) -> None:
    result = run(
        "doctor",
        "--offline",
        ASGI_SOCIAL_SECRET_KEY=run("secret").stdout.strip(),
        ASGI_SOCIAL_DATABASE=f"sqlite+aiosqlite:///{tmp_path}/social.db",
    )

    assert "ok     key: " in result.stdout


def test_python_runs_it_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["asgi-social", "providers", "show", "github"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("asgi_social.cli.__main__", run_name="__main__")

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("name: github")


def test_it_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "asgi_social.cli", "doctor", "--offline"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASGI_SOCIAL_")}

    done = subprocess.run(  # noqa: S603 - the command is ours
        command, capture_output=True, text=True, cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)}, timeout=60
    )

    assert done.returncode == 1
    assert "fault  key: the setting secret_key is missing" in done.stdout
    assert done.stderr == ""


def test_nothing_imports_typer_before_the_command_line_is_used() -> None:
    # Nothing is said of rich: httpx imports that by itself, wherever it is installed.
    code = "import asgi_social, asgi_social.testing, asgi_social.cli, sys; print('typer' in sys.modules)"

    done = subprocess.run(  # noqa: S603 - the command is ours
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )

    assert done.stdout == "False\n"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "asgi_social.cli.commands")
    monkeypatch.setitem(sys.modules, "typer", None)

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == "asgi-social needs typer: pip install 'asgi-social[cli]'"
