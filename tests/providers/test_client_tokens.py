"""How each provider of the catalogue shows that a client token is this app's."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from asgi_social import Association, Social, providers
from asgi_social.account import Uid
from asgi_social.errors import Refused, TokenRefused
from asgi_social.protocols.provider import Provider
from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import START
from tests.app import settings
from tests.providers.answering import BACKENDS, Answering, address_of, backends_of, key_set, sent_in, signed, startable

TENANT = BACKENDS["azuread-v2-tenant-oauth2"]["tenant_id"]
# HTTP Basic of an-id:a-secret.
BASIC = "Basic YW4taWQ6YS1zZWNyZXQ="


@dataclass(frozen=True, slots=True)
class LookUp:
    """What a provider's look-up is asked, and answers for a token of this app and of the account ``7``."""

    url: str
    answer: Mapping[str, Any]
    userinfo: str
    profile: Mapping[str, Any]
    method: str = "GET"
    sent: Mapping[str, str] = field(default_factory=dict)
    authorization: str | None = "Bearer a-token"
    seconds: float | None = None
    of_another_app: Mapping[str, Any] = field(default_factory=dict)
    of_another_person: Mapping[str, Any] = field(default_factory=dict)


LOOK_UPS = {
    "google-oauth2": LookUp(
        url="https://oauth2.googleapis.com/tokeninfo",
        sent={"access_token": "a-token"},
        authorization=None,
        answer={"aud": "an-id", "sub": "7", "expires_in": "3599"},
        seconds=3599,
        of_another_app={"aud": "another-id"},
        of_another_person={"sub": "8"},
        userinfo="https://www.googleapis.com/oauth2/v3/userinfo",
        profile={"sub": "7"},
    ),
    "facebook": LookUp(
        url="https://graph.facebook.com/debug_token",
        sent={"access_token": "an-id|a-secret", "input_token": "a-token"},
        authorization=None,
        answer={"data": {"app_id": "an-id", "user_id": "7", "is_valid": True, "type": "USER", "expires_at": 0}},
        of_another_app={"data": {"app_id": "1", "user_id": "7", "is_valid": True, "type": "USER", "expires_at": 0}},
        of_another_person={
            "data": {"app_id": "an-id", "user_id": "8", "is_valid": True, "type": "USER", "expires_at": 0}
        },
        userinfo="https://graph.facebook.com/v24.0/me",
        profile={"id": "7"},
    ),
    "github": LookUp(
        url="https://api.github.com/applications/an-id/token",
        method="POST",
        sent={"access_token": "a-token"},
        authorization=BASIC,
        answer={"app": {"client_id": "an-id"}, "user": {"id": 7}},
        of_another_app={"app": {"client_id": "another-id"}},
        of_another_person={"user": {"id": 8}},
        userinfo="https://api.github.com/user",
        profile={"id": 7},
    ),
    "twitch": LookUp(
        url="https://id.twitch.tv/oauth2/validate",
        authorization="OAuth a-token",
        answer={"client_id": "an-id", "user_id": "7", "expires_in": 5520838},
        seconds=5520838,
        of_another_app={"client_id": "another-id"},
        of_another_person={"user_id": "8"},
        userinfo="https://api.twitch.tv/helix/users",
        profile={"data": [{"id": "7"}]},
    ),
}
ID_TOKENS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "apple-id": ("https://appleid.apple.com/auth/keys", {"iss": "https://appleid.apple.com", "sub": "7"}),
    "azuread-oauth2": (
        "https://login.microsoftonline.com/common/discovery/keys",
        {"iss": f"https://sts.windows.net/{TENANT}/", "sub": "7", "tid": TENANT},
    ),
    "azuread-oauth2-v2": (
        "https://login.microsoftonline.com/common/discovery/v2.0/keys",
        {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0", "sub": "7", "tid": TENANT},
    ),
    "azuread-tenant-oauth2": (
        f"https://login.microsoftonline.com/{TENANT}/discovery/keys",
        {"iss": f"https://sts.windows.net/{TENANT}/", "sub": "7", "tid": TENANT},
    ),
    "azuread-v2-tenant-oauth2": (
        f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
        {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0", "sub": "7", "tid": TENANT},
    ),
    "google-oauth2": (
        "https://www.googleapis.com/oauth2/v3/certs",
        {"iss": "accounts.google.com", "sub": "7", "email": "ada@example.com", "email_verified": True},
    ),
    "linkedin-openidconnect": (
        "https://www.linkedin.com/oauth/openid/jwks",
        {"iss": "https://www.linkedin.com/oauth", "sub": "7"},
    ),
    "oidc": ("https://own.example/keys", {"iss": "https://own.example", "sub": "7"}),
    "twitch": ("https://id.twitch.tv/oauth2/keys", {"iss": "https://id.twitch.tv/oauth2", "sub": "7"}),
    "yahoo-oauth2": (
        "https://api.login.yahoo.com/openid/v1/certs",
        {"iss": "https://api.login.yahoo.com", "sub": "7"},
    ),
}


async def _linked(name: str, network: Answering, **token: str) -> Association[str]:
    async with Social(**settings(network, backends=backends_of(name))) as social:
        return await social.backend(name).associate(**token, user_id="ada")


def _network(name: str, **changed: object) -> Answering:
    """Give the network of a look-up, some members of its answer changed."""
    look_up = LOOK_UPS[name]
    return Answering({look_up.url: {**look_up.answer, **changed}, look_up.userinfo: look_up.profile})


def _keys(name: str) -> Answering:
    metadata = {"issuer": "https://own.example", "jwks_uri": "https://own.example/keys"}
    return Answering({ID_TOKENS[name][0]: key_set(), "https://own.example/.well-known/openid-configuration": metadata})


def _takes_no_access_token(provider: Provider) -> bool:
    # Metadata would be asked for before anything else.
    proved = any(proof.kind == "lookup" for proof in provider.proofs)
    return provider.retired is None and provider.code is None and provider.oidc is None and not proved


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_an_access_token_is_taken_after_the_providers_look_up(name: str) -> None:
    network, look_up = _network(name), LOOK_UPS[name]

    association = await _linked(name, network, access_token="a-token")

    first, second, *_ = network.asked
    assert association.uid == "7"
    assert (first.method, address_of(first)) == (look_up.method, look_up.url)
    assert sent_in(first) == look_up.sent
    assert first.headers.get("authorization") == look_up.authorization
    assert address_of(second) == look_up.userinfo
    assert association.expires_at == (None if look_up.seconds is None else START + look_up.seconds)


@pytest.mark.parametrize("name", LOOK_UPS)
async def test_an_access_token_of_another_app_is_refused_before_anything_is_read(name: str) -> None:
    network = _network(name, **LOOK_UPS[name].of_another_app)

    with pytest.raises(TokenRefused) as caught:
        await _linked(name, network, access_token="a-token")

    assert caught.value.reason == "audience"
    assert network.addresses == [LOOK_UPS[name].url]


@pytest.mark.parametrize("name", [name for name, one in LOOK_UPS.items() if one.of_another_person])
async def test_a_look_up_that_names_another_person_than_the_profile_is_refused(name: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        await _linked(name, _network(name, **LOOK_UPS[name].of_another_person), access_token="a-token")

    assert caught.value.reason == "subject"


@pytest.mark.parametrize(
    ("name", "changed", "reason"),
    [
        pytest.param(
            "facebook",
            {"data": {"app_id": "an-id", "user_id": "7", "is_valid": True, "type": "PAGE"}},
            "kind",
            id="a page's token",
        ),
        pytest.param(
            "facebook",
            {"data": {"app_id": "an-id", "user_id": "7", "is_valid": False, "type": "USER"}},
            "inactive",
            id="an ended token of Facebook",
        ),
        pytest.param(
            "facebook",
            {
                "data": {
                    "app_id": "an-id",
                    "user_id": "7",
                    "is_valid": True,
                    "type": "USER",
                    "expires_at": 1_700_000_000,
                }
            },
            "expired",
            id="a late token of Facebook",
        ),
    ],
)
async def test_a_token_that_is_not_a_persons_or_has_ended_is_refused(
    name: str, changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TokenRefused) as caught:
        await _linked(name, _network(name, **changed), access_token="a-token")

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "name", startable(name for name in providers.names() if _takes_no_access_token(providers.provider(name)))
)
async def test_an_access_token_that_nothing_proves_is_refused_and_goes_nowhere(name: str) -> None:
    network = Answering({})

    with pytest.raises(TokenRefused) as caught:
        await _linked(name, network, access_token="a-token")

    assert caught.value.reason == "unbound"
    assert network.asked == []


@pytest.mark.parametrize("name", ID_TOKENS)
async def test_an_id_token_is_taken_by_its_signature(name: str) -> None:
    network, (keys, claims) = _keys(name), ID_TOKENS[name]

    association = await _linked(name, network, id_token=signed(**claims))

    assert association.uid == "7"
    assert network.addresses[-1] == keys


@pytest.mark.parametrize("name", ID_TOKENS)
@pytest.mark.parametrize(
    ("changed", "reason"), [({"aud": "another-id"}, "audience"), ({"iss": "https://evil.example"}, "issuer")]
)
async def test_an_id_token_of_another_app_or_issuer_is_refused(name: str, changed: dict[str, str], reason: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        await _linked(name, _keys(name), id_token=signed(**{**ID_TOKENS[name][1], **changed}))

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        pytest.param(
            "azuread-v2-tenant-oauth2",
            {
                "tid": "9188040d-6c67-4c5b-b112-36a304b66dad",
                "iss": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            },
            id="Microsoft",
        ),
    ],
)
async def test_an_id_token_of_another_team_or_tenant_is_refused(name: str, changed: dict[str, str]) -> None:
    with pytest.raises(Refused, match="it is of another"):
        await _linked(name, _keys(name), id_token=signed(**{**ID_TOKENS[name][1], **changed}))


async def test_a_phone_of_apple_has_a_bundle_id_and_sends_the_hash_of_its_nonce() -> None:
    hashed = hashlib.sha256(b"a-nonce").hexdigest()
    token = signed(**{**ID_TOKENS["apple-id"][1], "aud": "com.example.phone", "nonce": hashed})

    association = await _linked("apple-id", _keys("apple-id"), id_token=token, nonce="a-nonce")

    assert association.uid == "7"


async def test_an_openid_provider_may_sign_with_an_elliptic_curve_and_not_with_the_shared_secret() -> None:
    curve = ECKey.generate_key("P-256", {"kid": "a-curve"})
    claims = {"aud": "an-id", "iat": int(START), "exp": int(START) + 600, **ID_TOKENS["oidc"][1]}
    network = _keys("oidc")
    network.answers[ID_TOKENS["oidc"][0]] = {"keys": [curve.as_dict(private=False)]}
    shared = OctKey.import_key(str(BACKENDS["oidc"]["client_secret"]))

    association = await _linked("oidc", network, id_token=jwt.encode({"alg": "ES256", "kid": "a-curve"}, claims, curve))
    with pytest.raises(TokenRefused) as caught:
        await _linked("oidc", network, id_token=jwt.encode({"alg": "HS256"}, claims, shared))

    assert association.uid == "7"
    assert caught.value.reason == "signature"


async def test_the_same_uid_at_two_issuers_of_openid_is_two_accounts() -> None:
    repository = MemoryRepository()
    async with Social(**settings(_keys("oidc"), backends=backends_of("oidc"), database=repository)) as social:
        await social.backend("oidc").associate(id_token=signed(**ID_TOKENS["oidc"][1]), user_id="ada")
        found = await repository.find(backend="oidc", authority="https://own.example", uid=Uid("7"))
        nobody = await repository.find(backend="oidc", authority="https://other.example", uid=Uid("7"))

    assert found is not None
    assert nobody is None


async def test_the_same_uid_at_two_tenants_is_two_accounts() -> None:
    tenant = "11111111-7f1d-4a0e-9d2c-3b5a6e7f8091"
    name, other = "azuread-v2-tenant-oauth2", f"https://login.microsoftonline.com/{tenant}/v2.0"
    keys = {"https://login.microsoftonline.com/common/discovery/v2.0/keys": key_set()}
    backends = backends_of(name, tenant_id="common")
    async with Social(**settings(Answering(keys), backends=backends)) as social:
        one = await social.backend(name).associate(id_token=signed(**ID_TOKENS[name][1]), user_id="ada")
        two = await social.backend(name).associate(id_token=signed(iss=other, tid=tenant, sub="7"), user_id="grace")

    assert (one.uid, two.uid) == ("7", "7")
    assert one.id != two.id
