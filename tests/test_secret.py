"""Secrets never show themselves; what is sealed opens only where it belongs."""

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.secret import Keys, Purpose, Secret, digest, random_text, same
from tests.app import KEY

OTHER_KEY = "another-key-of-the-tests-7Rk2mZq9"
KEYS = Keys([KEY])
TEXT = "gho_secret"
SECRET = Secret(TEXT)
SEALED = KEYS.seal(TEXT, purpose="storage", context="row/1/access_token")


@dataclass(frozen=True)
class Holder:
    """A value with a secret in it."""

    secret: Secret


# Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!s}",
        f"{SECRET:>40}",
        format(SECRET, "x"),
        "%s" % SECRET,  # noqa: UP031  # as logging does
        "%r" % SECRET,  # noqa: UP031
        f"{[SECRET]} { ({'k': SECRET}) }",
        repr(Holder(SECRET)),
        repr(LookupError(SECRET)),
    ],
)
def test_a_secret_shows_itself_in_no_text(shown: str) -> None:
    assert TEXT not in shown
    assert "Secret(…)" in shown


def test_a_secret_shows_itself_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("asgi_social").warning("%s %r", SECRET, SECRET)

    assert caplog.records[0].getMessage() == "Secret(…) Secret(…)"


def test_a_secret_gives_its_text_by_reveal_alone() -> None:
    assert SECRET.reveal() == TEXT
    assert not hasattr(SECRET, "__dict__")


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, hash])
def test_a_secret_does_not_leave_by_accident(leave: object) -> None:
    assert callable(leave)
    with pytest.raises(TypeError) as raised:
        leave(SECRET)

    assert TEXT not in str(raised.value)


def test_a_value_with_a_secret_is_no_dictionary() -> None:
    with pytest.raises(TypeError):
        asdict(Holder(SECRET))


def test_secrets_of_the_same_text_are_equal_and_of_no_other() -> None:
    assert Secret(TEXT) == SECRET
    assert Secret(f"{TEXT}2") != SECRET
    assert SECRET != TEXT
    assert TEXT != SECRET
    assert Secret("ä") == Secret("ä")


def test_an_empty_secret_counts_as_none() -> None:
    assert not Secret("")
    assert SECRET


# Randomness and comparing


@pytest.mark.parametrize(("bits", "characters"), [(48, 8), (128, 22), (256, 43)])
def test_a_random_text_is_safe_in_a_url_and_as_long_as_its_bits_need(bits: int, characters: int) -> None:
    texts = {random_text(bits=bits) for _ in range(50)}

    assert len(texts) == 50
    assert {len(text) for text in texts} == {characters}
    assert all(text.replace("-", "").replace("_", "").isalnum() and text.isascii() for text in texts)


def test_a_random_text_has_256_bits_where_none_are_named() -> None:
    assert len(random_text()) == 43


@given(st.text(), st.text())
def test_same_says_what_equality_says_of_any_text(one: str, other: str) -> None:
    assert same(one, other) is (one == other)
    assert same(one, one)


@pytest.mark.parametrize("text", ["ä", "\ud800", ""])
def test_same_and_digest_take_any_text(text: str) -> None:
    assert same(text, text)
    assert len(digest(text)) == 64


def test_a_digest_is_sha_256() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# Sealing


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.text(alphabet="abc/_0", max_size=20))
def test_what_is_sealed_opens_with_its_own_purpose_and_context(text: str, context: str) -> None:
    sealed = KEYS.seal(text, purpose="storage", context=context)

    assert KEYS.unseal(sealed, purpose="storage", context=context) == text


def test_a_sealed_text_is_never_the_same_twice_and_hides_what_it_holds() -> None:
    again = KEYS.seal(TEXT, purpose="storage", context="row/1/access_token")

    assert again != SEALED
    assert TEXT not in SEALED
    assert SEALED.startswith("v1.")


@pytest.mark.parametrize("purpose", ["flow", "carrier"])
def test_what_is_sealed_does_not_open_for_another_purpose(purpose: Purpose) -> None:
    assert KEYS.unseal(SEALED, purpose=purpose, context="row/1/access_token") is None


@pytest.mark.parametrize("context", ["row/2/access_token", "row/1/refresh_token", "", "row/1/access_token/"])
def test_what_is_sealed_does_not_open_in_another_context(context: str) -> None:
    assert KEYS.unseal(SEALED, purpose="storage", context=context) is None


def test_every_character_of_a_sealed_text_counts() -> None:
    changed = [
        SEALED[:place] + ("A" if SEALED[place] != "A" else "B") + SEALED[place + 1 :] for place in range(len(SEALED))
    ]

    opened = [KEYS.unseal(one, purpose="storage", context="row/1/access_token") for one in changed]

    # The last character holds bits that belong to no byte; what it opens as is the same text.
    assert set(opened[:-1]) == {None}
    assert opened[-1] in {None, TEXT}


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "v1", "v1.", "v1..", "v2" + SEALED[2:], SEALED[:-5], SEALED + "AAAA", "v1." + "ä" * 9]
    + [SEALED.rsplit(".", 1)[0] + "." + rest for rest in ("", "A", "AAAA", "ä", "a b", "=", "A" * 15, "\ud800")],
)
def test_what_was_never_sealed_is_none(value: str) -> None:
    assert KEYS.unseal(value, purpose="storage", context="row/1/access_token") is None


@given(st.text())
def test_any_text_is_opened_or_none(value: str) -> None:
    key_id = SEALED.split(".")[1]

    assert KEYS.unseal(value, purpose="storage", context="c") is None
    assert KEYS.unseal(f"v1.{key_id}.{value}", purpose="storage", context="c") is None


def test_the_first_key_seals_and_all_open() -> None:
    both = Keys([OTHER_KEY, KEY])
    new = both.seal(TEXT, purpose="storage", context="c")

    assert both.unseal(SEALED, purpose="storage", context="row/1/access_token") == TEXT
    assert Keys([OTHER_KEY]).unseal(new, purpose="storage", context="c") == TEXT
    assert KEYS.unseal(new, purpose="storage", context="c") is None


def test_a_key_that_was_removed_opens_nothing() -> None:
    assert Keys([OTHER_KEY]).unseal(SEALED, purpose="storage", context="row/1/access_token") is None


def test_keys_show_their_ids_and_no_key() -> None:
    shown = repr(Keys([KEY, OTHER_KEY]))

    assert SEALED.split(".")[1] in shown
    assert KEY not in shown


def test_a_value_tells_by_its_beginning_which_key_sealed_it() -> None:
    both = Keys([OTHER_KEY, KEY, OTHER_KEY])
    new = both.seal(TEXT, purpose="storage", context="c")

    assert [new.startswith(one) for one in both.prefixes] == [True, False]
    assert [SEALED.startswith(one) for one in both.prefixes] == [False, True]
    assert (both.is_newest(new), both.is_newest(SEALED), both.is_newest("")) == (True, False, False)


# Signing


def test_what_is_signed_can_be_read_back_for_its_own_purpose_alone() -> None:
    signed = KEYS.sign(["ada", 7.5], purpose="form")

    assert KEYS.verified(signed, purpose="form") == ["ada", 7.5]
    assert KEYS.verified(signed, purpose="another") is None


def test_the_first_key_signs_and_all_verify() -> None:
    both = Keys([OTHER_KEY, KEY])

    assert both.verified(KEYS.sign(["ada"], purpose="form"), purpose="form") == ["ada"]
    assert Keys([OTHER_KEY]).verified(both.sign(["ada"], purpose="form"), purpose="form") == ["ada"]
    assert KEYS.verified(both.sign(["ada"], purpose="form"), purpose="form") is None


@given(st.text())
def test_any_other_text_is_verified_as_none(text: str) -> None:
    assert KEYS.verified(text, purpose="form") is None


def test_a_changed_payload_is_verified_as_none() -> None:
    signed, other = KEYS.sign(["ada"], purpose="form"), KEYS.sign(["grace"], purpose="form")

    assert KEYS.verified(other.split(".")[0] + "." + signed.split(".")[1], purpose="form") is None


def test_a_signed_text_that_holds_no_list_is_none() -> None:
    assert KEYS.verified(str(KEYS._serializer("form").dumps({"a": 1})), purpose="form") is None
