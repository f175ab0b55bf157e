"""OAuth 1.0a: what is asked for a request token and an access token, what is read, and what is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_social.errors import (
    ConsentDenied,
    FlowRefused,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    SettingsError,
    TokenRefused,
)
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Request, Response, Tokens
from asgi_social.protocols.oauth1 import begin, exchange_code, read_callback
from asgi_social.protocols.signing import TokenPair, pair_of
from asgi_social.protocols.userinfo import fetch_account
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, Played, answer, play, raw, ready

REDIRECT = "https://app.example/complete/here/?state=a-state"
OAUTH1: Mapping[str, Any] = {**OAUTH2, "protocol": "oauth1", "oauth1": {"request_url": f"{HOST}/request"}}
CHALLENGE = Challenge(
    redirect_uri=REDIRECT, state=Secret("a-state"), nonce=Secret("a-nonce"), verifier=None, scope=("read", "write")
)
CALLBACK = Callback(code=Secret("a-verifier"), kept={"oauth_token": "a-request-token"})
GIVEN = {"oauth_token": "a-request-token", "oauth_token_secret": "its-secret", "oauth_callback_confirmed": "true"}
AT_THE_END = replace(CHALLENGE, kept={"oauth_token": "a-request-token"}, withheld=Secret("its-secret"))
ACCESS = {"oauth_token": "an-access-token", "oauth_token_secret": "another-secret", "user_id": "7"}
PAIR = TokenPair(token="an-access-token", secret=Secret("another-secret"))


def client_with(**tables: Any) -> Client:
    return ready({**OAUTH1, **tables})


def form(fields: Mapping[str, str], status: int = 200, kind: str = "text/html") -> Response:
    return raw(urlencode(fields).encode(), kind, status)


def signed_with(request: Request) -> dict[str, str]:
    """Give the parameters of the protocol in a request."""
    pairs = (one.partition("=") for one in request.headers["authorization"].removeprefix("OAuth ").split(", "))
    return {name: unquote(text.strip('"')) for name, _, text in pairs}


def test_a_flow_begins_with_a_request_token_whose_secret_stays_here() -> None:
    played = play(begin(client_with(), CHALLENGE), form(GIVEN))

    [asked] = played.asked
    assert (asked.method, asked.url, asked.form, asked.query) == ("GET", f"{HOST}/request", None, {})
    assert signed_with(asked)["oauth_callback"] == REDIRECT
    assert "oauth_token" not in signed_with(asked)
    begun = played.result
    assert begun.url == f"{HOST}/authorize?oauth_token=a-request-token"
    assert begun.kept == {"oauth_token": "a-request-token"}
    assert begun.withheld == Secret("its-secret")
    assert "its-secret" not in repr(begun)


@pytest.mark.parametrize(("method", "place"), [("GET", "query"), ("POST", "form")])
def test_what_the_data_add_is_sent_and_signed(method: str, place: str) -> None:
    rules = {"request_url": f"{HOST}/request?v=1", "request_method": method, "params": {"perms": "{scope}"}}
    authorize = {
        "url": f"{HOST}/authorize?x=y",
        "scope_sep": ",",
        "params": {"scope": "{scope}", "name": "{setting.app}"},
    }
    client = replace(client_with(oauth1=rules, authorize=authorize), params={"lang": "de", "oauth_token": "evil"})

    played = play(begin(client, CHALLENGE), form(GIVEN))

    [asked] = played.asked
    assert (asked.method, getattr(asked, place)) == (method, {"perms": "read,write"})
    assert parse_qs(urlsplit(played.result.url).query) == {
        "x": ["y"],
        "lang": ["de"],
        "scope": ["read,write"],
        "oauth_token": ["a-request-token"],
    }


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"oauth_token": "a-request-token", "oauth_token_secret": "its-secret"}, id="nothing"),
        pytest.param({**GIVEN, "oauth_callback_confirmed": "false"}, id="false"),
        pytest.param({**GIVEN, "oauth_callback_confirmed": ""}, id="empty"),
    ],
)
def test_sr_c16_a_provider_that_does_not_confirm_the_redirect_uri_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ProviderBroken) as caught:
        play(begin(client_with(), CHALLENGE), form(fields))

    assert caught.value.expected == "oauth_callback_confirmed"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Error: Unknown consumer", id="words"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b'{"oauth_token": "t", "oauth_token_secret": "s"}', id="JSON"),
        pytest.param(b"oauth_token=t", id="no secret"),
        pytest.param(b"oauth_token_secret=s", id="no token"),
        pytest.param(b"oauth_token=&oauth_token_secret=s", id="an empty token"),
        pytest.param(b"oauth_token=a%20b&oauth_token_secret=s", id="a token with a space"),
        pytest.param(b"oauth_token=t&oauth_token_secret=a%20b", id="a secret with a space"),
        pytest.param(b"oauth_token=t&oauth_token=u&oauth_token_secret=s", id="a token twice"),
        pytest.param(b"oauth_token=\xff&oauth_token_secret=s", id="no UTF-8"),
        pytest.param(b"&".join(b"a%d=1" % number for number in range(200)), id="too many"),
        pytest.param(b"oauth_token=" + b"t" * 20_000 + b"&oauth_token_secret=s", id="too long"),
    ],
)
def test_an_answer_without_a_usable_token_is_broken(body: bytes) -> None:
    with pytest.raises(ProviderBroken):
        play(begin(client_with(), CHALLENGE), raw(body, "text/plain"))
    with pytest.raises(ProviderBroken):
        play(exchange_code(client_with(), CALLBACK, AT_THE_END), raw(body, "text/plain"))


@given(st.binary(max_size=200), st.sampled_from([200, 302, 400, 404, 429, 500]))
def test_whatever_is_answered_is_a_token_or_an_error_of_the_provider(body: bytes, status: int) -> None:
    try:
        tokens = play(exchange_code(client_with(), CALLBACK, AT_THE_END), raw(body, "text/plain", status)).result
    except ProviderError:
        return
    assert pair_of(tokens.access_token) is not None


@pytest.mark.parametrize(
    ("response", "error", "hint"),
    [
        pytest.param(
            form({"oauth_problem": "signature_invalid", "oauth_problem_advice": "look again"}, 401),
            "signature_invalid",
            "client_secret",
            id="a problem",
        ),
        pytest.param(form({"oauth_problem": "timestamp_refused"}), "timestamp_refused", "clock", id="with status 200"),
        pytest.param(raw(b"Callback URL not approved", "text/plain", 403), "status 403", "client_secret", id="words"),
        pytest.param(answer({"errors": [{"code": 32}]}, 401), "status 401", "client_secret", id="JSON"),
        pytest.param(
            form({"oauth_problem": "parameter_rejected", "oauth_problem_advice": "the callback is not known"}, 400),
            "parameter_rejected",
            "register exactly https://app.example/complete/here/ as redirect URI",
            id="the redirect URI",
        ),
    ],
)
def test_a_provider_that_says_no_is_told_with_what_to_do(response: Response, error: str, hint: str) -> None:
    with pytest.raises(ProviderRefused) as caught:
        play(begin(client_with(), CHALLENGE), response)

    assert caught.value.error == error
    assert hint in caught.value.hint
    assert "a-state" not in str(caught.value)


def test_what_a_provider_repeats_of_the_request_is_not_told() -> None:
    refused = form({"oauth_problem": "token_rejected", "oauth_problem_advice": "its-long-secret is bad"}, 401)
    response = replace(refused, sent=(Secret("its-long-secret"),))

    with pytest.raises(ProviderRefused) as caught:
        play(exchange_code(client_with(), CALLBACK, AT_THE_END), response)

    assert caught.value.description == "… is bad"


def test_a_provider_that_is_down_is_unreachable() -> None:
    with pytest.raises(ProviderUnreachable):
        play(begin(client_with(), CHALLENGE), raw(b"", status=503))


def test_who_has_no_authorization_endpoint_cannot_begin() -> None:
    client = client_with(flows=["token"], authorize={})

    with pytest.raises(SettingsError):
        play(begin(client, CHALLENGE))


def test_the_answer_is_read_with_its_token_and_verifier() -> None:
    client = client_with(callback={"keep": ["user"]})
    params = {"oauth_token": "a-request-token", "oauth_verifier": "a-verifier", "user": "ada", "state": "a-state"}

    callback = read_callback(client, params)

    assert callback.code == Secret("a-verifier")
    assert callback.kept == {"oauth_token": "a-request-token", "user": "ada"}


@pytest.mark.parametrize(
    "params",
    [
        {"denied": "a-request-token"},
        {"denied": ""},
        {"oauth_problem": "user_refused"},
        {"oauth_problem": "permission_denied", "oauth_token": "a-request-token"},
        {"error": "access_denied"},
        {"problem": "user_refused"},
    ],
)
def test_a_persons_no_is_told_apart(params: dict[str, str]) -> None:
    with pytest.raises(ConsentDenied):
        read_callback(client_with(callback={"error": "problem"}), params)


def test_another_problem_is_the_providers() -> None:
    with pytest.raises(ProviderRefused) as caught:
        read_callback(client_with(), {"oauth_problem": "token_expired", "oauth_problem_advice": "be quicker"})

    assert (caught.value.error, caught.value.description) == ("token_expired", "be quicker")


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"oauth_token": "a-request-token"}, "missing"),
        ({"oauth_verifier": "a-verifier"}, "missing"),
        ({"oauth_token": "", "oauth_verifier": "a-verifier"}, "missing"),
        ({"oauth_token": "a-request-token", "oauth_verifier": ""}, "missing"),
        ({"oauth_token": "t" * 20_000, "oauth_verifier": "a-verifier"}, "missing"),
        ({"oauth_token": "a-request-token", "oauth_verifier": "v" * 20_000}, "missing"),
        ({"code": "a-code"}, "missing"),
        ({"oauth_token": "t", "oauth_verifier": "v", "denied": "t"}, "state"),
        ({"oauth_token": "t", "oauth_verifier": "v", "oauth_problem": "user_refused"}, "state"),
    ],
)
def test_sr_c16_an_answer_without_a_token_and_a_verifier_is_refused(params: dict[str, str], reason: str) -> None:
    with pytest.raises(FlowRefused) as caught:
        read_callback(client_with(), params)

    assert caught.value.reason == reason


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_token_and_its_verifier_are_spent_on_an_access_token(method: str) -> None:
    client = client_with(token={"url": f"{HOST}/token", "method": method})

    played = play(exchange_code(client, CALLBACK, AT_THE_END), form(ACCESS))

    [asked] = played.asked
    assert (asked.method, asked.url) == (method, f"{HOST}/token")
    assert signed_with(asked)["oauth_token"] == "a-request-token"
    assert signed_with(asked)["oauth_verifier"] == "a-verifier"
    tokens = played.result
    assert pair_of(tokens.access_token) == PAIR
    assert (tokens.token_type, tokens.refresh_token, tokens.expires_at) == ("oauth1", None, None)
    assert tokens.scope == ("read", "write")
    assert tokens.answer == {"user_id": "7"}


def test_what_was_kept_of_the_answer_lies_under_the_token_answer() -> None:
    callback = replace(CALLBACK, kept={**CALLBACK.kept, "user_id": "1", "org": "acme"})

    tokens = play(exchange_code(client_with(), callback, AT_THE_END), form(ACCESS)).result

    assert tokens.answer == {"user_id": "7", "org": "acme"}


def test_an_empty_token_secret_is_one() -> None:
    tokens = play(exchange_code(client_with(), CALLBACK, AT_THE_END), form({**ACCESS, "oauth_token_secret": ""})).result

    assert pair_of(tokens.access_token) == TokenPair(token="an-access-token", secret=Secret(""))


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("epoch_ms", str(int(START + 86400) * 1000), START + 86400),
        ("epoch", str(int(START + 86400)), START + 86400),
        ("ms", "86400000", START + 86400),
        ("s", "86400", START + 86400),
        ("epoch_ms", "1", None),
    ],
)
def test_an_access_token_that_ends_says_when(unit: str, text: str, expected: float | None) -> None:
    client = client_with(token={"url": f"{HOST}/token", "expires": "ends", "expires_unit": unit})

    tokens = play(exchange_code(client, CALLBACK, AT_THE_END), form({**ACCESS, "ends": text})).result

    assert tokens.expires_at == expected


@pytest.mark.parametrize("kept", [{"oauth_token": "another"}, {}], ids=["another", "none"])
def test_sr_c16_an_answer_about_another_request_token_is_refused_before_anything_is_sent(kept: dict[str, str]) -> None:
    asked: list[Request] = []

    with pytest.raises(FlowRefused) as caught:
        play(exchange_code(client_with(), CALLBACK, replace(AT_THE_END, kept=kept)), asked=asked)

    assert (caught.value.reason, asked) == ("state", [])


def test_a_flow_whose_secret_is_gone_is_refused_before_anything_is_sent() -> None:
    asked: list[Request] = []

    with pytest.raises(FlowRefused) as caught:
        play(exchange_code(client_with(), CALLBACK, replace(AT_THE_END, withheld=None)), asked=asked)

    assert (caught.value.reason, asked) == ("expired", [])


def _account(client: Client, text: str) -> Played[Any]:
    return play(fetch_account(client, Tokens(access_token=Secret(text))), answer({"id": 7, "username": "ada"}))


def test_the_userinfo_endpoint_is_asked_with_a_signature_and_the_token_goes_nowhere_else() -> None:
    client = client_with(userinfo={"url": f"{HOST}/me", "params": {"fields": "id,name"}})

    played = _account(client, PAIR.as_text().reveal())

    [asked] = played.asked
    assert signed_with(asked)["oauth_token"] == "an-access-token"
    assert "another-secret" not in f"{asked.headers} {asked.query} {asked.url}"
    assert (played.result.uid, played.result.username) == ("7", "ada")


def test_further_requests_are_signed_too() -> None:
    client = client_with(userinfo={"url": f"{HOST}/me", "requests": [{"id": "more", "url": f"{HOST}/more"}]})
    tokens = Tokens(access_token=PAIR.as_text())

    played = play(fetch_account(client, tokens), answer({"id": 7}), answer({}))

    assert [signed_with(one)["oauth_token"] for one in played.asked] == ["an-access-token"] * 2


def test_a_token_that_is_no_pair_is_refused_as_malformed() -> None:
    with pytest.raises(TokenRefused) as caught:
        _account(client_with(), "a-bearer-token")

    assert caught.value.reason == "malformed"
