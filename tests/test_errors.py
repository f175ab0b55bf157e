"""The tree of errors: each has a status and a word for programs, and shows nothing that came from outside unchecked."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import asgi_social
from asgi_social import (
    AccountTaken,
    AssociationGone,
    CannotRenew,
    ConsentDenied,
    FlowRefused,
    LastAssociation,
    NeedsReauth,
    NotSignedIn,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderRetired,
    ProviderUnreachable,
    Refused,
    SettingsError,
    SocialError,
    StorageError,
    TokenRefused,
    TooManyRequests,
    UnknownBackend,
)
from asgi_social.errors import MAX_FOREIGN_CHARACTERS, cleaned

TREE = [
    (SettingsError, SocialError, 500, "settings"),
    (UnknownBackend, SettingsError, 404, "unknown_backend"),
    (Refused, SocialError, 400, "refused"),
    (NotSignedIn, Refused, 401, "not_signed_in"),
    (FlowRefused, Refused, 400, "flow_refused"),
    (ConsentDenied, Refused, 403, "consent_denied"),
    (TokenRefused, Refused, 401, "token_refused"),
    (AccountTaken, Refused, 409, "account_taken"),
    (LastAssociation, Refused, 409, "last_association"),
    (ProviderRetired, Refused, 409, "provider_retired"),
    (TooManyRequests, Refused, 429, "too_many_requests"),
    (NeedsReauth, SocialError, 403, "needs_reauth"),
    (CannotRenew, SocialError, 409, "cannot_renew"),
    (AssociationGone, SocialError, 404, "association_gone"),
    (ProviderError, SocialError, 502, "provider_error"),
    (ProviderRefused, ProviderError, 502, "provider_refused"),
    (ProviderBroken, ProviderError, 502, "provider_broken"),
    (ProviderUnreachable, ProviderError, 503, "provider_unreachable"),
    (StorageError, SocialError, 503, "storage"),
]


def _below(kind: type[SocialError]) -> Iterator[type[SocialError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


@pytest.mark.parametrize(("kind", "parent", "status", "code"), TREE)
def test_each_error_has_its_place_its_status_and_its_word(
    kind: type[SocialError], parent: type[SocialError], status: int, code: str
) -> None:
    assert kind.__bases__ == (parent,)
    assert (kind.status, kind.code) == (status, code)


def test_the_tree_is_whole_and_public() -> None:
    kinds: list[type[SocialError]] = [kind for kind, *_ in TREE]

    assert set(_below(SocialError)) == set(kinds)
    assert all(getattr(asgi_social, kind.__name__) is kind for kind in kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_an_error_reads_as_what_happened_and_what_to_do() -> None:
    error = AccountTaken("this account is linked to another user", hint="choose another", backend="github")

    assert str(error) == "this account is linked to another user (choose another)"
    assert (error.message, error.hint, error.backend) == (
        "this account is linked to another user",
        "choose another",
        "github",
    )
    assert error.reason is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FlowRefused("m", hint="h", reason="spent"), "spent"),
        (TokenRefused("m", hint="h", reason="audience"), "audience"),
        (NeedsReauth("m", hint="h", association_id="a", since=1.0, reason="revoked", backend="github"), "revoked"),
    ],
)
def test_an_error_with_several_causes_gives_the_closer_one(error: SocialError, reason: str) -> None:
    assert error.reason == reason


def test_a_fault_of_the_settings_names_itself_among_its_problems() -> None:
    error = SettingsError("m", hint="h", setting="base_url")
    several = SettingsError("m", hint="h", setting="base_url", problems=[error])

    assert error.problems == (error,)
    assert several.problems == (error,)
    assert (error.setting, error.allowed) == ("base_url", "")


def test_an_unknown_backend_names_those_there_are_and_the_nearest() -> None:
    error = UnknownBackend("git\nhub", configured=["github", "corp"], nearest="github")

    assert (error.name, error.configured) == ("git\nhub", ("github", "corp"))
    assert "\n" not in str(error)
    assert "'github'" in error.hint
    assert "corp" in error.hint
    assert UnknownBackend("x", configured=[]).hint == "configured: none"


def test_what_a_provider_says_of_its_refusal_is_cleaned() -> None:
    error = ProviderRefused(
        endpoint="token endpoint", error="bad\r\nthing", description="x" * 300 + "\u202e", hint="h", http_status=400
    )

    assert error.error == "bad??thing"
    assert len(error.description) == MAX_FOREIGN_CHARACTERS + 1
    assert str(error).isprintable()
    assert (error.endpoint, error.http_status) == ("token endpoint", 400)


def test_a_refusal_without_words_has_none() -> None:
    assert (
        str(ProviderRefused(endpoint="token endpoint", error="no", hint="h")) == "the token endpoint answers 'no' (h)"
    )


def test_a_broken_answer_is_told_by_what_should_have_come_and_what_came() -> None:
    error = ProviderBroken(endpoint="token endpoint", expected="a JSON object", got="an array", http_status=200)

    assert (error.expected, error.got, error.http_status) == ("a JSON object", "an array", 200)
    assert error.message == "the token endpoint answers an array instead of a JSON object"


def test_an_unreachable_provider_says_whether_it_may_have_acted() -> None:
    error = ProviderUnreachable("m", endpoint="token endpoint", may_have_arrived=True, retry_after=7.0)

    assert (error.may_have_arrived, error.retry_after, error.endpoint) == (True, 7.0, "token endpoint")


def test_an_error_of_the_store_names_what_was_tried() -> None:
    assert StorageError("m", operation="add").operation == "add"


@pytest.mark.parametrize("kind", [CannotRenew, AssociationGone])
def test_an_error_about_an_association_names_it(kind: type[CannotRenew | AssociationGone]) -> None:
    assert kind("m", hint="h", association_id="a", backend="github").association_id == "a"


@given(st.text())
def test_cleaned_text_is_on_one_line_prints_and_is_short(text: str) -> None:
    shown = cleaned(text)

    assert len(shown) <= MAX_FOREIGN_CHARACTERS + 1
    assert len(shown.splitlines()) <= 1
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("ä € 漢", "ä € 漢"),
        ("a\x00b\x1b[31m", "a?b?[31m"),
        ("\u202eabc\u2066", "?abc?"),
        ("a\u2028b\u2029c", "a?b?c"),
        ("\ud800", "?"),
        ("\ue000\U000e0041", "??"),
        ("\x85\u200b\ufeff", "???"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_what_could_mislead_a_reader_of_a_log_is_replaced(text: str, shown: str) -> None:
    assert cleaned(text) == shown
