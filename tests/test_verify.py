"""Whether a client token is ours: the order of what is asked, and whose fault a refusal is."""

from typing import Any

import pytest

from asgi_social.errors import ProviderBroken, ProviderRefused, ProviderUnreachable, TokenRefused
from asgi_social.protocols.message import Request, Response
from asgi_social.protocols.steps import Steps
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from asgi_social.verify import account_of_id_token, client_token, proven_account, spend_key
from tests.protocols.played import HOST, METADATA, OAUTH2, OIDC, answer, play, raw, ready
from tests.tokens import CLIENT_ID, claims, key_set, signed

TOKEN = Secret("a-client-token")
LOOKUP = {"kind": "lookup", "url": f"{HOST}/look-up", "app": "app", "subject": "user", "expires": "expires"}
FOUND = answer({"app": CLIENT_ID, "user": "7", "expires": 60})
ME = answer({"id": 7, "username": "ada"})


def proven(*answers: Response, asked: list[Request] | None = None, verify: Any = (LOOKUP,), **settings: object) -> Any:
    client = ready({**OAUTH2, "verify": list(verify)}, **settings)
    return play(proven_account(client, Steps(), TOKEN), *answers, asked=asked).result


def paths(asked: list[Request]) -> list[str]:
    return [request.url.removeprefix(HOST) for request in asked]


@pytest.mark.parametrize("text", ["t", "a.b-c_d~e+f/g=", "x" * 16384])
def test_sr_d03_a_token_of_printable_ascii_is_taken(text: str) -> None:
    assert client_token(text, backend="here") == Secret(text)


@pytest.mark.parametrize(
    "value",
    [None, "", b"", b"token", 1, 1.5, True, [], {}, " ", "a b", "a\r\nX: y", "a\tb", "a\0", "\x7f", "ü", "x" * 16385],
)
def test_sr_d03_what_is_no_token_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(TokenRefused) as caught:
        client_token(value, backend="here")

    assert caught.value.reason == "malformed"
    assert not isinstance(value, str) or len(value) < 4 or value not in str(caught.value)


def test_sr_d01_a_token_is_looked_up_before_its_account_is_read() -> None:
    asked: list[Request] = []

    tokens, account = proven(FOUND, ME, asked=asked)

    assert paths(asked) == ["/look-up", "/me"]
    assert (account.uid, tokens.access_token, tokens.expires_at) == ("7", TOKEN, START + 60)


@pytest.mark.parametrize(
    ("look_up", "reason"),
    [
        (answer({"app": "other", "user": "7"}), "audience"),
        (answer({"user": "7"}), "audience"),
        (answer({"app": CLIENT_ID}), "subject"),
        (answer({"app": CLIENT_ID, "user": "7", "expires": -1}), "expired"),
        (answer({}, 404), "inactive"),
    ],
)
def test_sr_d01_the_account_of_a_token_that_is_not_ours_is_not_read(look_up: Response, reason: str) -> None:
    asked: list[Request] = []

    with pytest.raises(TokenRefused) as caught:
        proven(look_up, asked=asked)

    assert caught.value.reason == reason
    assert paths(asked) == ["/look-up"]


@pytest.mark.parametrize("person", [8, "70", "07", "7 "])
def test_sr_d02_a_look_up_and_an_account_of_two_people_are_refused(person: object) -> None:
    with pytest.raises(TokenRefused) as caught:
        proven(FOUND, answer({"id": person}))

    assert caught.value.reason == "subject"


def test_sr_d02_a_look_up_that_names_nobody_by_its_data_is_no_second_opinion() -> None:
    verify = [{"kind": "lookup", "url": f"{HOST}/look-up", "app": "app"}]

    _, account = proven(answer({"app": CLIENT_ID}), ME, verify=verify)

    assert account.uid == "7"


def test_sr_d01_a_provider_without_a_proof_is_refused_unasked() -> None:
    asked: list[Request] = []

    with pytest.raises(TokenRefused) as caught:
        proven(verify=(), asked=asked)

    assert (caught.value.reason, asked) == ("unbound", [])


def test_sr_d01_the_app_may_take_the_risk_for_a_backend_by_its_name() -> None:
    asked: list[Request] = []

    tokens, account = proven(ME, verify=(), allow_unbound_tokens=True, asked=asked)

    assert paths(asked) == ["/me"]
    assert (account.uid, tokens.expires_at) == ("7", None)


def test_sr_d01_who_takes_the_risk_has_the_proof_all_the_same_where_there_is_one() -> None:
    with pytest.raises(TokenRefused) as caught:
        proven(answer({"app": "other", "user": "7"}), allow_unbound_tokens=True)

    assert caught.value.reason == "audience"


@pytest.mark.parametrize(("status", "reason"), [(401, "inactive"), (403, "scope")])
@pytest.mark.parametrize("body", [{"error": "invalid_token"}, {}])
def test_an_account_that_the_token_may_not_read_is_the_tokens_fault(
    status: int, reason: str, body: dict[str, str]
) -> None:
    with pytest.raises(TokenRefused) as caught:
        proven(FOUND, answer(body, status))

    assert caught.value.reason == reason
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer({}, 500), ProviderUnreachable),
        (answer({}, 404), ProviderBroken),
        (answer({"error": "gone"}, 404), ProviderRefused),
        (raw(b"<html>"), ProviderBroken),
        (answer({}), ProviderBroken),
    ],
)
def test_any_other_trouble_with_the_account_is_the_providers(response: Response, error: type[Exception]) -> None:
    with pytest.raises(error):
        proven(FOUND, response)


def of_id_token(token: str, *answers: Response, nonce: str | None = None, **changed: Any) -> Any:
    client = ready({**OIDC, **changed}, client_ids=["an-ios-id"])
    sent = None if nonce is None else Secret(nonce)
    return play(account_of_id_token(client, Secret(token), nonce=sent), answer(METADATA), *answers).result


KEYS = answer(key_set())


@pytest.mark.parametrize("aud", [CLIENT_ID, "an-ios-id"])
def test_sr_d05_an_id_token_of_each_id_of_this_app_gives_its_account_and_no_access_token(aud: str) -> None:
    tokens, account = of_id_token(signed(claims(aud=aud, name="Ada")), KEYS)

    assert (account.uid, account.fullname) == ("248289761001", "Ada")
    assert not tokens.access_token
    assert tokens.claims["aud"] == aud


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "a-sibling"}, "audience"),
        ({"exp": int(START) - 61}, "expired"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"sub": ""}, "subject"),
    ],
)
def test_sr_d05_an_id_token_that_is_not_ours_is_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        of_id_token(signed(claims(**changed)), KEYS)

    assert caught.value.reason == reason


def test_sr_d05_the_nonce_is_compared_where_the_caller_names_one() -> None:
    token = signed(claims(nonce="sent"))

    assert of_id_token(token, KEYS, nonce="sent")
    assert of_id_token(token, KEYS)
    for nonce in ("other", ""):
        with pytest.raises(TokenRefused) as caught:
            of_id_token(token, KEYS, nonce=nonce)
        assert caught.value.reason == "nonce"
    with pytest.raises(TokenRefused):
        of_id_token(signed(), KEYS, nonce="sent")


def test_sr_i07_a_nonce_that_the_provider_does_not_give_back_cannot_be_promised() -> None:
    """Where a flow has the token from the token endpoint itself, a client token would have nothing in its place."""
    no_nonce: dict[str, Any] = {"id_token": {"jwks": "https://id.example/jwks", "nonce": "off"}}

    with pytest.raises(TokenRefused) as caught:
        of_id_token(signed(), nonce="sent", **no_nonce)

    assert caught.value.reason == "nonce"
    assert of_id_token(signed(), KEYS, **no_nonce)


def test_a_provider_whose_data_prove_no_id_token_refuses_each() -> None:
    with pytest.raises(TokenRefused) as caught:
        of_id_token(signed(), verify=[])

    assert caught.value.reason == "kind"


def test_an_id_token_is_spent_under_a_digest_that_tells_backends_apart() -> None:
    one = spend_key(ready(OAUTH2), TOKEN)

    assert one == spend_key(ready(OIDC), TOKEN)  # both are called "here"
    assert one != spend_key(ready(OAUTH2), Secret("another"))
    assert TOKEN.reveal() not in one
