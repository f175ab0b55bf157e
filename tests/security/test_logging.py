"""What logs, errors and representations tell: no secret, and nothing from outside that forges a line (SR-G01, SR-G03).

The provider is the one of ``loud.py``. All loggers are at DEBUG, once over the wire with the library's own client and a
SQLite file, and once with a client of the app's own.
"""

import base64
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from asgi_social import Event, NeedsReauth, ProviderRefused, TokenRefused
from asgi_social.errors import cleaned
from asgi_social.protocols import message
from asgi_social.secret import Secret
from tests.app import BASE
from tests.security.loud import (
    ACCESS,
    CLIENT_ID,
    CLIENT_TOKEN,
    CODE,
    EMAIL,
    RENEWED,
    Records,
    World,
    every_form,
    everything_of,
    on_the_wire,
    with_the_apps_client,
)
from tests.tokens import claims, signed


@pytest.fixture
def records() -> Iterator[Records]:
    """Give what is logged while the test runs, at every level and by everybody."""
    kept, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    yield kept
    root.setLevel(level)
    root.removeHandler(kept)


@pytest.fixture
async def quick(records: Records, tmp_path: Path) -> AsyncIterator[World]:
    """Give the world without sockets; httpcore alone is not in it."""
    async with with_the_apps_client(records, tmp_path) as world:
        yield world


@pytest.fixture(params=["wire", "the app's client"])
async def world(request: pytest.FixtureRequest, records: Records, tmp_path: Path) -> AsyncIterator[World]:
    """Give both worlds in turn."""
    there = on_the_wire(records, tmp_path) if request.param == "wire" else with_the_apps_client(records, tmp_path)
    async with there as one:
        yield one


async def test_sr_g01_a_scan_finds_what_leaks() -> None:
    """Without this the others could pass for a scan that finds nothing."""
    for secret in (ACCESS, EMAIL):
        for text in (secret, quote(secret), base64.b64encode(f"user:{secret}".encode()).decode()):
            assert any(form in f"before {text} after" for form in every_form(secret))
    with pytest.raises(ProviderRefused) as caught:
        _raised_beside(ACCESS)
    assert any(ACCESS in text for text in everything_of(caught.value))


def _raised_beside(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        raise ProviderRefused(endpoint="x", error="y", hint="z") from None


async def test_sr_g01_linking_renewing_and_unlinking_tell_no_secret(world: World) -> None:
    linked = await world.link()
    [association] = await world.social.associations("ada")
    world.told += [association, association.account is not None, world.social, world.social.engine.keys]
    token = await association.get_access_token()
    renewed = await association.refresh_token()
    again = await renewed.get_access_token()
    page = await world.client.get("/associate/")
    await world.client.post("/disconnect/loud/", headers={"origin": str(world.client.base_url).rstrip("/")})
    await world.social.close()

    assert (linked.status_code, token, again, page.status_code) == (303, ACCESS, RENEWED, 200)
    names = [one.name for one in world.told if isinstance(one, Event)]
    assert names == ["associated", "renewed", "disconnected", "revocation_failed"]
    assert "httpx" in world.records.loggers
    if world.social.settings.http_client is None:
        assert {"httpcore", "databases", "aiosqlite"} <= world.records.loggers
    assert world.leaks() == []


FAULTS = (
    "nonce",
    "refused",
    "refused with 200",
    "ended",
    "down",
    "html",
    "torn",
    "no token",
    "odd token",
    "another type",
    "redirect",
    "too long",
    "away",
)


@pytest.mark.parametrize("fault", FAULTS)
async def test_sr_g01_a_flow_that_ends_badly_tells_no_secret(quick: World, fault: str) -> None:
    quick.provider.fault = fault

    completed = await quick.link()

    assert completed.status_code in {502, 503}
    assert quick.leaks() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"error": "access_denied", "code": ""},
        {"error": "server_error", "error_description": "no", "code": ""},
        {"error": "access_denied"},
        {"code": ""},
        {"state": "canary-of-a-stranger"},
        {"code": CODE * 2000},
    ],
)
async def test_sr_g01_a_way_back_that_is_refused_tells_no_secret(quick: World, changed: dict[str, str]) -> None:
    quick.provider.secrets.add("canary-of-a-stranger")

    completed = await quick.link(**changed)

    assert completed.status_code in {400, 403, 502}
    assert quick.leaks() == []


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "nonce"])
async def test_sr_g01_a_renewal_that_ends_badly_tells_no_secret(quick: World, fault: str) -> None:
    await quick.link()
    [association] = await quick.social.associations("ada")
    quick.provider.fault = fault

    error = await quick.refused(association.refresh_token())
    client_error = await quick.refused(association.refresh_token())

    assert isinstance(error, NeedsReauth) == (fault in {"ended", "another type"})
    quick.told += [error, client_error]
    assert quick.leaks() == []


async def test_sr_g01_a_client_token_that_is_taken_tells_no_secret(world: World) -> None:
    backend = world.social.backend("loud")
    world.provider.secrets.add(CLIENT_TOKEN)

    user = await backend.do_auth(CLIENT_TOKEN, sign_up="allow")
    association = await backend.associate(CLIENT_TOKEN, user_id=user.id)

    assert user is not None
    world.told += [user, association, backend]
    assert world.leaks() == []


@pytest.mark.parametrize("place", ["look-up", "profile", "id_token", "nonce", "malformed", "torn"])
async def test_sr_g01_a_client_token_that_is_refused_tells_no_secret(quick: World, place: str) -> None:
    backend, other = quick.social.backend("loud"), "canary+token/of=another~app"
    id_token = signed(claims(iss="https://id.example", aud="a-sibling", email=EMAIL))
    good = signed(claims(iss="https://id.example", aud=CLIENT_ID, email=EMAIL, nonce="canary-sent-nonce"))
    quick.provider.secrets |= {other, CLIENT_TOKEN, id_token, good, "canary-sent-nonce", "canary-other-nonce"}
    quick.provider.profile_fault = place == "profile"
    work = {
        "look-up": backend.do_auth(other),
        "profile": backend.do_auth(CLIENT_TOKEN),
        "id_token": backend.do_auth(id_token=id_token),
        "nonce": backend.do_auth(id_token=good, nonce="canary-other-nonce"),
        "malformed": backend.do_auth(f"{other} {other}"),
        "torn": backend.do_auth(id_token=f"{good}x"),
    }

    error = await quick.refused(work.pop(place))
    for unused in work.values():
        unused.close()

    assert isinstance(error, TokenRefused | ProviderRefused)
    assert quick.leaks() == []


async def test_sr_g01_what_a_provider_repeats_of_the_request_is_blanked_and_the_rest_is_told(quick: World) -> None:
    quick.provider.profile_fault = True
    quick.provider.secrets.add(CLIENT_TOKEN)

    error = await quick.refused(quick.social.backend("loud").do_auth(CLIENT_TOKEN))

    assert isinstance(error, ProviderRefused)
    assert "Malformed token …" in error.description


@pytest.mark.parametrize("fault", ["torn", "away", "refused"])
async def test_sr_g01_an_error_of_a_provider_carries_neither_frames_nor_causes_of_the_conversation(
    quick: World, fault: str
) -> None:
    """Reporters that write the variables of each frame would find codes and tokens there."""
    await quick.link()
    [association] = await quick.social.associations("ada")
    quick.provider.fault = fault

    error = await quick.refused(association.refresh_token())

    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert (error.__cause__, error.__context__) == (None, None)
    assert not [name for name in frames if "protocols" in name or "httpx" in name]


def test_sr_g01_values_show_no_secret() -> None:
    secret = Secret(ACCESS)
    text = {"a": ACCESS}
    shown = [
        secret,
        message.Tokens(access_token=secret, refresh_token=secret, id_token=secret, answer=text, claims=text),
        message.Request(
            endpoint="token endpoint",
            method="POST",
            url=f"https://loud.example/{ACCESS}?token={ACCESS}",
            query=text,
            headers=text,
            form=text,
            json=text,
        ),
        message.Response(status=200, headers=text, body=ACCESS.encode(), received_at=0.0, sent=(secret,)),
        message.Callback(code=secret, kept=text),
        message.Challenge(redirect_uri=BASE, state=secret, nonce=secret, verifier=secret, scope=()),
    ]

    assert not [one for one in shown if "canary" in f"{one} {one!r}"]


# What comes from outside into a line.

UNFIT = set("\r\n\x1b\u2028\u202e\0\x85")
FORGED = "a\r\nERROR forged\x1b[31m\u2028b\u202ec\0d\x85e"


@pytest.mark.parametrize("place", ["callback", "code", "renewal"])
async def test_sr_g03_what_a_provider_says_stays_on_one_line(quick: World, place: str) -> None:
    said = {"error": FORGED, "error_description": FORGED * 100}
    if place == "renewal":
        await quick.link()
    if place != "callback":
        answer = httpx.Response(400, json=said)
        quick.provider.tokens = lambda sent: answer  # type: ignore[method-assign]  # another answer of the provider
    if place == "renewal":
        [association] = await quick.social.associations("ada")
        await quick.refused(association.refresh_token())
    else:
        completed = await quick.link(**(said | {"code": ""} if place == "callback" else {}))
        assert completed.status_code == 502

    lines = [text for text in quick.records.texts if "forged" in text]
    assert lines
    for text in lines:
        assert not UNFIT & set(text)


@pytest.mark.parametrize("place", ["backend", "next", "scope", "agent"])
async def test_sr_g03_what_a_visitor_says_stays_on_one_line(quick: World, place: str) -> None:
    name = quote(FORGED.replace("\0", "")) if place == "backend" else "loud"
    params = {"next": f"/{FORGED}"} if place == "next" else {"scope": FORGED} if place == "scope" else {}
    headers = {"user-agent": quote(FORGED)} if place == "agent" else {}

    answer = await quick.client.get(f"/associate/{name}/", params=params, headers=headers)

    assert answer.status_code == (404 if place == "backend" else 303)
    for _, value in answer.headers.raw:
        assert not set(b"\r\n\0") & set(value)
    ours = [text for text in quick.records.texts if "answered" in text]
    assert bool(ours) == (place == "backend")
    for text in ours:
        assert not UNFIT & set(text)


def test_sr_g03_text_from_outside_is_cut_and_cleaned() -> None:
    assert cleaned(FORGED) == "a??ERROR forged?[31m?b?c?d?e"
    assert len(cleaned("x" * 5000)) == 201
