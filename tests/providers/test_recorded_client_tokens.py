"""A client token gives the person that was recorded of the provider, and nobody where it is another app's."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from asgi_social import Social, TokenRefused, providers
from asgi_social.errors import Refused
from asgi_social.expressions import Path
from asgi_social.protocols.provider import Proof
from asgi_social.testing import ManualClock
from asgi_social.testing.inverting import with_facts
from tests.app import settings
from tests.providers.recorded import Recording, recordings, settings_of
from tests.providers.replayed import Replayed


def proof_of(recording: Recording, kind: str) -> Proof | None:
    """Give the provider's proof of a kind, or None."""
    return next((one for one in providers.provider(recording.provider).proofs if one.kind == kind), None)


def cases(kind: str) -> list[Any]:
    """Give the recordings of the providers that have a proof of this kind."""
    found = [one for one in recordings() if proof_of(one, kind) is not None]
    return [pytest.param(one, id=f"{one.provider}-{one.case.partition('.')[2]}") for one in found]


class LookedUp(Replayed):
    """The recorded network, with a look-up that was not recorded.

    Attributes:
        look_ups: How often it was asked about the token.
    """

    def __init__(self, recording: Recording, *, app: str) -> None:
        super().__init__(recording, clock=ManualClock())
        self.look_ups = 0
        proof: Any = proof_of(recording, "lookup")
        said = {"app": app, "subject": recording.expect["uid"], "active": True}
        facts = [(path, said[name]) for name in said if isinstance(path := getattr(proof, name), Path)]
        self._said: Mapping[str, object] = with_facts({"userinfo": {}}, [*facts, *proof.must], base="userinfo")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = super().__call__(request)
        if not self.surplus:
            return answer
        self.surplus.clear()
        self.look_ups += 1
        return httpx.Response(200, json=self._said["userinfo"])


def replayed(recording: Any) -> Replayed:
    """Give the recorded network."""
    return Replayed(recording, clock=ManualClock())


def app_of(recording: Recording) -> str:
    """Give the id of the recorded app."""
    return str(settings_of(recording)["client_id"])


def engine_of(recording: Recording, network: Replayed) -> Any:
    """Give an engine with the recorded backend."""
    return Social(**settings(network, backends={recording.provider: settings_of(recording)}))


@pytest.mark.parametrize("recording", cases("lookup"))
async def test_an_access_token_gives_the_recorded_person(recording: Recording) -> None:
    network = LookedUp(recording, app=app_of(recording))
    async with engine_of(recording, network) as social:
        linked = await social.backend(recording.provider).associate("foobar", user_id="ada")

    details = recording.expect["details"]
    assert (linked.uid, linked.username) == (recording.expect["uid"], details["username"] or None)
    assert (linked.account["email"] or None) == (details["email"] or None)
    assert network.look_ups == 1


@pytest.mark.parametrize("recording", cases("lookup"))
async def test_an_access_token_of_another_app_gives_nobody_and_no_recorded_account_is_read(
    recording: Recording,
) -> None:
    network = LookedUp(recording, app="another-app")
    async with engine_of(recording, network) as social:
        with pytest.raises(TokenRefused) as caught:
            await social.backend(recording.provider).associate("foobar", user_id="ada")

    assert (caught.value.reason, network.asked, network.look_ups) == ("audience", [], 1)


BY_ID_TOKEN = [one for one in cases("id_token") if replayed(*one.values).id_token()]
# Whose app admits some groups alone, which CAS names in the profile and not in the ID token.
IN_GROUPS = [one for one in BY_ID_TOKEN if settings_of(*one.values).get("allow_groups")]


@pytest.mark.parametrize("recording", IN_GROUPS)
async def test_an_id_token_that_does_not_say_what_the_app_demands_lets_nobody_in(recording: Recording) -> None:
    network = replayed(recording)
    async with engine_of(recording, network) as social:
        with pytest.raises(Refused, match="does not meet a condition"):
            await social.backend(recording.provider).associate(id_token=network.id_token(), user_id="ada")


@pytest.mark.parametrize("recording", [one for one in BY_ID_TOKEN if one not in IN_GROUPS])
async def test_an_id_token_gives_the_recorded_person(recording: Recording) -> None:
    network = replayed(recording)
    async with engine_of(recording, network) as social:
        linked = await social.backend(recording.provider).associate(id_token=network.id_token(), user_id="ada")

    assert linked.uid == recording.expect["uid"]
    assert network.asked == []
