"""Every provider whose client tokens are proved: right app, another's, expired, malformed, of another person, down.

Each is played by a fake in its own shape, made of its data, so that a provider added tomorrow is held to the same.
Payloads, which code beside the data proves, have tests of their own, and those of ``test_payloads.py`` together.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from asgi_social import providers
from asgi_social.protocols.provider import Proof
from asgi_social.testing.clock import START
from asgi_social.testing.fake_token_answer import ID_TOKEN_SECONDS
from asgi_social.testing.fakes import LIFETIME
from tests.providers.proving import ANOTHER_APP, App, proving


def proved_by(kind: str) -> dict[str, Proof]:
    """Give the proofs of a kind by their providers' names."""
    every = {name: providers.provider(name).proofs for name in providers.names()}
    return {name: proof for name, proofs in every.items() for proof in proofs if proof.kind == kind}


LOOK_UPS, ID_TOKENS, PAYLOADS = proved_by("lookup"), proved_by("id_token"), proved_by("code")
ENDING = [name for name in LOOK_UPS if not providers.provider(name).refresh.never_expires]
WITH_NONCE = [
    name for name in ID_TOKENS if (rules := providers.provider(name).id_token) is None or rules.nonce != "off"
]
NOT_TOKENS: list[Any] = ["", "a token", "t\u00f6ken", "x" * (16 * 1024 + 1), 7, b"a-token", ["a-token"]]
# Facts of a look-up that answers 200, and why the token is refused for them.
FACTS: list[tuple[str, object, str]] = [
    ("app", None, "audience"),
    ("app", ["an-id"], "audience"),
    ("app", "an-id ", "audience"),
    ("subject", "another-person", "subject"),
    ("subject", None, "subject"),
    ("active", False, "inactive"),
    ("active", "true", "inactive"),
    ("must", "of-another-kind", "kind"),
    ("expires", -1, "expired"),
    ("expires", int(START) - 1, "expired"),
]
TOLD = [
    pytest.param(name, fact, value, reason, id=f"{name}-{fact}={value}")
    for name, proof in LOOK_UPS.items()
    for fact, value, reason in FACTS
    if getattr(proof, fact)
]
# What is wrong with an ID token of the fake, and why it is refused.
FAULTS: list[tuple[Mapping[str, Any], str]] = [
    ({"audience": ANOTHER_APP}, "audience"),
    ({"audience": []}, "audience"),
    ({"wrong_issuer": True}, "issuer"),
    ({"signed_by_other_key": True}, "signature"),
    ({"alg_none": True}, "signature"),
    ({"id_token_sub": ""}, "subject"),
]


def access_token_of(app: App, person: str = "ada", **named: Any) -> str:
    return app.fake.issue_tokens(person, **named)["access_token"]


def id_token_of(app: App, person: str = "ada", **named: Any) -> str:
    return app.fake.issue_tokens(person, **named)["id_token"]


def test_at_least_sixty_providers_accept_client_tokens_with_proof() -> None:
    assert len({*LOOK_UPS, *ID_TOKENS, *PAYLOADS}) >= 60


# Access tokens, looked up at the provider.


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_an_access_token_of_this_app_lets_its_own_person_in_and_no_other(name: str) -> None:
    async with proving(name) as app:
        for person in ("ada", "layla"):
            assert await app.uid(access_token_of(app, person)) == app.fake.uid_of(person)


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_an_access_token_of_another_app_is_refused_and_no_account_is_read(name: str) -> None:
    async with proving(name) as app:
        assert await app.refusal(access_token_of(app, client_id=ANOTHER_APP)) == "audience"

        looked_up = [asked for asked in app.fake.requests if "/token-info" in asked.endpoints]
        read = [asked for asked in app.fake.requests if any(one.startswith("/userinfo") for one in asked.endpoints)]
        assert len(looked_up) == 1
        assert [asked for asked in read if asked not in looked_up] == []  # a few have one address for both


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_an_access_token_of_a_further_client_id_of_this_app_is_accepted(name: str) -> None:
    async with proving(name, client_ids=[ANOTHER_APP]) as app:
        assert await app.uid(access_token_of(app, client_id=ANOTHER_APP)) == app.fake.uid_of("ada")


@pytest.mark.parametrize("name", ENDING)
async def test_an_access_token_that_has_ended_is_refused(name: str) -> None:
    errors, proof = providers.provider(name).errors, LOOK_UPS[name]
    # An error with the status 200, and no word for "active": then the answer is just one that names no app.
    is_told_within = proof.active is None and (errors.ok is not None or errors.code is not None)
    async with proving(name) as app:
        token = access_token_of(app)
        app.clock.advance(LIFETIME + 1)

        assert await app.refusal(token) == ("audience" if is_told_within else "inactive")


@pytest.mark.parametrize(("name", "fact", "value", "reason"), TOLD)
async def test_a_look_up_of_another_app_or_person_or_of_a_dead_token_is_refused(
    name: str, fact: str, value: object, reason: str
) -> None:
    async with proving(name) as app:
        token = access_token_of(app)
        app.tells(token, **{fact: value})

        assert await app.refusal(token) == reason


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_the_look_up_that_the_refusals_are_made_of_is_else_accepted(name: str) -> None:
    async with proving(name) as app:
        token = access_token_of(app)
        app.tells(token)

        assert await app.uid(token) == app.fake.uid_of("ada")
        assert app.network.told == []


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_what_is_no_access_token_is_refused_and_goes_nowhere(name: str) -> None:
    async with proving(name) as app:
        assert {await app.refusal(token) for token in NOT_TOKENS} == {"malformed"}
        assert app.network.addresses == []


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_a_provider_that_is_down_lets_nobody_in_by_an_access_token(name: str) -> None:
    async with proving(name) as app:
        app.network.falls_silent_after = token = access_token_of(app)
        assert await app.refusal(token) == "ProviderUnreachable"  # the look-up was answered, the account was not

    async with proving(name) as app:
        app.network.is_silent = True
        assert await app.refusal(access_token_of(app)) == "ProviderUnreachable"

    async with proving(name) as app:
        app.fake.faults.down = True
        assert await app.refusal(access_token_of(app)) == "ProviderUnreachable"


# ID tokens, by their signature.


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_an_id_token_of_this_app_lets_its_own_person_in_and_no_other(name: str) -> None:
    async with proving(name) as app:
        for person in ("ada", "layla"):
            assert await app.uid(id_token=id_token_of(app, person)) == app.fake.uid_of(person)


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_an_id_token_of_another_app_is_refused_unless_that_is_a_further_client_id(name: str) -> None:
    async with proving(name) as app:
        assert await app.refusal(id_token=id_token_of(app, client_id=ANOTHER_APP)) == "audience"

    async with proving(name, client_ids=[ANOTHER_APP]) as app:
        assert await app.uid(id_token=id_token_of(app, client_id=ANOTHER_APP)) == app.fake.uid_of("ada")


@pytest.mark.parametrize("name", ID_TOKENS)
@pytest.mark.parametrize(("faults", "reason"), FAULTS, ids=str)
async def test_an_id_token_with_a_fault_is_refused(name: str, faults: Mapping[str, Any], reason: str) -> None:
    async with proving(name) as app:
        for fault, value in faults.items():
            setattr(app.fake.faults, fault, value)

        assert await app.refusal(id_token=id_token_of(app)) == reason


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_an_id_token_that_has_ended_is_refused(name: str) -> None:
    async with proving(name) as app:
        token = id_token_of(app)
        app.clock.advance(ID_TOKEN_SECONDS + 61)

        assert await app.refusal(id_token=token) == "expired"


@pytest.mark.parametrize("name", WITH_NONCE)
async def test_an_id_token_is_accepted_with_its_own_nonce_and_once(name: str) -> None:
    async with proving(name) as app:
        token = id_token_of(app, nonce="a-nonce")

        assert await app.refusal(id_token=token, nonce="another-nonce") == "nonce"
        assert await app.uid(id_token=token, nonce="a-nonce") == app.fake.uid_of("ada")
        assert await app.refusal(id_token=token, nonce="a-nonce") == "spent"


@pytest.mark.parametrize("name", sorted({*ID_TOKENS} - {*WITH_NONCE}))
async def test_a_nonce_is_refused_where_the_provider_puts_none_into_its_id_tokens(name: str) -> None:
    async with proving(name) as app:
        assert await app.refusal(id_token=id_token_of(app, nonce="a-nonce"), nonce="a-nonce") == "nonce"


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_what_is_no_id_token_is_refused_and_goes_nowhere_and_one_that_is_altered_is_refused(name: str) -> None:
    async with proving(name) as app:
        header, claims, signature = id_token_of(app).split(".")
        of_another = id_token_of(app, "layla").split(".")[1]

        assert {await app.refusal(id_token=token) for token in NOT_TOKENS} == {"malformed"}
        assert await app.refusal(id_token=f"{header}.{claims}") == "kind"
        assert [one for one in app.network.addresses if "openid-configuration" not in one] == []
        assert await app.refusal(id_token=f"{header}.{of_another}.{signature}") == "signature"
        assert await app.refusal(id_token=f"{header}.{claims}.{signature[::-1]}") == "signature"


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_a_token_of_the_other_kind_is_refused(name: str) -> None:
    async with proving(name) as app:
        assert await app.refusal(id_token_of(app)) == "kind"
        assert await app.refusal(id_token="an-access-token") == "kind"


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_a_provider_that_is_down_lets_nobody_in_whose_keys_are_not_kept(name: str) -> None:
    async with proving(name) as app:
        app.network.is_silent = True
        assert await app.refusal(id_token=id_token_of(app)) == "ProviderUnreachable"

    async with proving(name) as app:
        app.fake.faults.down = True
        assert await app.refusal(id_token=id_token_of(app)) == "ProviderUnreachable"

    async with proving(name) as app:
        await app.user(id_token=id_token_of(app))
        app.fake.faults.down = True
        assert await app.uid(id_token=id_token_of(app, "layla")) == app.fake.uid_of("layla")
