"""A path read backwards: what is written is read again, and nothing that stands there is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.expressions import path
from asgi_social.testing.inverting import Answers, enclosed, merged, united, with_facts, with_names, with_something

PATHS = [
    "id",
    "user.id",
    '"a name with blanks".id',
    "*.id",
    "data[0].id",
    "data[2].id",
    "data[-1].id",
    "data[-2]",
    "emails[primary].email",
    "emails[primary,!hidden].email",
    "emails[kind=home].email",
    "emails[kinds~home].email",
    "$userinfo.id",
    "$emails[primary].email",
    "$token.user.name",
    "id:lower",
    "id:str",
    "name:unquote",
    "name:localized",
    "{first} {last?}",
    "{$token.a}-{b}|c",
    "a|b|''",
]
ALWAYS = "'always'|id"


@pytest.mark.parametrize("text", PATHS)
def test_what_is_written_is_read_again(text: str) -> None:
    answers = with_facts({}, [(path(text), "ada-1")], base="userinfo")

    assert path(text).read(merged(answers)) == "ada-1"


@given(st.lists(st.tuples(st.sampled_from([*PATHS, ALWAYS]), st.text("abcABC@/- ", max_size=8)), max_size=6))
def test_a_fact_never_undoes_another_and_nothing_raises(facts: list[tuple[str, str]]) -> None:
    told: list[tuple[str, object]] = []
    answers: Answers = {}
    for text, value in facts:
        answers = with_facts(answers, [*((path(one), known) for one, known in told), (path(text), value)], base="id")

        assert all(path(one).read(merged(answers)) == known for one, known in told)
        told += [(text, value)] if path(text).read(merged(answers)) == value else []


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        pytest.param([("id", "1"), ("id", "2")], {"id": "1"}, id="another value"),
        pytest.param([("user", "1"), ("user.name", "2")], {"user": "1"}, id="a text where an object should be"),
        pytest.param([("user", "1"), ("user[0].name", "2")], {"user": "1"}, id="a text where a list should be"),
        pytest.param([("id", 7), ("id:before(-)", "7")], {"id": 7}, id="said already"),
        pytest.param([("b", "1"), ("a|b", "2")], {"b": "1", "a": "2"}, id="the first alternative"),
        pytest.param([("a", "1"), ("a|b", "2")], {"a": "1"}, id="hidden by the first alternative"),
        pytest.param([("b", "1"), ("a|b", "1")], {"b": "1"}, id="said by the second alternative"),
        pytest.param(
            [("e[ok].m", "x"), ("e[ok,v].n", "y")], {"e": [{"ok": True, "m": "x", "v": True, "n": "y"}]}, id="more"
        ),
        pytest.param([("e[ok].m", "x"), ("e[ok,v].v", True)], {"e": [{"ok": True, "m": "x", "v": True}]}, id="one"),
        pytest.param(
            [("e[a=x].m", "1"), ("e[a=y].m", "2")], {"e": [{"a": "x", "m": "1"}, {"a": "y", "m": "2"}]}, id="two"
        ),
        pytest.param([("done:bool", True), ("sent:bool", False)], {"done": "true", "sent": "false"}, id="flags"),
        pytest.param([("address:before(@)", "ada")], {}, id="a part, of which the rest is not known"),
        pytest.param([("a", "ada@b.example"), ("a:before(@)", "ada")], {"a": "ada@b.example"}, id="a part"),
        pytest.param([("{a}@{b}", "nothing of this kind")], {}, id="a text that is not made so"),
        pytest.param([("{a} {b?}", "Ada")], {"a": "Ada"}, id="without its last part"),
        pytest.param([("a", "1"), ("{a}-{b}", "2-3")], {"a": "1"}, id="a part is another already"),
    ],
)
def test_what_matters_more_stays(facts: list[tuple[str, object]], answer: object) -> None:
    answers = with_facts({"userinfo": {}}, [(path(text), value) for text, value in facts], base="userinfo")

    assert answers == {"userinfo": answer}


@pytest.mark.parametrize(
    ("text", "before", "read"),
    [
        pytest.param("{hub}:{user}", {}, "person-1:person-1", id="all of it"),
        pytest.param("{hub}:{user}", {"hub": "h"}, "h:person-1", id="the rest of it"),
        pytest.param("{hub|'no'}:{user}|id", {"user": {}}, "person-1", id="not at all, and there is another way"),
        pytest.param("{hub}:{user}", {"user": []}, None, id="not at all"),
        pytest.param("id", {"id": "7"}, "7", id="taken"),
        pytest.param("address:before(@)|url:after(/)", {}, "person-1", id="a part"),
        pytest.param("address:before(-)", {}, "person1", id="a part that holds its mark"),
    ],
)
def test_something_is_made_of_a_value_that_does_not_fit(text: str, before: object, read: object) -> None:
    answers = with_something({"userinfo": before}, path(text), "person-1", base="userinfo")

    assert path(text).read(merged(answers)) == read


def test_a_name_that_is_demanded_is_there_and_what_was_there_stays() -> None:
    answers = with_names({"token": {"a": {"b": "1"}}}, "token", ["a", "c"], "2")

    assert with_names(answers, "token", ["a", "b"], "3") == {"token": {"a": {"b": "1", "c": "2"}}}


@pytest.mark.parametrize(
    ("text", "whole"), [("data[0]", {"data": [{"id": "1"}]}), (None, {"id": "1"}), ("'x'", {"id": "1"})]
)
def test_an_answer_is_enclosed_where_a_path_finds_it(text: str | None, whole: object) -> None:
    assert enclosed(None if text is None else path(text), {"id": "1"}) == whole


def test_of_two_answers_the_first_is_right() -> None:
    assert united({"a": {"b": 1}, "c": None}, {"a": {"b": 2, "d": 3}, "c": 4}) == {"a": {"b": 1, "d": 3}, "c": 4}
