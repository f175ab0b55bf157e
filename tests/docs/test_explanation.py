"""The pages that explain: the tests that they name are there, and what they say of today's code is so."""

import re

import pytest

from asgi_social.providers import provider
from tests.docs.pages import ROOT, rows_of, section_of, text_of

PAGES = ["explanation/threat_model.md", "explanation/why_proofs.md", "client_tokens.md", "refreshing.md"]
_NAMED = re.compile(r"`(test_\w+)`")


def names_of_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_each_test_that_a_page_names_is_there() -> None:
    named = {page: set(_NAMED.findall(text_of(page))) for page in PAGES}

    assert len(named["explanation/threat_model.md"]) > 40
    assert {page: sorted(names - names_of_tests()) for page, names in named.items()} == {page: [] for page in PAGES}


def test_each_attack_has_a_defence_and_a_test() -> None:
    sections = re.split(r"^###? ", text_of("explanation/threat_model.md"), flags=re.MULTILINE)[1:]
    attacks = [section for section in sections if "*The attack" in section]

    assert len(attacks) > 15
    assert [section.splitlines()[0] for section in attacks if "defence" not in section] == []
    assert [section.splitlines()[0] for section in attacks if not _NAMED.findall(section)] == []


def test_each_fault_of_a_renewal_has_a_test() -> None:
    table = rows_of(section_of(text_of("refreshing.md"), "What happens when"))

    assert len(table) > 30
    assert [fault for fault, _, test in table if not _NAMED.search(test)] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("google-oauth2", "id_token", id="google signs"),
        pytest.param("apple-id", "id_token", id="apple signs"),
        pytest.param("google-oauth2", "lookup", id="google is asked"),
        pytest.param("facebook", "lookup", id="facebook is asked"),
        pytest.param("github", "lookup", id="github is asked with our secret"),
    ],
)
def test_a_provider_has_the_proof_that_is_told_of_it(name: str, kind: str) -> None:
    proofs = provider(name).proofs

    assert kind in [proof.kind for proof in proofs]


def test_spotify_has_no_proof_as_the_page_says() -> None:
    assert "nothing that Spotify answers names the app" in text_of("explanation/why_proofs.md")
    assert provider("spotify").proofs == ()
