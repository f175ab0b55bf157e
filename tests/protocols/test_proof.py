"""The look-up of an access token: which app it was issued to, whose it is, and whether it is alive."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.errors import ProviderError, ProviderUnreachable, TokenRefused
from asgi_social.protocols.message import Response, Tokens
from asgi_social.protocols.proof import Proven, prove
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, answer, play, raw, ready
from tests.tokens import CLIENT_ID

LOOKUP: dict[str, Any] = {
    "kind": "lookup",
    "url": f"{HOST}/look-up",
    "app": "app",
    "subject": "user",
    "active": "alive",
    "expires": "expires",
}
GOOD: dict[str, object] = {"app": CLIENT_ID, "user": "7", "alive": True, "expires": 3600}


def proven(response: Response, *, asked: list[Any] | None = None, ids: tuple[str, ...] = (), **table: object) -> Proven:
    client = ready({**OAUTH2, "verify": [{**LOOKUP, **table}]}, client_ids=ids)
    return play(prove(client, Tokens(access_token=Secret("a-token"))), response, asked=asked).result


def reason_of(said: dict[str, object], **table: Any) -> str:
    with pytest.raises(TokenRefused) as caught:
        proven(answer({**GOOD, **said}), **table)
    return str(caught.value.reason)


def test_a_token_of_this_app_is_proven_and_its_person_and_end_are_told() -> None:
    asked: list[Any] = []

    result = proven(answer(GOOD), asked=asked)

    assert result == Proven(subject="7", expires_at=START + 3600)
    assert [request.url for request in asked] == [f"{HOST}/look-up"]
    assert asked[0].headers == {"authorization": "Bearer a-token"}


def test_a_token_of_another_id_of_this_app_is_proven() -> None:
    assert proven(answer({**GOOD, "app": "an-ios-id"}), ids=("an-ios-id",)).subject == "7"


def test_an_app_that_is_named_by_a_number_is_compared_by_its_digits() -> None:
    assert proven(answer({**GOOD, "app": 12345}), ids=("12345",)).subject == "7"


@pytest.mark.parametrize(
    "app", ["other", f"{CLIENT_ID}2", CLIENT_ID.upper(), "", None, True, 1, [CLIENT_ID], {"a": CLIENT_ID}, 0]
)
def test_sr_d01_a_token_of_another_app_or_of_none_is_refused(app: object) -> None:
    assert reason_of({"app": app}) == "audience"


@pytest.mark.parametrize("alive", [False, None, "true", 1, [True]])
def test_sr_d01_a_token_that_is_not_said_to_be_alive_is_refused(alive: object) -> None:
    assert reason_of({"alive": alive}) == "inactive"


def test_of_a_token_that_is_not_alive_nothing_else_need_be_said() -> None:
    assert reason_of({"app": None, "user": None, "alive": False}) == "inactive"


@pytest.mark.parametrize("expires", [-1, "-5", int(START) - 1, int(START)])
def test_sr_d01_a_token_that_has_ended_is_refused(expires: object) -> None:
    assert reason_of({"expires": expires}) == "expired"


@pytest.mark.parametrize(
    ("expires", "expires_at"),
    [
        pytest.param(3600, START + 3600, id="lifetime"),
        pytest.param("3600", START + 3600, id="lifetime as text"),
        pytest.param(int(START) + 60, START + 60, id="moment"),
        pytest.param(0, None, id="never ends"),
        pytest.param(None, None, id="null"),
        pytest.param("soon", None, id="a word"),
        pytest.param([1], None, id="a list"),
    ],
)
def test_the_end_of_a_token_is_a_lifetime_or_a_moment_or_unknown(expires: object, expires_at: float | None) -> None:
    assert proven(answer({**GOOD, "expires": expires})).expires_at == expires_at


@pytest.mark.parametrize("user", [None, "", True, ["7"], {"id": "7"}])
def test_a_look_up_that_should_say_whose_the_token_is_and_does_not_proves_nothing(user: object) -> None:
    assert reason_of({"user": user}) == "subject"


def test_a_person_may_be_named_by_a_number() -> None:
    assert proven(answer({**GOOD, "user": 7})).subject == "7"


def test_a_look_up_need_not_tell_of_the_person_of_life_or_of_an_end() -> None:
    client = ready({**OAUTH2, "verify": [{"kind": "lookup", "url": f"{HOST}/look-up", "app": "app"}]})

    result = play(prove(client, Tokens(access_token=Secret("a-token"))), answer({"app": CLIENT_ID})).result

    assert result == Proven(subject=None, expires_at=None)


@pytest.mark.parametrize(
    ("said", "is_taken"), [("access", True), ("refresh", False), (None, False), (["access"], False)]
)
def test_a_token_of_another_kind_is_refused(said: object, is_taken: bool) -> None:
    must = {"token_use": "access"}

    if is_taken:
        assert proven(answer({**GOOD, "token_use": said}), must=must).subject == "7"
    else:
        assert reason_of({"token_use": said}, must=must) == "kind"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_token_that_the_provider_does_not_know_is_refused(status: int) -> None:
    with pytest.raises(TokenRefused) as caught:
        proven(answer({"error": "invalid_token"}, status))

    assert caught.value.reason == "inactive"


@pytest.mark.parametrize("response", [answer({}, 429), answer({}, 500), raw(b"<html>"), raw(b"[]"), answer({}, 302)])
def test_a_look_up_that_does_not_work_says_nothing_of_the_token(response: Response) -> None:
    with pytest.raises(ProviderError):
        proven(response)


def test_a_busy_look_up_may_be_tried_again() -> None:
    with pytest.raises(ProviderUnreachable) as caught:
        proven(answer({}, 429, retry_after="3"))

    assert caught.value.retry_after == 3


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param({}, id="no proof"),
        pytest.param(
            {"verify": [{"kind": "id_token"}], "id_token": {"jwks": f"{HOST}/jwks", "issuer": [HOST]}},
            id="ID tokens alone",
        ),
    ],
)
def test_sr_d01_a_provider_whose_data_can_prove_nothing_is_refused_unasked(tables: dict[str, Any]) -> None:
    asked: list[Any] = []
    client = ready({**OAUTH2, **tables})

    with pytest.raises(TokenRefused) as caught:
        play(prove(client, Tokens(access_token=Secret("a-token"))), asked=asked)

    assert (caught.value.reason, asked) == ("unbound", [])
    assert "allow_unbound_tokens" in caught.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(said=st.dictionaries(st.sampled_from([*GOOD, "token_use"]), JSON))
def test_every_look_up_gives_a_proof_of_this_app_or_a_refusal(said: dict[str, object]) -> None:
    try:
        proven(answer({**said, "alive": said.get("alive", True)}), must={"token_use": "access"})
    except (TokenRefused, ProviderError):
        return
    assert str(said["app"]) == CLIENT_ID
