"""Renewing and revoking at a provider: what is sent, what is read, and what is suspect."""

from dataclasses import replace
from typing import Any

import pytest

from asgi_social.account import Uid
from asgi_social.errors import ProviderBroken, ProviderError, ProviderRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.id_token import keys_at_hand
from asgi_social.protocols.message import Request, Response, Tokens
from asgi_social.protocols.oauth2 import (
    renew,
    revoke,
    suspicion,
)
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import HOST, OAUTH2, OIDC, answer, play, raw, ready
from tests.tokens import CLIENT_ID, CLIENT_SECRET, claims, half_hash, key_set, rsa_key, signed

OLD = Tokens(access_token=Secret("old-access"), refresh_token=Secret("old-refresh"))
GOOD = {"access_token": "new-access", "token_type": "Bearer"}


def plain(**tables: object) -> dict[str, Any]:
    return {**OAUTH2, **tables}


def renewed(client: Client, *answers: Response, old: Tokens = OLD) -> tuple[Tokens, list[Request]]:
    played = play(renew(client, old), *answers)
    return played.result, played.asked


def test_tokens_are_renewed_with_the_refresh_token() -> None:
    tokens, [asked] = renewed(ready(OAUTH2), answer({**GOOD, "expires_in": 60, "refresh_token": "new-refresh"}))

    assert asked.form == {
        "grant_type": "refresh_token",
        "refresh_token": "old-refresh",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert tokens.refresh_token == Secret("new-refresh")
    assert (tokens.expires_at, tokens.scope) == (START + 60, None)


def test_what_a_renewal_leaves_out_is_none() -> None:
    tokens, _ = renewed(ready(OAUTH2), answer({"access_token": "new-access"}))

    assert (tokens.refresh_token, tokens.scope, tokens.expires_at) == (None, None, None)


def test_tokens_are_renewed_as_the_data_say() -> None:
    refresh = {
        "with": "access_token",
        "grant": "fb_exchange_token",
        "token_param": "fb_exchange_token",
        "method": "GET",
        "expires_default": 5184000,
    }

    tokens, [asked] = renewed(ready(plain(refresh=refresh)), answer(GOOD))

    assert (asked.method, asked.query["fb_exchange_token"]) == ("GET", "old-access")
    assert tokens.expires_at == START + 5184000


def test_a_lifetime_that_is_said_goes_before_the_default() -> None:
    tokens, _ = renewed(ready(plain(refresh={"expires_default": 100})), answer({**GOOD, "expires_in": 5}))

    assert tokens.expires_at == START + 5


@pytest.mark.parametrize(
    "response", [answer({}), raw(b"<html>"), answer({"error": "invalid_grant"}, 400), answer({}, 500)]
)
def test_sr_f02_an_answer_without_an_access_token_renews_nothing(response: Response) -> None:
    with pytest.raises(ProviderError):
        renewed(ready(OAUTH2), response)


def suspected(client: Client, new: Tokens, *answers: Response, old: Tokens = OLD) -> str | None:
    return play(suspicion(client, old, new), *answers).result


def with_id_token(text: str, base: Tokens = OLD) -> Tokens:
    return replace(base, id_token=Secret(text))


def test_renewed_tokens_without_an_id_token_are_not_suspect() -> None:
    assert suspected(ready(OIDC), OLD) is None
    assert suspected(ready(OAUTH2), with_id_token("whatever")) is None


def test_a_renewed_id_token_of_the_same_subject_needs_no_nonce() -> None:
    old, new = with_id_token(signed(claims(START - 7200))), with_id_token(signed())

    assert suspected(ready(OIDC), new, answer(key_set()), old=old) is None
    assert suspected(ready(OIDC), new, answer(key_set())) is None
    assert suspected(ready(OIDC), new, answer(key_set()), old=with_id_token("torn")) is None


def test_sr_f02_renewed_tokens_of_another_type_or_subject_or_signature_are_suspect() -> None:
    client, old = ready(OIDC), with_id_token(signed())

    kind = suspected(client, replace(OLD, token_type="mac"))
    subject = suspected(client, with_id_token(signed(claims(sub="other"))), answer(key_set()), old=old)
    strange = signed(key=rsa_key("stranger"), kid="one")
    signature = suspected(client, with_id_token(strange), answer(key_set()), old=old)
    swapped = suspected(client, with_id_token(signed(claims(at_hash=half_hash("other")))), answer(key_set()), old=old)

    assert kind == "another token_type"
    assert subject == "an ID token with another sub"
    assert signature == swapped == "an ID token refused for its signature"


def test_keys_are_fetched_beforehand_where_there_are_any() -> None:
    fetched = play(keys_at_hand(ready(OIDC)), answer(key_set())).asked

    assert [(request.endpoint, request.shared) for request in fetched] == [("key set", True)]
    assert play(keys_at_hand(ready(OAUTH2))).asked == []


def revoked(client: Client, *answers: Response, tokens: Tokens = OLD) -> list[Request]:
    return play(revoke(client, tokens, Uid("7")), *answers).asked


def test_nothing_is_asked_where_a_provider_revokes_nothing() -> None:
    assert revoked(ready(OAUTH2)) == []


@pytest.mark.parametrize(("tokens", "sent"), [(OLD, "old-refresh"), (replace(OLD, refresh_token=None), "old-access")])
def test_the_refresh_token_is_revoked_and_else_the_access_token(tokens: Tokens, sent: str) -> None:
    [asked] = revoked(ready(plain(revoke={"url": f"{HOST}/revoke"})), raw(b""), tokens=tokens)

    assert (asked.method, asked.url) == ("POST", f"{HOST}/revoke")
    assert asked.form == {"token": sent, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def test_tokens_are_revoked_where_the_metadata_say() -> None:
    client = ready(OIDC)
    client = replace(client, endpoints=replace(client.endpoints, revocation=f"{HOST}/revoke"))

    [asked] = revoked(client, raw(b""))

    assert asked.url == f"{HOST}/revoke"
    assert asked.form == {"token": "old-refresh"}
    assert "authorization" in asked.headers


def test_a_revocation_that_is_refused_is_told() -> None:
    with pytest.raises(ProviderRefused):
        revoked(ready(plain(revoke={"url": f"{HOST}/revoke"})), answer({"error": "unsupported_token_type"}, 400))


OWN = {
    "style": "own",
    "url": f"{HOST}/{{uid}}/permissions",
    "method": "DELETE",
    "auth": "query",
    "ok": [200, 204],
    "ok_body": ["true", '{"success":true}'],
}


@pytest.mark.parametrize("response", [raw(b"true\n"), raw(b'{"success": true}'), raw(b"true", status=204)])
def test_tokens_are_revoked_in_the_providers_own_way(response: Response) -> None:
    [asked] = revoked(ready(plain(revoke=OWN)), response)

    assert (asked.method, asked.url, asked.query) == ("DELETE", f"{HOST}/7/permissions", {"access_token": "old-access"})


@pytest.mark.parametrize("response", [raw(b"false"), raw(b"true", status=201), raw(b"\xff"), answer({}, 404)])
def test_what_does_not_confirm_a_revocation_is_broken(response: Response) -> None:
    with pytest.raises(ProviderBroken):
        revoked(ready(plain(revoke=OWN)), response)
