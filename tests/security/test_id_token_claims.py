"""ID tokens: whether their claims are what this app may believe (rows SR-I04 to SR-I07, I10, and who a subject is)."""

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import httpx
import pytest

from asgi_social import ProviderBroken, ProviderUnreachable, Social, TokenRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import Expected, verified_claims
from asgi_social.secret import Secret
from asgi_social.testing import ManualClock
from asgi_social.testing.clock import START
from tests.app import app_of, browser, linked, query_of, settings
from tests.protocols.played import METADATA, OIDC, answer, play, ready
from tests.tokens import CLIENT_ID, CLIENT_SECRET, ISSUER, LEFT_OUT, claims, key_set, rsa_key, signed

KEYS = answer(key_set())
EXPECTED = Expected(now=START, nonce=None, max_age=None)


def with_rules(**rules: object) -> dict[str, Any]:
    return {**OIDC, "id_token": {"jwks": f"{ISSUER}/jwks", **rules}}


def verified(client: Client | None = None, expected: Expected = EXPECTED, **changed: Any) -> dict[str, object]:
    token = Secret(signed(claims(**changed)))
    return play(verified_claims(client or ready(OIDC), token, expected=expected), KEYS).result


def refusal(client: Client | None = None, expected: Expected = EXPECTED, **changed: object) -> str:
    with pytest.raises(TokenRefused) as caught:
        verified(client, expected, **changed)
    return str(caught.value.reason)


@pytest.mark.parametrize(
    "iss",
    [
        f"{ISSUER}/",
        f"{ISSUER}/tenant",
        "https://ID.example",
        "http://id.example",
        "id.example",
        "https://id.example.evil.example",
        "https://evil.example",
        "",
        None,
        LEFT_OUT,
        5,
        True,
        [ISSUER],
        {"a": ISSUER},
    ],
)
def test_sr_i04_the_issuer_is_compared_as_a_text(iss: object) -> None:
    assert refusal(iss=iss) == "issuer"


@pytest.mark.parametrize("iss", ["accounts.google.com", "https://accounts.google.com"])
def test_sr_i04_the_spellings_that_the_data_list_are_taken_and_no_other(iss: str) -> None:
    client = ready(with_rules(issuer=["accounts.google.com", "https://accounts.google.com"]))

    assert verified(client, iss=iss)["iss"] == iss
    assert refusal(client, iss=f"{iss}/") == "issuer"
    assert refusal(client) == "issuer"


@pytest.mark.parametrize("iss", [None, "", LEFT_OUT])
def test_sr_i04_where_no_issuer_is_known_none_is_right(iss: object) -> None:
    client = ready(OIDC)
    client = replace(client, endpoints=replace(client.endpoints, issuer=None))

    assert refusal(client, iss=iss) == "issuer"


def test_sr_i04_the_issuer_of_a_tenant_is_that_of_the_tokens_own_tenant() -> None:
    client = ready(with_rules(issuer=[f"{ISSUER}/{{claim.tid}}/v2"]))

    assert verified(client, iss=f"{ISSUER}/a-tenant/v2", tid="a-tenant")["tid"] == "a-tenant"
    for tid in ("b-tenant", "", None, LEFT_OUT, ["a-tenant"], {"a": "a-tenant"}):
        assert refusal(client, iss=f"{ISSUER}/a-tenant/v2", tid=tid) == "issuer"


@pytest.mark.parametrize(
    "aud",
    [
        LEFT_OUT,
        None,
        "",
        [],
        [[]],
        CLIENT_ID[:-1],
        f"{CLIENT_ID}2",
        f"x {CLIENT_ID}",
        CLIENT_ID.upper(),
        "other",
        ["other"],
        5,
        True,
        {CLIENT_ID: 1},
        [[CLIENT_ID]],
    ],
)
def test_sr_i05_a_token_for_another_app_is_refused(aud: object) -> None:
    assert refusal(aud=aud) == "audience"


@pytest.mark.parametrize("aud", [CLIENT_ID, [CLIENT_ID]])
@pytest.mark.parametrize("azp", [LEFT_OUT, CLIENT_ID])
def test_sr_i05_a_token_for_this_app_alone_is_taken(aud: object, azp: object) -> None:
    assert verified(aud=aud, azp=azp)["aud"] == aud


@pytest.mark.parametrize("azp", ["other", "", 5, [CLIENT_ID], True])
def test_sr_i05_a_token_for_this_app_that_another_got_is_refused(azp: object) -> None:
    assert refusal(azp=azp) == "audience"


@pytest.mark.parametrize("azp", [LEFT_OUT, None, CLIENT_ID, "other"])
def test_sr_i05_a_token_for_this_app_and_a_stranger_is_refused(azp: object) -> None:
    assert refusal(aud=[CLIENT_ID, "other"], azp=azp) == "audience"


@pytest.mark.parametrize(
    ("azp", "is_taken"), [(CLIENT_ID, True), ("an-ios-id", True), (LEFT_OUT, False), (None, False)]
)
def test_sr_i05_a_token_for_several_ids_of_this_app_names_who_got_it(azp: object, is_taken: bool) -> None:
    client, aud = ready(OIDC, client_ids=["an-ios-id"]), [CLIENT_ID, "an-ios-id"]

    if is_taken:
        assert verified(client, aud=aud, azp=azp)["aud"] == aud
    else:
        assert refusal(client, aud=aud, azp=azp) == "audience"


def test_sr_i05_a_provider_whose_data_say_so_may_name_strangers_besides() -> None:
    client = ready(with_rules(lax=["aud_azp"]))

    assert verified(client, aud=[CLIENT_ID, "other"])["sub"] == "248289761001"
    assert refusal(client, aud=["other", "another"]) == "audience"
    assert refusal(client, aud=[CLIENT_ID, "other"], azp="other") == "audience"


NOW = int(START)


@pytest.mark.parametrize(
    ("changed", "is_taken"),
    [
        pytest.param({"exp": NOW - 59}, True, id="exp within the skew"),
        pytest.param({"exp": NOW - 60}, True, id="exp at the skew"),
        pytest.param({"exp": NOW - 61}, False, id="exp beyond the skew"),
        pytest.param({"iat": NOW + 59}, True, id="iat within the skew"),
        pytest.param({"iat": NOW + 60}, True, id="iat at the skew"),
        pytest.param({"iat": NOW + 61}, False, id="iat beyond the skew"),
        pytest.param({"nbf": NOW + 60}, True, id="nbf at the skew"),
        pytest.param({"nbf": NOW + 61}, False, id="nbf beyond the skew"),
        pytest.param({"nbf": NOW - 1000}, True, id="nbf long ago"),
        pytest.param({"iat": NOW + 0.5}, True, id="a fraction"),
        pytest.param({"iat": NOW - 86400 * 300}, True, id="iat long ago, where only exp counts"),
    ],
)
def test_sr_i06_a_token_is_good_from_iat_to_exp_and_a_minute_more(changed: dict[str, Any], is_taken: bool) -> None:
    if is_taken:
        assert verified(**changed)["sub"] == "248289761001"
    else:
        assert refusal(**changed) == "expired"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("odd", [None, True, False, "1800000000", [], {}, -1, 1e12, 10**400])
def test_sr_i06_a_moment_that_is_no_number_is_refused(name: str, odd: Any) -> None:
    changed: dict[str, Any] = {name: odd}

    assert refusal(**changed) == "expired"


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_sr_i06_a_token_that_does_not_say_when_it_is_good_is_refused(name: str) -> None:
    changed: dict[str, Any] = {name: LEFT_OUT}

    assert refusal(**changed) == "expired"


@pytest.mark.parametrize("odd", [b"NaN", b"Infinity", b"1e999"])
def test_sr_i06_a_moment_that_is_beyond_numbers_is_refused(odd: bytes) -> None:
    payload = b'{"iss": "%b", "sub": "s", "aud": "%b", "iat": 1800000000, "exp": %b}'
    token = Secret(signed(payload % (ISSUER.encode(), CLIENT_ID.encode(), odd)))

    with pytest.raises(TokenRefused) as caught:
        play(verified_claims(ready(OIDC), token, expected=EXPECTED), KEYS)

    assert caught.value.reason == "malformed"


@pytest.mark.parametrize(("age", "is_taken"), [(659, True), (660, True), (661, False)])
def test_sr_i06_a_token_of_a_flow_is_of_the_last_ten_minutes(age: int, is_taken: bool) -> None:
    in_flow = replace(EXPECTED, max_age=600.0)

    if is_taken:
        assert verified(None, in_flow, iat=NOW - age)["sub"] == "248289761001"
    else:
        assert refusal(None, in_flow, iat=NOW - age) == "expired"


SENT = replace(EXPECTED, nonce=Secret("a-Nonce"))


@pytest.mark.parametrize("nonce", [LEFT_OUT, None, "", "other", "a-nonce", "a-Nonce ", ["a-Nonce"], {"a": 1}, 5, True])
def test_sr_i07_a_nonce_that_is_not_the_one_that_was_sent_is_refused(nonce: object) -> None:
    assert refusal(None, SENT, nonce=nonce) == "nonce"


def test_sr_i07_the_nonce_that_was_sent_is_taken() -> None:
    assert verified(None, SENT, nonce="a-Nonce")["nonce"] == "a-Nonce"


def test_sr_i07_a_nonce_is_not_asked_of_a_provider_whose_data_say_that_it_gives_none() -> None:
    assert verified(ready(with_rules(nonce="off")), SENT)["sub"] == "248289761001"


def test_sr_d05_a_hashed_nonce_is_taken_where_the_data_say_so() -> None:
    hashed = hashlib.sha256(b"a-Nonce").hexdigest()
    apple = ready(with_rules(nonce="sha256"))

    assert verified(apple, SENT, nonce=hashed)["nonce"] == hashed
    assert verified(apple, SENT, nonce="a-Nonce")["nonce"] == "a-Nonce"
    assert refusal(apple, SENT, nonce=hashed.upper()) == "nonce"
    assert refusal(None, SENT, nonce=hashed) == "nonce"


@pytest.mark.parametrize("sub", [LEFT_OUT, None, "", 5, True, ["s"], {"s": 1}])
def test_sr_i13_a_token_that_names_no_subject_is_refused(sub: object) -> None:
    assert refusal(sub=sub) == "subject"


# The rows that need more than one token: the keys' keeping, and who a subject is.


class Provider:
    """An OpenID provider whose keys and people a test changes, and which counts what it is asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = key_set()
        self.keys_status = 200
        self.asked: list[str] = []
        self.clock = ManualClock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/jwks":
            return httpx.Response(self.keys_status, json=self.keys)
        return httpx.Response(200, json=METADATA)

    def social(self) -> Social:
        backend = {"provider": OIDC, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        users = {"embedded_users": True, "sign_up": "allow"}
        return Social(**settings(self, backends={"signed": backend}, clock=self.clock, **users))

    def token(self, kid: str = "one", **changed: object) -> str:
        return signed(claims(self.clock.now(), **changed), key=rsa_key(kid))


async def test_sr_i10_many_tokens_of_unknown_keys_have_the_keys_fetched_once() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        await backend.do_auth(id_token=provider.token())
        provider.asked.clear()

        strange = [signed(claims(), key=rsa_key("stranger"), kid=f"kid-{number}") for number in range(200)]
        results = await asyncio.gather(*(backend.do_auth(id_token=one) for one in strange), return_exceptions=True)

    assert {type(result) for result in results} == {TokenRefused}
    assert provider.asked == ["/jwks"]


async def test_sr_i10_many_first_tokens_share_one_fetch() -> None:
    provider = Provider()
    async with provider.social() as social:
        await asyncio.gather(*(social.backend("signed").do_auth(id_token=provider.token()) for _ in range(20)))

    assert sorted(provider.asked) == ["/.well-known/openid-configuration", "/jwks"]


async def test_sr_i10_a_key_that_is_new_since_the_last_token_is_found() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        await backend.do_auth(id_token=provider.token())
        provider.keys = key_set(rsa_key("two"))

        user = await backend.do_auth(id_token=provider.token("two"))

    assert user is not None


async def test_sr_i10_the_keys_are_fetched_for_unknown_keys_every_half_minute_at_most() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        counted = []
        await backend.do_auth(id_token=provider.token())
        for seconds in (0, 30, 1):
            provider.clock.advance(seconds)
            with pytest.raises(TokenRefused):
                await backend.do_auth(id_token=provider.token("stranger"))
            counted.append(provider.asked.count("/jwks"))

    assert counted == [2, 2, 3]


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_sr_i10_keys_that_cannot_be_fetched_anew_stay_usable_for_a_day(status: int) -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        await backend.do_auth(id_token=provider.token())
        provider.keys_status = status

        with pytest.raises(TokenRefused):
            await backend.do_auth(id_token=provider.token("stranger"))
        at_once = await backend.do_auth(id_token=provider.token())
        provider.clock.advance(86399)
        after_a_day = await backend.do_auth(id_token=provider.token())
        provider.clock.advance(2)
        with pytest.raises((ProviderUnreachable, ProviderBroken)):
            await backend.do_auth(id_token=provider.token())

    assert at_once == after_a_day
    assert at_once is not None


async def test_sr_i10_keys_are_fetched_anew_after_an_hour() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")
        for seconds in (0, 3600, 1):
            provider.clock.advance(seconds)
            await backend.do_auth(id_token=provider.token())

    assert provider.asked.count("/jwks") == 2


async def test_sr_i10_what_cannot_be_read_is_not_kept() -> None:
    provider = Provider()
    provider.keys = {"keys": "none of them"}
    async with provider.social() as social:
        backend = social.backend("signed")
        with pytest.raises(ProviderBroken):
            await backend.do_auth(id_token=provider.token())
        provider.keys = key_set()

        assert await backend.do_auth(id_token=provider.token()) is not None


async def test_sr_i12_two_subjects_with_one_address_are_two_people() -> None:
    provider = Provider()
    same: dict[str, Any] = {"email": "ada@example.org", "email_verified": True, "preferred_username": "ada"}
    async with provider.social() as social:
        backend = social.backend("signed")

        one = await backend.do_auth(id_token=provider.token(sub="one", **same))
        two = await backend.do_auth(id_token=provider.token(sub="two", **same))

    assert one.id != two.id


async def test_sr_i12_a_subject_with_a_new_address_and_name_stays_the_same_person() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")

        before = await backend.do_auth(id_token=provider.token(email="a@example.org", preferred_username="a"))
        after = await backend.do_auth(id_token=provider.token(email="b@example.org", preferred_username="b"))

    assert before.id == after.id


async def test_sr_i13_subjects_are_told_apart_by_their_case() -> None:
    provider = Provider()
    async with provider.social() as social:
        backend = social.backend("signed")

        upper = await backend.do_auth(id_token=provider.token(sub="Abc"))
        lower = await backend.do_auth(id_token=provider.token(sub="abc"))

    assert upper.id != lower.id


@pytest.mark.parametrize("said", [True, "true", 1, LEFT_OUT])
async def test_sr_i14_an_address_of_somebody_links_nothing(said: object) -> None:
    """The account of another person with the same address, vouched for or not, is nobody's until they link it."""

    def handler(request: httpx.Request) -> httpx.Response:
        me = {
            "id": 7,
            "login": "eve",
            "email": "octocat@github.example",
            "email_verified": said is not LEFT_OUT and said,
        }
        answers: dict[str, object] = {
            "/login/oauth/access_token": {"access_token": "t", "token_type": "bearer"},
            "/user": me,
            "/user/emails": [{"email": "octocat@github.example", "primary": True, "verified": True}],
            "/applications/an-id/token": {"app": {"client_id": "an-id"}, "user": {"id": 7}},
        }
        return httpx.Response(200, json=answers[request.url.path])

    async with Social(**settings(embedded_users=True)) as social, browser(app_of(social)) as client:
        await linked(client)
        [adas] = await social.associations("ada")
        repository = social.settings.database

    other = settings(handler, embedded_users=True, database=repository)
    async with Social(**other) as social, browser(app_of(social), user="eve") as client:
        nobody = await social.backend("github").do_auth("t")
        begun = await client.get("/associate/github/")
        state = query_of(begun.headers["location"])["state"]
        completed = await client.get("/complete/github/", params={"code": "c", "state": state})
        [eves] = await social.associations("eve")

    assert nobody is None
    assert completed.status_code == 303
    assert (adas.uid, eves.uid) == ("583231", "7")
