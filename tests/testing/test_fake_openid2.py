"""The fake provider of OpenID 2.0: what it refuses, and what it is not for."""

from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from asgi_social.errors import SettingsError
from asgi_social.protocols.openid2 import NAMESPACE
from asgi_social.protocols.openid2_discovery import SELECT
from asgi_social.testing import FakeOpenID2, Person, fakes_of
from tests.providers.openid2_visits import identity

ASKED = {
    "openid.ns": NAMESPACE,
    "openid.mode": "checkid_setup",
    "openid.claimed_id": SELECT,
    "openid.identity": SELECT,
    "openid.return_to": "https://app.example/complete/steam/?state=s",
    "openid.realm": "https://app.example/",
}


def fake(name: str = "steam") -> FakeOpenID2:
    return FakeOpenID2({}, name=name, identities={"ada": identity(name, "ada")})


def location(one: FakeOpenID2, **changed: str) -> str:
    return f"{one.endpoint}?{urlencode({**ASKED, **{f'openid.{name}': text for name, text in changed.items()}})}"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"ns": "http://openid.net/signon/1.1"}, "openid.ns is not", id="version"),
        pytest.param({"mode": "checkid_immediate"}, "openid.mode is not", id="mode"),
        pytest.param({"realm": "https://evil.example/"}, "not in the realm", id="realm"),
        pytest.param({"identity": "https://evil.example/"}, "nobody's here", id="identity"),
    ],
)
async def test_what_a_provider_would_not_answer_is_told(changed: dict[str, str], message: str) -> None:
    one = fake()

    with pytest.raises(ValueError, match=message):
        await one.sends_back(location(one, **changed))


async def test_a_browser_that_was_sent_elsewhere_is_told() -> None:
    with pytest.raises(ValueError, match="the browser is sent to"):
        await fake().sends_back("https://evil.example?openid.mode=checkid_setup")


async def test_an_assertion_is_its_own_once() -> None:
    one = fake()
    url, form = await one.sends_back(location(one))
    said = dict(parse_qsl(url.partition("?")[2]))

    async with httpx.AsyncClient(transport=one.transport()) as http:
        answers = [(await http.post(one.endpoint, data=said)).text for _ in range(2)]

    assert form is None
    assert ["is_valid:true" in one for one in answers] == [True, False]


async def test_who_has_no_address_tells_none() -> None:
    nobody = Person(sub="person-9", username="ada")
    identities = {"ada": identity("ubuntu", "ada")}
    one = FakeOpenID2({}, name="ubuntu", identities=identities, people=[nobody])

    said = one.assertion({**ASKED, "openid.ns.sreg": "http://openid.net/extensions/sreg/1.1"} | SREG_ASKED, nobody)

    assert "openid.sreg.email" not in said
    assert "openid.ax.type.email" not in said


SREG_ASKED = {
    "openid.sreg.optional": "email",
    "openid.ns.ax": "http://openid.net/srv/ax/1.0",
    "openid.ax.required": "email",
    "openid.ax.type.email": "http://axschema.org/contact/email",
}


@pytest.mark.parametrize(
    ("name", "message"), [("github", "is none of OpenID 2.0"), ("nobody", "no provider is called")]
)
def test_it_plays_backends_of_openid_2_alone(name: str, message: str) -> None:
    settings = {"client_id": "an-id", "client_secret": "a-secret"} if name == "github" else {}

    with pytest.raises(SettingsError, match=message):
        FakeOpenID2(settings, name=name, identities={})


def test_the_fakes_of_all_backends_name_it() -> None:
    with pytest.raises(SettingsError, match="FakeOpenID2"):
        fakes_of({"steam": {}})
