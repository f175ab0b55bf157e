"""What it means that a renewal gave no tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social import (
    NeedsReauth,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    SettingsError,
    SocialError,
)
from asgi_social.refresh.failures import Meaning, is_of_credentials, meaning_of, require_active
from tests.refresh.rows import row_of, rules_of


def refused(word: str, status: int = 400) -> ProviderRefused:
    return ProviderRefused(endpoint="token endpoint", error=word, hint="", http_status=status)


def unreachable(*, arrived: bool, status: int | None = None) -> ProviderUnreachable:
    return ProviderUnreachable("no", endpoint="token endpoint", may_have_arrived=arrived, http_status=status)


def broken(status: int | None) -> ProviderBroken:
    return ProviderBroken(endpoint="token endpoint", expected="a", got="b", http_status=status)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        pytest.param(refused("invalid_grant"), "ended", id="invalid_grant"),
        pytest.param(refused("gone"), "ended", id="a word of the provider's own"),
        pytest.param(refused("invalid_client", 401), "app", id="invalid_client"),
        pytest.param(refused("unauthorized_client"), "app", id="unauthorized_client"),
        pytest.param(refused("invalid_request"), "later", id="another word"),
        pytest.param(unreachable(arrived=False), "later", id="not sent"),
        pytest.param(unreachable(arrived=False, status=429), "later", id="429"),
        pytest.param(unreachable(arrived=True), "lost", id="no answer"),
        pytest.param(unreachable(arrived=True, status=500), "later", id="500"),
        pytest.param(unreachable(arrived=True, status=503), "later", id="503"),
        pytest.param(unreachable(arrived=True, status=502), "lost", id="502 of a gateway"),
        pytest.param(unreachable(arrived=True, status=504), "lost", id="504 of a gateway"),
        pytest.param(broken(200), "lost", id="nonsense with 200"),
        pytest.param(broken(None), "lost", id="nonsense that was not read to its end"),
        pytest.param(broken(302), "later", id="a redirect"),
        pytest.param(broken(404), "later", id="404"),
        pytest.param(ProviderError("no", hint="", endpoint="token endpoint"), "later", id="another of the provider's"),
        pytest.param(SettingsError("no", hint="", setting="a"), "app", id="the app's key"),
    ],
)
def test_an_error_means_one_thing(error: SocialError, meaning: Meaning) -> None:
    assert meaning_of(error, rules_of(ended=frozenset({"gone"}))) == meaning


@given(word=st.text(max_size=40), status=st.integers(min_value=200, max_value=599))
def test_no_other_word_ends_a_grant(word: str, status: int) -> None:
    ends = meaning_of(refused(word, status), rules_of()) == "ended"

    assert ends == (word == "invalid_grant")


@given(arrived=st.booleans(), status=st.none() | st.integers(min_value=100, max_value=599))
def test_no_outage_and_no_nonsense_ends_a_grant(arrived: bool, status: int | None) -> None:
    for error in (unreachable(arrived=arrived, status=status), broken(status)):
        assert meaning_of(error, rules_of()) in {"later", "lost"}


def test_the_app_s_credentials_are_the_matter_of_all_associations_and_its_keys_are_not() -> None:
    assert is_of_credentials(refused("invalid_client"))
    assert not is_of_credentials(refused("invalid_grant"))
    assert not is_of_credentials(SettingsError("no", hint="", setting="a"))


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("revoked", "revoked"),
        ("answer_lost", "answer_lost"),
        ("suspect", "suspect"),
        ("of a later version", "revoked"),
        (None, "revoked"),
    ],
)
def test_an_association_that_needs_reauth_says_why_and_since_when(stored: str | None, told: str) -> None:
    with pytest.raises(NeedsReauth) as raised:
        require_active(row_of(status="needs_reauth", reason=stored))

    assert (raised.value.reason, raised.value.since, raised.value.association_id) == (told, row_of().since, "an-id")


def test_an_active_association_raises_nothing() -> None:
    require_active(row_of())
