"""What a file is made from is told with its grade and its day, or it is an error."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest

from asgi_social.errors import SettingsError
from asgi_social.providers.evidence import Evidence, Source, evidence_from

SOURCE: Mapping[str, Any] = {
    "at": "https://own.example/docs",
    "for": "authorize, token",
    "read": date(2026, 11, 28),
    "grade": "documentation",
}


def test_sources_are_read_in_their_order() -> None:
    evidence = evidence_from({"name": "own", "exchange": "documented", "sources": [SOURCE]}, place="own.toml")

    assert evidence == Evidence(
        sources=(
            Source(
                at="https://own.example/docs",
                of="authorize, token",
                read=date(2026, 11, 28),
                grade="documentation",
            ),
        ),
        exchange="documented",
    )


def test_a_file_may_say_nothing() -> None:
    assert evidence_from({"name": "own"}, place="own.toml") == Evidence()


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        ({"at": ""}, "at", "is missing"),
        ({"for": None}, "for", "is missing"),
        ({"grade": None}, "grade", "is missing"),
        ({"grade": "memory"}, "grade", "is 'memory'"),
        ({"read": None}, "read", "is missing"),
        ({"read": "2026-11-28"}, "read", "is no day"),
        ({"read": datetime(2026, 11, 28)}, "read", "is no day"),  # noqa: DTZ001  # as TOML has it, of no zone
        ({"of": "token"}, "of", "is not known"),
    ],
)
def test_a_source_that_leaves_something_out_is_told(change: dict[str, Any], key: str, what: str) -> None:
    source = {name: value for name, value in {**SOURCE, **change}.items() if value is not None}

    with pytest.raises(SettingsError) as caught:
        evidence_from({"sources": [source]}, place="own.toml")

    assert caught.value.setting == f"own.toml.sources[0].{key}"
    assert what in caught.value.message


def test_an_exchange_is_of_one_kind() -> None:
    with pytest.raises(SettingsError, match="exchange is 'made up'"):
        evidence_from({"exchange": "made up"}, place="own.toml")
