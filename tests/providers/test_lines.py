"""A key of a provider's file is found on the line where it is written."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from asgi_social import providers
from asgi_social.errors import SettingsError
from asgi_social.providers.lines import line_of
from tests.providers.rules import text_of, values_of

TEXT = '''
# url = "of nobody"
name = "own"
title = """Two
url = "inside of a text"
lines"""
quirks = [
  "url = 1",  # a comment with [ in it
  "[token]",
]
brand.color = "#ffffff"
verify = [{ app = "aud", url = "https://own.example" }]

[authorize]
  url = "https://own.example/a#b[c"
params = { "a.b" = "c", nested = { deep = "d" } }
regular = \'\'\'one ] line\'\'\'

[token.secret_jwt]
alg = "ES256"

[[userinfo.requests]]
id = "one"
[userinfo.requests.body.json]
a = "b"

[[userinfo.requests]]
id = "two"
"quoted" = 1
'''


@pytest.mark.parametrize(
    ("dotted", "line"),
    [
        ("name", 3),
        ("title", 4),
        ("quirks", 7),
        ("brand.color", 11),
        ("brand", 11),
        pytest.param("verify[0].app", 12, id="inside of a line"),
        ("authorize", 14),
        ("authorize.url", 15),
        pytest.param("authorize.params.nested.deep", 16, id="inside of an inline table"),
        ("authorize.regular", 17),
        ("token.secret_jwt.alg", 20),
        pytest.param("token.secret_jwt.kid", 19, id="absent, so that its table is given"),
        ("userinfo.requests[0]", 22),
        ("userinfo.requests[0].id", 23),
        ("userinfo.requests[0].body.json.a", 25),
        ("userinfo.requests[1].id", 28),
        ("userinfo.requests[1].quoted", 29),
        pytest.param("userinfo.url", 22, id="absent with its table, but for one within"),
        pytest.param("refresh.url", None, id="absent with all of it"),
        pytest.param("url", None, id="only inside of texts and comments"),
    ],
)
def test_a_key_is_found_on_its_line(dotted: str, line: int | None) -> None:
    tomllib.loads(TEXT)

    assert line_of(TEXT, dotted) == line


def _leaves(values: Mapping[str, object], place: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        inner = f"{place}{key}"
        yield inner, key
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{inner}.")
        elif isinstance(value, list):
            for index, one in enumerate(value):
                if isinstance(one, Mapping) and key != "sources":  # which has a line for each
                    yield from _leaves(one, f"{inner}[{index}].")


@pytest.mark.parametrize("name", providers.names())
def test_every_key_of_the_catalogue_is_found(name: str) -> None:
    text, missed = text_of(name), []
    lines = text.splitlines()
    for dotted, key in _leaves(values_of(name)):
        found = line_of(text, dotted)
        if found is None or key not in lines[found - 1]:
            missed.append((dotted, found))

    assert missed == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            'name = "own"\ntitle = "Own"\n\n[authorize]\nurl = "https://own.example"\nscopes = ["a"]\n[token]\n'
            'url = "https://own.example"\n[userinfo]\nurl = "https://own.example"\n',
            "own.toml, line 6: authorize.scopes is not known, did you mean 'scope'?",
            id="a key that there is not",
        ),
        pytest.param(
            'name = "own"\ntitle = "Own"\n[authorize]\nscope = ["a"]\n',
            "own.toml, line 3: authorize.url is missing",
            id="one that is missing in a table",
        ),
        pytest.param('name = "own"\n', "own.toml: authorize.url is missing", id="one that is missing with its table"),
        pytest.param(
            'name = "own"\ntitle = "Own"\nextends = "githup"\n',
            "own.toml, line 3: extends is 'githup', which the catalogue has not, did you mean 'github'?",
            id="a base that there is not",
        ),
        pytest.param(
            'name = "own"\ntitle = "Own"\nextends = "github"\ncode = true\n',
            "own.toml, line 4: code is for providers of the catalogue",
            id="code",
        ),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)

    with pytest.raises(SettingsError) as caught:
        providers.provider_of_file(str(file))

    assert caught.value.message == f"{tmp_path}/{said}"
    assert caught.value.allowed
