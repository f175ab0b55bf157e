"""Brand marks: each that a provider names is there and is one path; a service without one has its first letter."""

from pathlib import Path

import pytest

from asgi_social import providers
from asgi_social.pages import marks
from scripts import marks as script

NAMED = {name: providers.provider(name) for name in providers.names()}


@pytest.mark.parametrize("name", [name for name, one in NAMED.items() if one.mark])
def test_each_mark_that_a_provider_names_is_drawn(name: str) -> None:
    drawn = marks.mark(NAMED[name].mark, NAMED[name].title)

    assert drawn.startswith('<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="')


def test_no_mark_is_kept_that_no_provider_names() -> None:
    kept = {file.stem for file in script.MARKS.glob("*.svg")}

    assert kept == script.named() == {one.mark for one in NAMED.values() if one.mark}


@pytest.mark.parametrize("name", [None, "", "no-such-mark", "nosuchmark", "../marks/github", "README.md"])
def test_without_a_mark_there_is_the_first_letter(name: str | None) -> None:
    assert marks.mark(name, "<acme>") == '<span class="mark" aria-hidden="true">&lt;</span>'


def test_the_script_takes_over_what_is_named_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    icons, kept = tmp_path / "set" / "icons", tmp_path / "marks"
    icons.mkdir(parents=True)
    kept.mkdir()
    (icons / "github.svg").write_text('<svg><title>GitHub</title><path d="M1 2z"/></svg>', encoding="utf-8")
    (kept / "old.svg").write_text("<svg/>", encoding="utf-8")

    ended = script.main(tmp_path / "set", marks=kept)

    assert ended == 1
    assert "spotify" in capsys.readouterr().out
    assert [file.name for file in kept.iterdir()] == ["github.svg"]
    assert '<path d="M1 2z"/>' in (kept / "github.svg").read_text(encoding="utf-8")
