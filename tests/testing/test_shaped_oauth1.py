"""The fake provider of OAuth 1.0a refuses what a real one would."""

from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from asgi_social.protocols.signing import Signer, TokenPair
from asgi_social.secret import Secret
from asgi_social.testing import FakeProvider, ManualClock, fakes_of
from asgi_social.testing.clock import START
from tests.testing.trips import RSA_PEM, SECRET, trip

HOST = "https://own.example"
REDIRECT = "https://app.example/complete/own/?state=a-state"
OWN: dict[str, Any] = {
    "name": "own",
    "title": "Own",
    "protocol": "oauth1",
    "refresh": {"never_expires": True},
    "oauth1": {"request_url": f"{HOST}/request"},
    "authorize": {"url": f"{HOST}/authorize", "params": {"scope": "{scope}"}, "scope": ["read"]},
    "token": {"url": f"{HOST}/token", "method": "GET"},
    "userinfo": {"url": f"{HOST}/me"},
    "verify": [],
}
NOBODY = TokenPair(token="nobody", secret=Secret("nothing"))


def fake_with(**tables: Any) -> FakeProvider:
    secret = RSA_PEM if "signature" in tables.get("oauth1", {}) else SECRET
    backend = {"provider": {**OWN, **tables}, "client_id": "an-id", "client_secret": secret}
    return fakes_of({"own": backend}, clock=ManualClock())["own"]


def signer(**changed: Any) -> Signer:
    known: dict[str, Any] = {"client_id": "an-id", "client_secret": Secret(SECRET), "method": "HMAC-SHA1", "now": START}
    return Signer(**{**known, **changed})


async def asked(
    fake: FakeProvider,
    path: str,
    *,
    by: Signer | None = None,
    pair: TokenPair | None = None,
    header: str | None = None,
    **more: str,
) -> httpx.Response:
    """Ask something with a signature, or with another header."""
    url = f"{HOST}{path}"
    if header is None:
        header = (by or signer()).authorization("GET", url, form=(), pair=pair, more=more)
    async with httpx.AsyncClient(transport=fake.transport()) as client:
        return await client.get(url, headers={"authorization": header} if header else {})


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, dict(parse_qsl(answer.text))["oauth_problem"]


async def request_token(fake: FakeProvider) -> TokenPair:
    answer = await asked(fake, "/request", oauth_callback=REDIRECT)
    said = dict(parse_qsl(answer.text))
    assert said.pop("oauth_callback_confirmed") == "true"
    return TokenPair(token=said["oauth_token"], secret=Secret(said["oauth_token_secret"]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"header": ""}, "parameter_absent", id="no signature"),
        pytest.param({"header": "Bearer a-token"}, "parameter_absent", id="a bearer token"),
        pytest.param({"by": signer(client_id="another")}, "consumer_key_unknown", id="another app"),
        pytest.param({"by": signer(client_secret=Secret("another"))}, "signature_invalid", id="another secret"),
        pytest.param({"by": signer(now=START - 301)}, "timestamp_refused", id="a clock that is behind"),
        pytest.param({"by": signer(now=START + 301)}, "timestamp_refused", id="a clock that is ahead"),
        pytest.param(
            {"by": signer(method="RSA-SHA1", client_secret=Secret(RSA_PEM))}, "signature_invalid", id="another method"
        ),
        pytest.param({"header": 'OAuth oauth_consumer_key="an-id"'}, "timestamp_refused", id="no time"),
        pytest.param(
            {"header": f'OAuth oauth_consumer_key="an-id", oauth_timestamp="{int(START)}"'}, "nonce_used", id="no nonce"
        ),
    ],
)
async def test_a_request_token_is_given_to_who_signs_rightly_alone(change: dict[str, Any], problem: str) -> None:
    assert problem_of(await asked(fake_with(), "/request", **change)) == (401, problem)


async def test_a_nonce_is_good_once() -> None:
    fake = fake_with()
    header = signer().authorization("GET", f"{HOST}/request", form=(), pair=None, more={"oauth_callback": REDIRECT})

    answers = [await asked(fake, "/request", header=header) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert problem_of(answers[1]) == (401, "nonce_used")


async def test_a_signature_is_of_one_address() -> None:
    header = signer().authorization("GET", f"{HOST}/token", form=(), pair=None, more={})

    assert problem_of(await asked(fake_with(), "/request", header=header)) == (401, "signature_invalid")


async def test_nobody_says_yes_to_a_request_token_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="sends nobody back"):
        await fake_with().consent(f"{HOST}/authorize?oauth_token=another")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(None, {"denied": None}, id="as Twitter says it"),
        pytest.param("oauth_problem", {"oauth_problem": ["user_refused"]}, id="as the data say it"),
    ],
)
async def test_a_no_is_told_as_the_data_say(error: str | None, expected: dict[str, Any]) -> None:
    fake = fake_with(**({"callback": {"error": error}} if error else {}))
    token = (await request_token(fake)).token

    url = await fake.consent(f"{HOST}/authorize?oauth_token={token}", deny=True)

    said = parse_qs(urlsplit(url).query)
    assert said == {"state": ["a-state"], **{name: value or [token] for name, value in expected.items()}}


async def test_a_fault_is_told_as_a_problem() -> None:
    fake = fake_with()
    fake.faults.error = "temporarily_unavailable"
    token = (await request_token(fake)).token

    url = await fake.consent(f"{HOST}/authorize?oauth_token={token}&scope=read")

    assert parse_qs(urlsplit(url).query) == {"state": ["a-state"], "oauth_problem": ["temporarily_unavailable"]}


async def test_a_request_token_is_spent_once_and_with_its_own_secret() -> None:
    fake = fake_with()
    pair = await request_token(fake)
    url = await fake.consent(f"{HOST}/authorize?oauth_token={pair.token}&scope=read")
    verifier = parse_qs(urlsplit(url).query)["oauth_verifier"][0]
    other = TokenPair(token=pair.token, secret=Secret("another"))

    first = await asked(fake, "/token", pair=other, oauth_verifier=verifier)
    second = await asked(fake, "/token", pair=pair, oauth_verifier=verifier)
    third = await asked(fake, "/token", pair=pair, oauth_verifier=verifier)

    assert problem_of(first) == (401, "signature_invalid")
    assert set(dict(parse_qsl(second.text))) >= {"oauth_token", "oauth_token_secret"}
    assert problem_of(third) == (401, "token_rejected")


async def test_a_request_token_is_none_for_data() -> None:
    fake = fake_with()
    pair = await request_token(fake)

    assert problem_of(await asked(fake, "/me", pair=pair)) == (401, "invalid_token")
    assert problem_of(await asked(fake, "/me", pair=NOBODY)) == (401, "signature_invalid")


async def test_rsa_sha1_is_checked_by_the_public_key() -> None:
    rules: dict[str, Any] = {"request_url": f"{HOST}/request", "signature": "RSA-SHA1"}
    fake = fake_with(oauth1=rules)
    other = RSAKey.generate_key(2048).as_pem(private=True).decode()
    odd = signed_by(RSA_PEM).partition('oauth_signature="')[0] + 'oauth_signature="%"'

    right = await asked(fake, "/request", header=signed_by(RSA_PEM))
    wrong = await asked(fake, "/request", header=signed_by(other))
    none = await asked(fake, "/request", header=odd)

    assert right.status_code == 200
    assert [problem_of(one) for one in (wrong, none)] == [(401, "signature_invalid")] * 2


def signed_by(pem: str) -> str:
    by = signer(client_secret=Secret(pem), method="RSA-SHA1")
    return by.authorization("GET", f"{HOST}/request", form=(), pair=None, more={"oauth_callback": REDIRECT})


async def test_an_account_is_linked_where_the_token_answer_tells_it() -> None:
    source = {**OWN, "userinfo": {"source": "token"}, "callback": {"keep": ["org"]}, "extra_data": ["org"]}
    backend = {"provider": source, "client_id": "an-id", "client_secret": SECRET, "scope": ["write"]}
    async with trip("own", backend) as one:
        association = await one.link("layla")

    assert association.uid == one.fake.uid_of("layla")
    assert association.username == "layla"
    assert association.scope == ("write", "read")
