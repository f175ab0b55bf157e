"""The two small languages of a provider's file: what parses, what comes out, and that reading never raises."""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_social.expressions import ExpressionError, path, template

# --- templates -------------------------------------------------------------------------------------------------------

VALUES: Mapping[str, object] = {
    "client_id": "abc",
    "empty": "",
    "null": None,
    "number": 10**21,
    "fraction": 1.5,
    "small": 1e-7,
    "large": 1e22,
    "infinite": float("inf"),
    "endless": 10**5000,
    "yes": True,
    "no": False,
    "zero": 0,
    "list": ["x"],
    "surrogate": "a\ud800",
    "token": {"id": "https://h.example/1", "authed_user": {"id": 7}, "list": [1], "json": '{"a": 1}'},
    "setting": MappingProxyType({"resource": "r"}),
    "token.flat": "flat",
    "emails": {"@header": {"x-name": "header"}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain text", "plain text", id="text-is-itself"),
        pytest.param("", None, id="the-empty-template-is-not-sent"),
        pytest.param("{client_id}", "abc", id="name"),
        pytest.param("a{client_id}b{client_id}c", "aabcbabcc", id="names-within-text"),
        pytest.param("{client_id}{setting.resource}", "abcr", id="names-side-by-side"),
        pytest.param("{token.authed_user.id}", "7", id="root-and-steps"),
        pytest.param("{setting.resource}", "r", id="any-mapping-has-steps"),
        pytest.param("{token.flat}", "flat", id="a-dotted-name-given-whole-comes-first"),
        pytest.param("{emails.@header.x-name}", "header", id="header"),
        pytest.param("{{client_id}}", "{client_id}", id="literal-braces"),
        pytest.param("{{{client_id}}}", "{abc}", id="a-name-between-literal-braces"),
        pytest.param('{{"id":"{client_id}"}}', '{"id":"abc"}', id="json"),
        pytest.param("a|'b'", "a|'b'", id="nothing-else-has-a-meaning"),
        pytest.param("{number}", "1000000000000000000000", id="whole-number"),
        pytest.param("{fraction}", "1.5", id="fraction"),
        pytest.param("{small}", "0.0000001", id="small-fraction-without-exponent"),
        pytest.param("{large}", "10000000000000000000000", id="large-fraction-without-exponent"),
        pytest.param("{zero}", "0", id="zero-is-not-empty"),
        pytest.param("{yes}{no}", "truefalse", id="booleans"),
        pytest.param("x{empty}", None, id="empty-placeholder"),
        pytest.param("x{null}", None, id="null-placeholder"),
        pytest.param("x{missing}", None, id="missing-name"),
        pytest.param("x{missing.name}", None, id="missing-root"),
        pytest.param("x{client_id.name}", None, id="step-on-text"),
        pytest.param("x{token.list.a}", None, id="step-on-list"),
        pytest.param("x{token.json.a}", None, id="step-on-json-text"),
        pytest.param("x{list}", None, id="list"),
        pytest.param("x{token}", None, id="mapping"),
        pytest.param("x{infinite}", None, id="infinite-number"),
        pytest.param("x{endless}", None, id="number-of-thousands-of-digits"),
        pytest.param("x{surrogate}", None, id="text-that-utf-8-cannot-say"),
    ],
)
def test_a_template_renders_its_text_with_the_values_or_nothing(text: str, expected: str | None) -> None:
    assert template(text).render(VALUES) == expected


def test_a_template_names_its_placeholders_and_keeps_its_source() -> None:
    made = template("{api}/orgs/{setting.org}/{api}/{{no}}")

    assert made.names == {"api", "setting.org"}
    assert made.source == "{api}/orgs/{setting.org}/{api}/{{no}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("{token.id}", True, id="placeholder"),
        pytest.param("{api}/user", True, id="placeholder-and-text"),
        pytest.param("https://{host}/", False, id="text"),
        pytest.param("{{api}}", False, id="literal-brace"),
        pytest.param("{{{api}}}", False, id="literal-brace-and-placeholder"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_a_template_says_whether_a_value_begins_it(text: str, *, expected: bool) -> None:
    assert template(text).starts_with_placeholder is expected


def test_in_a_url_every_placeholder_is_percent_encoded_but_those_named() -> None:
    made = template("{token.id}/b?{token.id}&{yes}").render(VALUES, verbatim={"yes"})

    assert made == "https%3A%2F%2Fh.example%2F1/b?https%3A%2F%2Fh.example%2F1&true"
    assert template("{token.id}/b").render(VALUES, verbatim={"token.id"}) == "https://h.example/1/b"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        pytest.param("{", 1, id="open-brace-alone"),
        pytest.param("ab}", 3, id="close-brace-alone"),
        pytest.param("a{b", 2, id="never-closed"),
        pytest.param("a{}", 2, id="no-name"),
        pytest.param("{a b}", 1, id="space-in-a-name"),
        pytest.param("{ a}", 1, id="space-before-a-name"),
        pytest.param("{a.}", 1, id="dot-at-the-end"),
        pytest.param("{.a}", 1, id="dot-in-front"),
        pytest.param("{a..b}", 1, id="two-dots"),
        pytest.param("{a[0]}", 1, id="pick"),
        pytest.param("{a|b}", 1, id="alternative"),
        pytest.param("{a?}", 1, id="optional"),
        pytest.param("{$token.a}", 1, id="root-of-a-path"),
        pytest.param("{a}}", 4, id="one-brace-too-many"),
        pytest.param("{{a}", 4, id="one-brace-too-few"),
        pytest.param("{é}", 1, id="letter-outside-ascii"),
    ],
)
def test_a_wrong_template_is_refused_with_the_position(text: str, position: int) -> None:
    with pytest.raises(ExpressionError, match=rf"character {position} of "):
        template(text)


# --- paths -----------------------------------------------------------------------------------------------------------

EMAILS = [
    {"email": "old@x.example", "primary": False, "verified": True, "type": "work", "scope": ["a"], "n": 1},
    "a text among the objects",
    {"email": "me@x.example", "primary": True, "verified": False, "type": "home", "scope": ["b", "primary"], "n": 2},
    {"email": "new@x.example", "primary": True, "verified": True, "type": "home", "scope": "primary", "n": 3},
]
MERGED: Mapping[str, object] = {
    "id": 583231,
    "email": "me@x.example",
    "name": "Mona Lisa",
    "empty": "",
    "blank": "  ",
    "null": None,
    "zero": 0,
    "no": False,
    "yes": True,
    "fraction": 2.50,
    "large": 1.23e9,
    "list": [],
    "object": {},
    "@type": "at",
    "x-name": "dash",
    "1st": "digit",
    "a.b:c|d{e}": "quoted",
    "a{id}": "braces",
    "*": "star",
    "user": {"email": "mona@x.example", "name": "mona", "uri": "https://x.example/users/7/", "Deep": {"er": {"x": 1}}},
    "team": {"name": "octo"},
    "emails": EMAILS,
    "grid": [[1, 2], [3, 4]],
    "strings": ["first", "last"],
    "flags": [{"on": "False", "v": 1}, {"on": "0", "v": 2}, {"on": "True", "v": 3}],
    "json": json.dumps({"name": {"firstName": "Ada"}, "emails": EMAILS}),
    "json_list": ' [{"a": "x"}] ',
    "json_twice": json.dumps(json.dumps({"a": 1})),
    "json_elements": ['{"ok": true, "v": 5}', "{"],
    "json_scopes": [{"scope": '["primary"]', "v": 6}],
    "escaped": "Ren%C3%A9%20%ff",
    "LOWER": "ÀbC",
    "true_text": "true",
    "false_text": "false",
    "True_text": "True",
    "surrogate": "\ud800",
    "local": {"localized": {"en_US": "Foo", "de_DE": "Fu"}, "preferredLocale": {"country": "US", "language": "en"}},
    "nolocal": {"localized": {"en_US": "Foo"}, "preferredLocale": {"country": "CH", "language": "de"}},
    "halflocal": {"localized": {"en_None": "Foo"}, "preferredLocale": {"language": "en"}},
    "oddlocal": {"localized": {"en_['US']": "Foo"}, "preferredLocale": {"country": ["US"], "language": "en"}},
    "slash": "a//",
}
ANSWERS: Mapping[str, object] = {
    "": MERGED,
    "token": {"authed_user": {"id": "U1"}, "id": "from token"},
    "id": {"sub": "from id"},
    "callback": {"shop": "s"},
    "userinfo": {"login": "octocat"},
    "extra": {"x": "from extra"},
    "emails": EMAILS,
    "my-org": {"@header": {"x-ausername": "from header"}, "*": 1},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("id", 583231, id="name"),
        pytest.param("@type", "at", id="name-with-at"),
        pytest.param("x-name", "dash", id="name-with-dash"),
        pytest.param("1st", "digit", id="name-with-digit"),
        pytest.param("user.email", "mona@x.example", id="two-steps"),
        pytest.param("user.Deep.er.x", 1, id="four-steps"),
        pytest.param('"a.b:c|d{e}"', "quoted", id="quoted-name"),
        pytest.param('"a{id}"', "braces", id="quoted-name-with-braces"),
        pytest.param('user."Deep".er', {"x": 1}, id="quoted-name-within"),
        pytest.param('"*"', "star", id="quoted-star-is-a-name"),
        pytest.param("*", 583231, id="star-is-the-first-value"),
        pytest.param("user.*", "mona@x.example", id="star-within"),
        pytest.param("object.*", None, id="star-of-an-empty-object"),
        pytest.param("strings.*", None, id="star-of-a-list"),
        pytest.param("user.Deep.*.x", 1, id="step-behind-star"),
        # what is no step is null
        pytest.param("missing", None, id="missing"),
        pytest.param("missing.name", None, id="step-on-nothing"),
        pytest.param("null.name", None, id="step-on-null"),
        pytest.param("id.name", None, id="step-on-number"),
        pytest.param("yes.name", None, id="step-on-boolean"),
        pytest.param("email.name", None, id="step-on-text"),
        pytest.param("emails.email", None, id="step-on-list-without-pick"),
        # values as they are
        pytest.param("zero", 0, id="zero-is-a-value"),
        pytest.param("no", False, id="false-is-a-value"),
        pytest.param("list", [], id="empty-list-is-a-value"),
        pytest.param("object", {}, id="empty-object-is-a-value"),
        pytest.param("empty", None, id="empty-text-is-nothing"),
        # roots
        pytest.param("$token.id", "from token", id="root-token"),
        pytest.param("$token.authed_user.id", "U1", id="root-and-steps"),
        pytest.param("$id.sub", "from id", id="root-id"),
        pytest.param("$callback.shop", "s", id="root-callback"),
        pytest.param("$userinfo.login", "octocat", id="root-userinfo"),
        pytest.param("$extra.x", "from extra", id="root-extra"),
        pytest.param("$my-org.@header.x-ausername", "from header", id="root-of-a-request-and-header"),
        pytest.param("$my-org.*.x-ausername", "from header", id="star-behind-root"),
        pytest.param("$nothing.x", None, id="root-that-is-null"),
        pytest.param("$unknown.x", None, id="root-that-is-not-there"),
        pytest.param("$emails.email", None, id="root-list-without-pick"),
        pytest.param("$emails[0].email", "old@x.example", id="pick-behind-root"),
        pytest.param("$emails[primary].email", "me@x.example", id="condition-behind-root"),
        # picks
        pytest.param("strings[0]", "first", id="pick-first"),
        pytest.param("strings[-1]", "last", id="pick-last"),
        pytest.param("strings[-2]", "first", id="pick-from-the-end"),
        pytest.param("strings[2]", None, id="pick-beyond-the-end"),
        pytest.param("strings[-3]", None, id="pick-beyond-the-start"),
        pytest.param("grid[1][0]", 3, id="pick-of-a-pick"),
        pytest.param("user[0]", None, id="number-on-object"),
        pytest.param("email[0]", None, id="number-on-text"),
        pytest.param("null[0]", None, id="number-on-null"),
        pytest.param("emails[primary].n", 2, id="true"),
        pytest.param("emails[primary,verified].n", 3, id="all-of-two"),
        pytest.param("emails[!primary].n", 1, id="not"),
        pytest.param("emails[primary,!verified].n", 2, id="true-and-not"),
        pytest.param("emails[!missing].n", 1, id="not-holds-for-what-is-missing"),
        pytest.param("strings[!missing]", None, id="only-objects-meet-a-condition"),
        pytest.param("emails[type=home].n", 2, id="equal"),
        pytest.param("emails[n=3].email", "new@x.example", id="equal-as-text"),
        pytest.param("emails[primary=false].n", 1, id="equal-to-a-boolean"),
        pytest.param("emails[type=nowhere].n", None, id="equal-to-none"),
        pytest.param("emails[missing=null].n", None, id="null-equals-no-text"),
        pytest.param("emails[scope~primary].n", 2, id="list-contains"),
        pytest.param("emails[scope~b,type=home].n", 2, id="contains-and-equal"),
        pytest.param("json_scopes[scope~primary].v", 6, id="json-list-contains"),
        pytest.param("emails[type~home].n", None, id="a-text-contains-nothing"),
        pytest.param("flags[on].v", 3, id="false-and-0-as-text-are-not-true"),
        pytest.param("flags[!on].v", 1, id="false-as-text-is-not"),
        pytest.param("user[primary]", None, id="condition-on-object"),
        pytest.param("null[primary]", None, id="condition-on-null"),
        # text that holds JSON
        pytest.param("json.name.firstName", "Ada", id="json-object"),
        pytest.param("json.emails[primary].n", 2, id="json-further-in"),
        pytest.param("json_list[0].a", "x", id="json-list"),
        pytest.param("json_list", ' [{"a": "x"}] ', id="json-without-a-further-step-stays-text"),
        pytest.param("json_twice.a", None, id="json-is-opened-once-a-step"),
        pytest.param("json_elements[ok].v", 5, id="json-among-elements"),
        pytest.param("json_elements[1].v", None, id="broken-json"),
        # filters
        pytest.param("email:before(@)", "me", id="before"),
        pytest.param("name:before(@)", "Mona Lisa", id="before-what-is-not-there"),
        pytest.param("slash:before(/)", "a", id="before-the-first"),
        pytest.param("name:before(a L)", "Mon", id="before-several-characters"),
        pytest.param("email:before(me)", None, id="before-leaves-nothing"),
        pytest.param("user.uri:after(/)", "7", id="after-removes-one-at-the-end"),
        pytest.param("email:after(@)", "x.example", id="after"),
        pytest.param("name:after(/)", "Mona Lisa", id="after-what-is-not-there"),
        pytest.param("slash:after(/)", None, id="after-removes-no-second"),
        pytest.param("email:after(|)", "me@x.example", id="a-bar-as-argument"),
        pytest.param("id:before(32)", "58", id="before-reads-a-number-as-text"),
        pytest.param("user:before(@)", None, id="before-of-an-object"),
        pytest.param("escaped:unquote", "René \ufffd", id="unquote"),
        pytest.param("LOWER:lower", "àbc", id="lower"),
        pytest.param("id:str", "583231", id="str-of-a-number"),
        pytest.param("fraction:str", "2.5", id="str-of-a-fraction"),
        pytest.param("large:str", "1230000000.0", id="str-of-a-fraction-as-python-writes-it"),
        pytest.param("yes:str", "true", id="str-of-a-boolean"),
        pytest.param("name:str", "Mona Lisa", id="str-of-text"),
        pytest.param("list:str", None, id="str-of-a-list"),
        pytest.param("object:str", None, id="str-of-an-object"),
        pytest.param("null:str", None, id="str-of-null"),
        pytest.param("surrogate:str", None, id="str-of-what-utf-8-cannot-say"),
        pytest.param("yes:bool", True, id="bool-of-true"),
        pytest.param("no:bool", False, id="bool-of-false"),
        pytest.param("true_text:bool", True, id="bool-of-the-text-true"),
        pytest.param("false_text:bool", False, id="bool-of-the-text-false"),
        pytest.param("True_text:bool", None, id="bool-of-another-spelling"),
        pytest.param("id:bool", None, id="bool-of-a-number"),
        pytest.param("empty:bool", None, id="bool-of-nothing"),
        pytest.param("object:bool", None, id="bool-of-an-object"),
        pytest.param("local:localized", "Foo", id="localized"),
        pytest.param("nolocal:localized", None, id="localized-without-the-language"),
        pytest.param("halflocal:localized", None, id="localized-without-a-country"),
        pytest.param("oddlocal:localized", None, id="localized-with-an-odd-country"),
        pytest.param("name:localized", None, id="localized-of-text"),
        pytest.param("local:localized:lower", "foo", id="two-filters"),
        pytest.param("user.uri:after(/):before(7)|id", 583231, id="filters-that-leave-nothing-give-way"),
        # alternatives
        pytest.param("missing|id", 583231, id="second-where-the-first-is-missing"),
        pytest.param("empty|id", 583231, id="second-where-the-first-is-empty"),
        pytest.param("name|id", "Mona Lisa", id="first-where-both-are-there"),
        pytest.param("no|id", False, id="false-is-no-reason-to-go-on"),
        pytest.param("missing|empty|null", None, id="none-of-three"),
        pytest.param("'a text'", "a text", id="quoted-text"),
        pytest.param("''", "", id="quoted-nothing"),
        pytest.param("missing|'none'", "none", id="quoted-text-at-the-end"),
        pytest.param("'{a}|$b'", "{a}|$b", id="quoted-text-is-itself"),
        pytest.param("empty|''", "", id="quoted-nothing-at-the-end"),
        pytest.param("''|id", 583231, id="quoted-nothing-in-front-gives-way"),
        pytest.param("''|empty", None, id="quoted-nothing-counts-at-the-end-alone"),
        # text with placeholders
        pytest.param("{id}", "583231", id="placeholder-is-text"),
        pytest.param("{id}:{team.name}", "583231:octo", id="two-placeholders"),
        pytest.param("u-{id}", "u-583231", id="text-in-front"),
        pytest.param("({team.name}) O'{name}", "(octo) O'Mona Lisa", id="text-with-marks"),
        pytest.param("{name}  ", "Mona Lisa", id="trimmed"),
        pytest.param("{id}:{missing}", None, id="missing-placeholder"),
        pytest.param("{id}:{empty}", None, id="empty-placeholder"),
        pytest.param("{id}:{object}", None, id="object-as-placeholder"),
        pytest.param("{id}:{surrogate}", None, id="placeholder-that-utf-8-cannot-say"),
        pytest.param("{id}:{missing?}", "583231:", id="optional-placeholder"),
        pytest.param("{object?}{id}", "583231", id="object-as-optional-placeholder"),
        pytest.param("{id?}", "583231", id="optional-placeholder-that-is-there"),
        pytest.param("{missing?} {null?}", None, id="nothing-left"),
        pytest.param("{blank}", None, id="white-space-is-nothing"),
        pytest.param("{missing|team.name}!", "octo!", id="alternatives-within"),
        pytest.param("{missing|'none'}!", "none!", id="quoted-text-within"),
        pytest.param("{missing|''}!", "!", id="quoted-nothing-within"),
        pytest.param("{email:before(@)}/{$emails[-1].n}", "me/3", id="whole-paths-within"),
        pytest.param('{"a.b:c|d{e}"}', "quoted", id="quoted-name-within-placeholder"),
        pytest.param('"a.b:c|d{e}"|{id}', "quoted", id="quoted-brace-is-no-placeholder"),
        pytest.param("{missing}|{id}!", "583231!", id="text-as-alternative"),
        pytest.param("{yes}{no}{zero}", "truefalse0", id="booleans-and-zero-within"),
    ],
)
def test_a_path_reads(text: str, expected: object) -> None:
    found = path(text).read(ANSWERS)

    assert found == expected
    assert type(found) is type(expected)


def test_a_path_keeps_its_source() -> None:
    assert path("a|b").source == "a|b"


def test_a_path_without_a_merged_answer_finds_nothing() -> None:
    assert path("id").read({}) is None


@pytest.mark.parametrize(
    ("text", "position"),
    [
        pytest.param("", 1, id="nothing"),
        pytest.param(" id", 1, id="space-in-front"),
        pytest.param("id ", 3, id="space-behind"),
        pytest.param("a b", 2, id="space-within"),
        pytest.param("é", 1, id="letter-outside-ascii"),
        pytest.param("-a", 1, id="dash-in-front"),
        pytest.param("a|", 3, id="bar-at-the-end"),
        pytest.param("|a", 1, id="bar-in-front"),
        pytest.param("a||b", 3, id="two-bars"),
        pytest.param("a.", 3, id="dot-at-the-end"),
        pytest.param(".a", 1, id="dot-in-front"),
        pytest.param("a..b", 3, id="two-dots"),
        pytest.param("a*", 2, id="star-in-a-name"),
        pytest.param("*a", 2, id="name-behind-star"),
        pytest.param("'a", 1, id="quote-not-closed"),
        pytest.param("'a'b", 4, id="text-behind-quoted-text"),
        pytest.param("'a'.b", 4, id="step-behind-quoted-text"),
        pytest.param("'a' {b}", 4, id="quoted-text-and-placeholder"),
        pytest.param('"a', 1, id="quoted-name-not-closed"),
        pytest.param('""', 1, id="quoted-name-of-nothing"),
        pytest.param('"a"b', 4, id="name-behind-quoted-name"),
        pytest.param("$", 2, id="root-without-name"),
        pytest.param("$token", 7, id="root-alone"),
        pytest.param("$token.", 8, id="root-and-dot"),
        pytest.param("$emails[0]", 11, id="root-and-pick-alone"),
        pytest.param("$emails[0][0].a", 11, id="two-picks-behind-root"),
        pytest.param("$$a.b", 2, id="two-dollars"),
        pytest.param("a.$b.c", 3, id="root-within"),
        pytest.param("a[", 3, id="pick-not-begun"),
        pytest.param("a[]", 3, id="pick-of-nothing"),
        pytest.param("a[0", 4, id="pick-not-closed"),
        pytest.param("a[b", 4, id="condition-not-closed"),
        pytest.param("a[-]", 3, id="minus-alone"),
        pytest.param("a[1,2]x", 7, id="name-behind-pick"),
        pytest.param("a[b,]", 5, id="comma-at-the-end"),
        pytest.param("a[b c]", 4, id="space-in-a-pick"),
        pytest.param("a[!]", 4, id="not-without-name"),
        pytest.param("a[!b=c]", 5, id="not-equal"),
        pytest.param("a[b=]", 5, id="equal-to-nothing"),
        pytest.param("a[b~]", 5, id="contains-nothing"),
        pytest.param("a]", 2, id="pick-not-opened"),
        pytest.param("a:", 3, id="filter-without-name"),
        pytest.param("a:upper", 3, id="unknown-filter"),
        pytest.param("a:lowercase", 3, id="filter-and-more"),
        pytest.param("a:lower()", 3, id="argument-where-there-is-none"),
        pytest.param("a:before", 3, id="argument-missing"),
        pytest.param("a:before()", 3, id="argument-of-nothing"),
        pytest.param("a:before(@", 3, id="argument-not-closed"),
        pytest.param("a:str.b", 6, id="step-behind-filter"),
        pytest.param("a:str[0]", 6, id="pick-behind-filter"),
        pytest.param(":str", 1, id="filter-alone"),
        pytest.param("{a", 3, id="placeholder-not-closed"),
        pytest.param("a}", 2, id="placeholder-not-opened"),
        pytest.param("{a}}", 4, id="placeholder-closed-twice"),
        pytest.param("{}", 2, id="placeholder-of-nothing"),
        pytest.param("{?}", 2, id="optional-nothing"),
        pytest.param("{a??}", 4, id="optional-twice"),
        pytest.param("a?", 2, id="optional-outside"),
        pytest.param("{a b}", 3, id="space-in-a-placeholder"),
        pytest.param("{{a}}", 2, id="doubled-braces"),
        pytest.param("{x{a}}", 3, id="placeholder-within-a-placeholder"),
    ],
)
def test_a_wrong_path_is_refused_with_the_position(text: str, position: int) -> None:
    with pytest.raises(ExpressionError, match=rf"character {position} of "):
        path(text)


@pytest.mark.parametrize("parse", [pytest.param(template, id="template"), pytest.param(path, id="path")])
def test_a_source_has_at_most_512_characters(parse: Callable[[str], object]) -> None:
    parse("a" * 512)

    with pytest.raises(ExpressionError, match="512"):
        parse("a" * 513)


@settings(deadline=None)  # a busy machine breaks no rule
@given(st.text(alphabet="ab{}|'\"$.[]*!=~,:?()0-@ ", max_size=40) | st.text(max_size=40))
def test_a_source_parses_or_is_an_expression_error(text: str) -> None:
    for parse in (template, path):
        with contextlib.suppress(ExpressionError):
            parse(text)


# --- the files there are ---------------------------------------------------------------------------------------------

TEMPLATES_OF_FILES = [
    "https://{host}/{tenant}/v2.0", "https://{host}/{tenant}/oauth2/v2.0/authorize",
    "https://{host}/{tenant}/oauth2/v2.0/token", "https://{host}/{claim.tid}/v2.0", "{setting.resource}",
    "{tenant}", "discovery", "https://cloud.digitalocean.com/v1/oauth/authorize", "{client_secret}",
    "{access_token}", "{client_id}|{client_secret}", "true", "https://www.facebook.com/v{version}/dialog/oauth",
    "{proof}", "{setting.profile_fields}", "https://graph.facebook.com/v{version}/{uid}/permissions",
    "{api}/orgs/{org}/members/{userinfo.login}", "{web}/login/oauth/authorize", "{api}/user",
    "{api}/applications/{client_id}/token", "{team}",
]  # fmt: skip
SLACK_NAME = "{user.email:before(@)}@{team.name}|{user.name}@{team.name}|user.email:before(@)|user.name"
GITHUB_EMAIL = "$emails[primary].email|$emails[0].email|email|''"
PATHS_OF_FILES = [
    SLACK_NAME, GITHUB_EMAIL, "{given?} {family?}",
    "sub", "preferred_username", "name", "given_name", "family_name", "tid", "aud", "account.uuid", "account.email",
    "application.uid", "error_code", "error_message", "id", "username|name", "email|''", "first_name", "last_name",
    "error.code", "error.message", "data.app_id", "data.user_id", "data.is_valid", "data.expires_at", "login",
    "$emails[primary,verified].verified", "app.client_id", "user.id", "access_token|authed_user.access_token",
    "refresh_token|authed_user.refresh_token", "id|user.id", "user.email", "user.name", "ok", "error", "team.id",
    '"https://slack.com/user_id"|sub', "{hub_id}:{user_id}", "user.uri:after(/)", "access_token.token|access_token",
    "data[0]", "*", "$token.authed_user.id", "$emails.@header.x-name",
    "emails[scope~primary].email|emails[type=home,!x].email", "name:localized|name:unquote:lower|id:str|ok:bool",
]  # fmt: skip


@pytest.mark.parametrize("text", TEMPLATES_OF_FILES)
def test_a_template_of_the_files_parses_and_renders(text: str) -> None:
    made = template(text)
    values: dict[str, object] = dict.fromkeys(made.names, "x")

    assert made.render(values) is not None
    assert bool(made.names) == (made.render({}) is None)


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        pytest.param('"https://slack.com/user_id"|sub', {"": {"sub": "s"}}, "s", id="slack-sub"),
        pytest.param(
            '"https://slack.com/user_id"|sub',
            {"": {"https://slack.com/user_id": "U", "sub": "s"}},
            "U",
            id="slack-claim",
        ),
        pytest.param(
            SLACK_NAME,
            {"": {"user": {"email": "a@b", "name": "A"}, "team": {"name": "T"}}},
            "a@T",
            id="slack-email-team",
        ),
        pytest.param(SLACK_NAME, {"": {"user": {"name": "A"}, "team": {"name": "T"}}}, "A@T", id="slack-name-team"),
        pytest.param(SLACK_NAME, {"": {"user": {"email": "a@b", "name": "A"}}}, "a", id="slack-email"),
        pytest.param(SLACK_NAME, {"": {"user": {"name": "A"}}}, "A", id="slack-name"),
        pytest.param("{hub_id}:{user_id}", {"": {"hub_id": 1, "user_id": "2"}}, "1:2", id="hubspot"),
        pytest.param("{hub_id}:{user_id}", {"": {"user_id": "2"}}, None, id="hubspot-without-hub"),
        pytest.param("{given?} {family?}", {"": {"given": "A", "family": "B"}}, "A B", id="both-names"),
        pytest.param("{given?} {family?}", {"": {"family": "B"}}, "B", id="family-name-alone"),
        pytest.param(
            "access_token.token|access_token", {"": {"access_token": {"token": "t"}}}, "t", id="yammer-object"
        ),
        pytest.param("access_token.token|access_token", {"": {"access_token": "t"}}, "t", id="yammer-text"),
        pytest.param("data[0]", {"": {"data": [{"id": 1}]}}, {"id": 1}, id="kick"),
        pytest.param("*", {"": {"user": {"id": 1}}}, {"id": 1}, id="clever"),
        pytest.param(
            GITHUB_EMAIL,
            {"": {}, "emails": [{"email": "a"}, {"email": "b", "primary": True}]},
            "b",
            id="github-primary",
        ),
        pytest.param(GITHUB_EMAIL, {"": {}, "emails": [{"email": "a"}]}, "a", id="github-first"),
        pytest.param(GITHUB_EMAIL, {"": {"email": None}, "emails": None}, "", id="github-none"),
    ],
)
def test_an_expression_of_the_files_reads_what_its_provider_means(
    text: str, answers: Mapping[str, object], expected: object
) -> None:
    assert path(text).read(answers) == expected


# --- reading never raises --------------------------------------------------------------------------------------------

_NAMES = [
    "email", "emails", "user", "name", "id", "primary", "type", "scope", "x", "data", "localized",
    "preferredLocale",
]  # fmt: skip
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(['{"email": [', '[{"x": "y"}]']),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=3), inner, max_size=5)
        | inner.map(json.dumps)
    ),
    max_leaves=20,
)
_EVERY_PATH = [path(text) for text in PATHS_OF_FILES]
_EVERY_TEMPLATE = [template(text) for text in [*TEMPLATES_OF_FILES, "{emails.email}", "{user.name.x}"]]


@settings(deadline=None)  # a busy machine breaks no rule
@given(st.dictionaries(st.sampled_from(["", "token", "emails"]), _JSON))
def test_no_answer_makes_a_path_raise(answers: Mapping[str, object]) -> None:
    for expression in _EVERY_PATH:
        expression.read(answers)


@settings(deadline=None)  # a busy machine breaks no rule
@given(st.dictionaries(st.sampled_from(["", "token", "emails", "user", "client_id", "setting", "claim"]), _JSON))
def test_no_value_makes_a_template_raise_even_where_it_is_a_url(values: Mapping[str, object]) -> None:
    for expression in _EVERY_TEMPLATE:
        expression.render(values, verbatim=())


def _nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(_nested(10_000), id="lists"),
        pytest.param("[" * 10_000 + "]" * 10_000, id="text-of-lists"),
        pytest.param('{"email":' * 10_000, id="text-of-objects-not-closed"),
        pytest.param("9" * 10_000, id="text-of-a-number"),
        pytest.param(10**10_000, id="number"),
    ],
)
@pytest.mark.parametrize("text", PATHS_OF_FILES)
def test_no_bomb_makes_a_path_raise(text: str, bomb: object) -> None:
    names = [*_NAMES, "https://slack.com/user_id", "given", "ok", "language", "country"]
    inner = dict.fromkeys(names, bomb)

    for answers in (bomb, inner, dict.fromkeys(names, inner), {name: [inner] for name in names}, [inner]):
        path(text).read({"": answers, "token": answers, "emails": answers})


def test_a_locale_of_nested_lists_is_no_locale() -> None:
    local = {"localized": {}, "preferredLocale": {"language": _nested(10_000), "country": "US"}}

    assert path("a:localized").read({"": {"a": local}}) is None


@pytest.mark.parametrize(
    ("length", "expected"),
    [pytest.param(65_536, 1, id="64-kib"), pytest.param(65_537, None, id="one-more")],
)
def test_a_text_of_more_than_64_kib_is_not_opened(length: int, expected: object) -> None:
    text = '{"a": 1}'.ljust(length)

    assert path("json.a").read({"": {"json": text}}) == expected


@pytest.mark.parametrize(
    ("depth", "expected"), [pytest.param(255, 1, id="256-brackets"), pytest.param(256, None, id="one-more")]
)
def test_a_text_of_more_than_256_brackets_is_not_opened(depth: int, expected: object) -> None:
    text = '{"a": 1, "b": ' + "[" * depth + "]" * depth + "}"

    assert path("json.a").read({"": {"json": text}}) == expected


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="there the parser of JSON has a stack of its own")
def test_a_text_that_the_stack_is_too_full_to_open_is_null() -> None:
    """The reading is tried again at each level of a full stack, from the deepest, until it returns."""
    expression = path("json.a")
    answers = {"": {"json": '{"a": ' + "[" * 200 + "]" * 200 + "}"}}

    def read_at_the_end_of_the_stack() -> object:
        try:
            return read_at_the_end_of_the_stack()
        except RecursionError:
            return expression.read(answers)

    assert read_at_the_end_of_the_stack() is None
