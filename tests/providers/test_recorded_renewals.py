"""Renewals that were recorded with social-auth are asked for alike here, and the same tokens are stored.

A recording holds what social-core 7.0.0 asks the provider. Where its tests hold an answer to that, it is that answer;
else the one to the code exchange, with new tokens. Each departure from a recording stands in a table here, with its
reason; anything else must be as it was recorded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi_social import ProviderRefused, Social, providers
from asgi_social.account import Account, Uid
from asgi_social.protocols.message import Tokens
from asgi_social.protocols.oauth2 import renew
from asgi_social.protocols.provider import Refresh
from asgi_social.registration import registered
from asgi_social.secret import Keys, Secret
from asgi_social.storage.memory import MemoryRepository
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing.clock import START
from asgi_social.vault import tokens_of, with_account, with_tokens
from tests.app import KEY, settings
from tests.protocols.played import answer, play
from tests.providers.answering import address_of, sent_in

HERE = Path(__file__).parent.parent / "recorded_renewals"
KEYS = Keys([KEY])

# Where it is asked today, by whom.
MOVED = {
    "box": "https://api.box.com/oauth2/token",
    "google-oauth2": "https://oauth2.googleapis.com/token",
    "reddit": "https://www.reddit.com/api/v1/access_token",
    # social-core asks where codes are spent; WeChat's manual has an address of its own for this.
    "weixin": "https://api.weixin.qq.com/sns/oauth2/refresh_token",
}
# Who is asked by a GET, as its manual says, and not by a POST.
BY_GET = {"facebook", "weixin"}
# Who is told the app by the Basic header, as its manual says, and not in the form as well, or instead.
BY_BASIC = {
    "bitbucket-oauth2",
    "lyft",  # which social-core does not tell the app at all at a renewal
    "reddit",
    "spotify",
}
# What was sent and is not by us.
LEFT_OUT = {
    "reddit": {"redirect_uri"},  # RFC 6749 section 6 knows none at a renewal, and other clients of Reddit's send none
    "vk-id": {"redirect_uri"},  # the same
    "weixin": {"secret"},  # its manual has none here
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recorded renewal of one provider."""

    provider: str
    case: str
    settings: Mapping[str, Any]
    before: Mapping[str, str]
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def backend(self) -> dict[str, Any]:
        """The settings of our backend."""
        names = {"key": "client_id", "secret": "client_secret"}
        prefix = self.provider.upper().replace("-", "_") + "_"
        found = {name.removeprefix(prefix).lower(): value for name, value in self.settings.items()}
        return {names.get(name, name): value for name, value in found.items()}

    @property
    def tokens(self) -> Tokens:
        """The tokens before."""
        refresh_token = self.before.get("refresh_token")
        return Tokens(
            access_token=Secret(self.before["access_token"]),
            refresh_token=Secret(refresh_token) if refresh_token else None,
        )


def _recordings() -> list[Recording]:
    found = []
    for file in sorted(HERE.glob("*.json")):
        for one in json.loads(file.read_text(encoding="utf-8")):
            del one["answer_of"]
            found.append(Recording(provider=file.stem, **one))
    return found


RENEWED = [pytest.param(one, id=one.provider) for one in _recordings() if "error" not in one.after]
REFUSED = [
    pytest.param(one, id=f"{one.provider}-{one.after['error']}") for one in _recordings() if "error" in one.after
]
# What manuals, and other clients, say of a grant that is over; social-auth's tests hold none of it.
DOCUMENTED = [
    pytest.param(
        "facebook", 400, {"error": {"type": "OAuthException", "code": 190, "error_subcode": 460}}, id="facebook"
    ),
    pytest.param(
        "twitch", 400, {"error": "Bad Request", "status": 400, "message": "Invalid refresh token"}, id="twitch"
    ),
    pytest.param("twitch", 400, {"status": 400, "message": "Invalid refresh token"}, id="twitch without error"),
    pytest.param("weixin", 200, {"errcode": 40030, "errmsg": "invalid refresh_token"}, id="weixin"),
    pytest.param("weixin", 200, {"errcode": 42002, "errmsg": "refresh_token expired"}, id="weixin expired"),
]


def _row(recording: Recording) -> StoredAssociation:
    row = StoredAssociation(
        id="association-1",
        user_id="ada",
        backend=recording.provider,
        authority="",
        uid="7",
        account="",
        client_id=recording.backend["client_id"],
        access_token="",
        issued_at=0.0,
        since=START,
        created_at=START,
    )
    row = with_tokens(row, recording.tokens, keys=KEYS, now=START)
    # What the first answers left behind: VK's tokens are of one device, and it wants a state again.
    kept = (
        {"device_id": recording.before["device_id"], "state": "a-new-state"} if "device_id" in recording.before else {}
    )
    return with_account(row, Account(uid=Uid("7"), authority="", extra_data=kept), keys=KEYS)


async def _renewal(recording: Recording) -> tuple[httpx.Request, StoredAssociation]:
    """Renew what was stored before: give what the provider was asked, and what is stored."""
    asked: list[httpx.Request] = []

    def provider(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(recording.answer["status"], json=recording.answer["json"])

    repository = MemoryRepository()
    await repository.add(_row(recording))
    backends = {recording.provider: recording.backend}
    async with Social(**settings(provider, backends=backends, database=repository)) as social:
        [association] = await social.associations("ada")
        await association.refresh_token()
    stored = await repository.get("association-1")
    assert stored is not None
    [request] = asked
    return request, stored


def _refusal(provider: str, backend: Mapping[str, Any], tokens: Tokens, status: int, said: object) -> ProviderRefused:
    client = registered(provider, backend, redirect_uri="https://app.example/", development=False, faults=[])
    assert client is not None
    with pytest.raises(ProviderRefused) as caught:
        play(renew(client, tokens), answer(said, status))
    return caught.value


def _refresh(name: str) -> Refresh:
    return providers.provider(name).refresh


@pytest.mark.parametrize("recording", RENEWED)
async def test_the_provider_is_asked_for_new_tokens_as_it_was_recorded(recording: Recording) -> None:
    request, _ = await _renewal(recording)

    name, recorded = recording.provider, recording.request
    form, headers = dict(recorded["form"]), dict(recorded["headers"])
    if name in BY_BASIC:
        headers["authorization"] = "Basic YS1rZXk6YS1zZWNyZXQta2V5"  # a-key:a-secret-key
        form = {key: value for key, value in form.items() if key not in {"client_id", "client_secret"}}
    assert request.method == ("GET" if name in BY_GET else recorded["method"])
    assert address_of(request) == MOVED.get(name, recorded["url"])
    assert sent_in(request) == {key: value for key, value in form.items() if key not in LEFT_OUT.get(name, set())}
    assert request.headers.get("authorization") == headers.get("authorization")


@pytest.mark.parametrize("recording", RENEWED)
async def test_the_recorded_tokens_are_stored(recording: Recording) -> None:
    _, stored = await _renewal(recording)

    tokens, after = tokens_of(stored, keys=KEYS), recording.after
    lifetime = after["lifetime"] or _refresh(recording.provider).expires_default
    assert tokens.access_token.reveal() == after["access_token"]
    assert (tokens.refresh_token.reveal() if tokens.refresh_token else None) == after["refresh_token"]
    assert tokens.expires_at == (START + lifetime if lifetime else None)
    assert (stored.status, stored.version) == ("active", 2)


@pytest.mark.parametrize("recording", REFUSED)
def test_a_recorded_refusal_ends_the_grant_where_it_did_there(recording: Recording) -> None:
    said = recording.answer

    refusal = _refusal(recording.provider, recording.backend, recording.tokens, said["status"], said["json"])

    assert refusal.error == recording.after["error"]
    assert (refusal.error in _refresh(recording.provider).ended) == recording.after["over"]


@pytest.mark.parametrize(("name", "status", "said"), DOCUMENTED)
def test_a_refusal_of_which_manuals_say_that_the_grant_is_over_ends_it(name: str, status: int, said: object) -> None:
    backend = {"client_id": "an-id", "client_secret": "a-secret"}
    tokens = Tokens(access_token=Secret("an-access-token"), refresh_token=Secret("a-refresh-token"))

    refusal = _refusal(name, backend, tokens, status, said)

    assert refusal.error in _refresh(name).ended
