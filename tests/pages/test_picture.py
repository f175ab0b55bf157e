"""Pictures of accounts come by way of the app: a visitor's browser asks no third party."""

import socket

import httpx
import pytest

from asgi_social import Social
from asgi_social.background import Background
from asgi_social.errors import ProviderBroken
from asgi_social.protocols.message import Response
from asgi_social.protocols.picture import MAX_PICTURE_BYTES, fetch_picture
from asgi_social.testing import ManualClock
from asgi_social.transport import Transport
from tests.app import app_of, browser, settings
from tests.pages.test_accounts import stored
from tests.protocols.played import play

PNG = b"\x89PNG\r\n\x1a\n and more"
ADDRESS = "https://avatars.example/1.png"


def answer(body: bytes = PNG, status: int = 200, **headers: str) -> Response:
    return Response(status=status, headers=headers, body=body, received_at=0.0)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(PNG, "image/png", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0", "image/jpeg", id="jpeg"),
        pytest.param(b"GIF89a", "image/gif", id="gif"),
        pytest.param(b"RIFF\x00\x00\x00\x00WEBP", "image/webp", id="webp"),
    ],
)
def test_what_a_picture_is_follows_from_its_bytes(body: bytes, kind: str) -> None:
    assert play(fetch_picture(ADDRESS), answer(body)).result == (kind, body)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(answer(b"<svg onload='alert(1)'/>"), id="svg"),
        pytest.param(answer(b"<html>"), id="html"),
        pytest.param(answer(b""), id="empty"),
        pytest.param(answer(PNG, 404), id="not-found"),
        pytest.param(answer(b"RIFF\x00\x00\x00\x00WAVE"), id="sound"),
    ],
)
def test_what_is_no_picture_is_none(given: Response) -> None:
    assert play(fetch_picture(ADDRESS), given).result is None


def test_nothing_of_the_person_is_sent_along() -> None:
    [asked] = play(fetch_picture(ADDRESS), answer()).asked

    assert (asked.url, asked.public, asked.max_bytes) == (ADDRESS, True, MAX_PICTURE_BYTES)
    assert set(asked.headers) == {"accept"}


def test_it_may_lie_elsewhere_by_now() -> None:
    moved = answer(b"", 302, location="/2.png")

    played = play(fetch_picture(ADDRESS), moved, answer())

    assert [one.url for one in played.asked] == [ADDRESS, "https://avatars.example/2.png"]
    assert played.result == ("image/png", PNG)


def test_it_is_not_followed_without_end() -> None:
    moved = answer(b"", 302, location=ADDRESS)

    assert play(fetch_picture(ADDRESS), moved, moved, moved).result is None


def picture_host(request: httpx.Request) -> httpx.Response:
    answers = {
        "/1.png": httpx.Response(200, content=PNG),
        "/2.gif": httpx.Response(200, content=b"GIF89a"),
        "/down.png": httpx.Response(503),
    }
    return answers.get(request.url.path, httpx.Response(302, headers={"location": "http://127.0.0.1/inside"}))


async def test_a_person_gets_the_picture_of_an_account_of_their_own() -> None:
    async with Social(**settings(picture_host)) as social, browser(app_of(social)) as client:
        await stored(social, picture=ADDRESS)

        page = await client.get("/associate/")
        got = await client.get("/associate/picture/association-1/")

    assert '<img src="/associate/picture/association-1/" alt=""' in page.text
    assert (got.status_code, got.headers["content-type"], got.content) == (200, "image/png", PNG)
    assert got.headers["cache-control"] == "private, max-age=86400"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"


async def test_each_account_has_its_own_picture() -> None:
    async with Social(**settings(picture_host)) as social, browser(app_of(social)) as client:
        await stored(social, 1, picture=ADDRESS)
        await stored(social, 2, picture="https://avatars.example/2.gif")

        got = [await client.get(f"/associate/picture/association-{number}/") for number in (1, 2)]

    assert [one.headers["content-type"] for one in got] == ["image/png", "image/gif"]


@pytest.mark.parametrize(
    ("user", "picture"),
    [
        pytest.param("bob", ADDRESS, id="another-persons"),
        pytest.param("ada", None, id="none"),
        pytest.param("ada", "https://avatars.example/down.png", id="not-there"),
        pytest.param("ada", "https://avatars.example/moved-inside.png", id="redirect-to-our-own-machine"),
    ],
)
async def test_what_is_not_theirs_or_cannot_be_had_is_not_found(user: str, picture: str | None) -> None:
    async with Social(**settings(picture_host)) as social, browser(app_of(social), user=user) as client:
        await stored(social, picture=picture)

        got = await client.get("/associate/picture/association-1/")

    assert (got.status_code, PNG in got.content) == (404, False)


async def test_who_is_not_signed_in_gets_no_picture() -> None:
    async with Social(**settings(picture_host)) as social, browser(app_of(social), user=None) as client:
        await stored(social, picture=ADDRESS)

        got = await client.get("/associate/picture/association-1/")

    assert got.status_code == 401


INSIDE = ["127.0.0.1", "10.0.0.7", "169.254.169.254", "[::1]", "[fe80::1%25lo]", "[fd00::1]", "224.0.0.1", "localhost"]


async def asked_for(url: str) -> None:
    """Ask for a picture with a client that is not the app's own."""
    transport = Transport(clock=ManualClock(), share=Background().share, development=False)
    transport.open()
    try:
        await transport.play(fetch_picture(url), backend="github")
    finally:
        await transport.close()


@pytest.mark.parametrize("host", INSIDE)
async def test_a_picture_inside_our_own_network_is_not_asked_for(host: str) -> None:
    with pytest.raises(ProviderBroken, match="public internet"):
        await asked_for(f"https://{host}/1.png")


@pytest.mark.parametrize("failure", [socket.gaierror("no such name"), UnicodeError("label too long")])
async def test_a_host_that_has_no_address_is_not_asked(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_address(*given: object, **options: object) -> None:
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", no_address)

    with pytest.raises(ProviderBroken, match="public internet"):
        await asked_for("https://nowhere.example/1.png")
