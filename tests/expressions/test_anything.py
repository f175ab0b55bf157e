"""Both languages against anything: odd sources, hostile answers, and the expressions of real files."""

import contextlib
import json
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgi_social.expressions import ExpressionError, path, template


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
