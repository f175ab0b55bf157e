"""The steps of a provider are chosen once; code beside its file takes the place of single ones."""

from dataclasses import replace
from pathlib import Path

import pytest

from asgi_social import providers
from asgi_social.protocols.steps import Steps
from asgi_social.providers.own_steps import steps_of
from asgi_social.settings import checked
from tests.app import KEY
from tests.providers.answering import backends_of


def test_a_provider_without_code_has_the_steps_of_the_standard() -> None:
    assert steps_of(providers.provider("github")) == Steps()


def test_functions_beside_the_file_take_the_place_of_the_steps_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "steps_of_ones_own").mkdir()
    (tmp_path / "steps_of_ones_own" / "my_own.py").write_text("def renew(client, tokens):\n    return 'renewed'\n")
    monkeypatch.syspath_prepend(tmp_path)

    steps = steps_of(replace(providers.provider("github"), code="my-own"), package="steps_of_ones_own")

    assert steps.renew(None, None) == "renewed"  # type: ignore[arg-type, comparison-overlap]
    assert replace(steps, renew=Steps().renew) == Steps()


def test_the_steps_of_a_backend_are_chosen_when_the_app_starts() -> None:
    backends = checked({"secret_key": KEY, "backends": backends_of("github")}).backends

    assert backends["github"].steps == Steps()
