"""A provider that extends another says only what differs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from asgi_social import providers
from asgi_social.errors import SettingsError
from asgi_social.providers.extending import extended, whole

BASE: Mapping[str, Any] = {
    "name": "base",
    "title": "Base",
    "docs": "https://base.example/docs",
    "sources": ["of the base"],
    "quirks": ["of the base"],
    "exchange": "documented",
    "retired": "2019",
    "brand": {"color": "#000000"},
    "authorize": {"url": "https://base.example/a", "scope": ["a", "b"], "params": {"x": "1", "y": "2"}},
    "refresh": {"rotates": True, "early": 60},
    "account": {"email": "mail", "email_verified": "proved"},
    "userinfo": {"requests": [{"id": "one", "url": "https://base.example/1"}, {"id": "two", "url": "u"}]},
    "policy": [{"path": "a", "error": "of the base"}],
    "verify": [{"url": "https://base.example/v", "app": "aud"}],
}


def over(**values: Any) -> dict[str, Any]:
    """Lay these keys over the base."""
    return extended({"name": "own", "title": "Own", "extends": "base", **values}, BASE)


def test_what_is_not_said_is_as_in_the_base_but_for_what_is_of_one_file() -> None:
    found = over()

    of_its_own = {"sources", "quirks", "exchange", "retired"}
    assert found == {**{key: BASE[key] for key in BASE.keys() - of_its_own}, "name": "own", "title": "Own"}


def test_tables_are_merged_key_by_key_and_lists_replaced() -> None:
    found = over(authorize={"scope": ["c"], "params": {"y": "3", "z": "4"}})

    assert found["authorize"] == {
        "url": "https://base.example/a",
        "scope": ["c"],
        "params": {"x": "1", "y": "3", "z": "4"},
    }


@pytest.mark.parametrize(
    ("change", "place", "expected"),
    [
        pytest.param({"revoke": False}, "revoke", False, id="what is not there is not taken away"),
        pytest.param({"verify": False}, "verify", None, id="an array of tables"),
        pytest.param({"docs": False}, "docs", None, id="a text"),
        pytest.param({"refresh": False}, "refresh", False, id="no renewal, which false says by itself"),
        pytest.param({"brand": "none known"}, "brand", "none known", id="a table by a text"),
    ],
)
def test_false_takes_a_key_away(change: dict[str, Any], place: str, expected: object) -> None:
    assert over(**change).get(place) == expected


def test_false_inside_a_table_takes_a_key_away_and_turns_a_flag_off() -> None:
    found = over(refresh={"rotates": False, "early": False}, account={"email": False, "email_verified": False})

    assert found["refresh"] == {"rotates": False}
    assert found["account"] == {"email_verified": False}


def test_further_requests_are_merged_by_id_and_added() -> None:
    found = over(userinfo={"requests": [{"id": "three", "url": "v"}, {"id": "one", "optional": True}, {"id": ["?"]}]})

    assert found["userinfo"]["requests"] == [
        {"id": "one", "url": "https://base.example/1", "optional": True},
        {"id": "two", "url": "u"},
        {"id": "three", "url": "v"},
        {"id": ["?"]},
    ]


def test_tables_without_an_id_are_added() -> None:
    found = over(policy=[{"path": "b", "error": "of its own"}])

    assert [one["path"] for one in found["policy"]] == ["a", "b"]


def test_the_code_of_the_base_stays_that_of_the_base() -> None:
    once = extended({"name": "own"}, {**BASE, "code": True})
    twice = extended({"name": "further"}, once)

    assert (once["code"], twice["code"]) == ("base", "base")
    assert extended({"name": "own", "code": True}, BASE)["code"] is True


def test_a_provider_of_the_apps_own_extends_one_of_the_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\ntitle = "Own"\nextends = "github"\n[uid]\npath = "node_id"\n')

    provider, github = providers.provider_of_file(str(file)), providers.provider("github")

    assert (provider.name, provider.title, provider.uid.source) == ("own", "Own", "node_id")
    assert (provider.authorize, provider.docs, provider.mark) == (github.authorize, github.docs, github.mark)
    assert provider.quirks == ()


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ("githup", "is 'githup', which the catalogue has not, did you mean 'github'?"),
        (7, "is 7, which the catalogue has not"),
        (["github"], "is ['github'], which the catalogue has not, did you mean 'github'?"),
    ],
)
def test_a_base_that_there_is_not_is_told_with_the_nearest(wanted: object, what: str) -> None:
    with pytest.raises(SettingsError) as caught:
        providers.provider_of_table({"name": "own", "title": "Own", "extends": wanted}, place="here")

    assert (caught.value.setting, caught.value.message) == ("here.extends", f"here.extends {what}")


def test_what_extends_itself_by_way_of_others_is_refused() -> None:
    files: dict[str, dict[str, object]] = {name: {"name": name, "extends": other} for name, other in ("ab", "bc", "ca")}

    with pytest.raises(SettingsError) as caught:
        whole(files["a"], place="a.toml", read=files.get, known=files.keys)

    assert (caught.value.setting, caught.value.message) == (
        "c.toml.extends",
        "c.toml.extends is 'a', which extends it",
    )


def test_code_is_of_the_catalogue_alone() -> None:
    with pytest.raises(SettingsError) as caught:
        providers.provider_of_table({"name": "own", "title": "Own", "extends": "github", "code": True}, place="here")

    assert caught.value.setting == "here.code"
