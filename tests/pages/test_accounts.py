"""The page of linked accounts: what it shows of each, what can be done with each, and the same facts as JSON."""

import re
from typing import Any

import httpx
import pytest

from asgi_social import Social
from asgi_social.account import Account, Uid
from asgi_social.errors import ReauthReason
from asgi_social.storage.repository import StoredAssociation
from asgi_social.testing.clock import START
from asgi_social.vault import with_account
from tests.app import BASE, app_of, browser, linked, settings
from tests.security.doors import JSON, other, three_backends


async def stored(social: Social, number: int = 1, **more: Any) -> str:
    """Store an account of Ada's, and give its association's id."""
    names = {name: more.pop(name) for name in ("username", "fullname", "email", "picture") if name in more}
    uid = Uid(f"uid-{number}")
    row = StoredAssociation(
        **{
            "id": f"association-{number}",
            "user_id": "ada",
            "backend": "github",
            "authority": "",
            "uid": uid,
            "account": "",
            "client_id": "an-id",
            "access_token": "",
            "issued_at": START,
            "since": START,
            "created_at": START + number,
            **more,
        }
    )
    row = with_account(row, Account(uid=uid, **names), keys=social.engine.keys)
    assert await social.engine.repository.add(row)
    return row.id


async def test_an_account_is_shown_with_its_names_its_day_what_was_granted_and_how_it_stands() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)

        page = await client.get("/associate/")

    text = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())
    assert "The Octocat GitHub · octocat ✓ Working Linked since 15 Jan 2027 Granted read:user" in text


async def test_the_same_facts_come_as_json() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await linked(client)
        [association] = await social.associations("ada")

        facts = (await client.get("/associate/", headers=JSON)).json()

    assert facts == {
        "linked": [
            {
                "id": association.id,
                "backend": "github",
                "title": "GitHub",
                "uid": "583231",
                "label": "octocat",
                "username": "octocat",
                "fullname": "The Octocat",
                "email": "octocat@github.example",
                "picture": None,
                "created_at": START,
                "scope": ["read:user"],
                "expires_at": None,
                "status": "active",
                "reason": None,
                "since": START,
                "unlink": f"/disconnect/github/{association.id}/",
                "link_again": "/associate/github/",
            }
        ],
        "backends": [
            {
                "name": "github",
                "title": "GitHub",
                "link": "/associate/github/",
                "linked": 1,
                "unlink_all": "/disconnect/github/",
            }
        ],
    }


async def test_who_is_not_signed_in_gets_no_facts() -> None:
    async with Social(**settings()) as social, browser(app_of(social), user=None) as client:
        answer = await client.get("/associate/", headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


REASONS: list[tuple[ReauthReason, str]] = [
    ("revoked", "The service has ended it"),
    ("answer_lost", "A renewal was broken off"),
    ("suspect", "The service answered for another account"),
    ("unreadable", "What was stored cannot be opened"),
]


@pytest.mark.parametrize(("reason", "told"), REASONS)
async def test_a_link_that_has_ended_says_why_and_since_when_and_offers_the_way_back(
    reason: ReauthReason, told: str
) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await stored(social, username="octocat", status="needs_reauth", reason=reason)

        page = await client.get("/associate/")

    assert "Needs to be linked again" in page.text
    assert f'{told}, on <time datetime="2027-01-15">15 Jan 2027</time>' in page.text
    assert (
        'action="/associate/github/"><button class="main" aria-label="Link again: GitHub account octocat"' in page.text
    )


async def test_an_account_of_a_backend_that_is_no_longer_set_up_is_shown_without_buttons() -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await stored(social, backend="gone", username="octocat", status="needs_reauth", reason="revoked")

        page = await client.get("/associate/")

    assert "octocat" in page.text
    assert "Link again" not in page.text
    assert "/disconnect/" not in page.text


async def test_a_backend_without_a_redirect_is_not_offered() -> None:
    phone = other("phone")
    phone["provider"]["flows"] = ["token"]
    async with Social(**settings(backends={"phone": phone})) as social, browser(app_of(social)) as client:
        await stored(social, backend="phone", username="octocat", status="needs_reauth", reason="revoked")

        page = await client.get("/associate/")
        facts = (await client.get("/associate/", headers=JSON)).json()

    assert "/associate/phone/" not in page.text
    assert 'action="/disconnect/phone/association-1/"' in page.text
    assert facts["backends"] == []


async def test_sixty_accounts_are_all_there_each_with_a_button_of_its_own_and_one_way_to_unlink_all() -> None:
    async with Social(**settings(backends=three_backends())) as social, browser(app_of(social)) as client:
        for number in range(60):
            await stored(social, number, username=f"octocat-{number}")

        page = await client.get("/associate/")

    buttons = re.findall(r'aria-label="(Unlink GitHub account octocat-\d+)"', page.text)
    assert (len(buttons), len(set(buttons))) == (60, 60)
    assert '<a href="/disconnect/github/">Unlink all 60 GitHub accounts</a>' in page.text
    assert "Unlink all 0" not in page.text


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        pytest.param({"fullname": "ليلى الفارسي"}, "<bdi>ليلى الفارسي</bdi>", id="arabic"),
        pytest.param({"fullname": "N" * 300}, f"<bdi>{'N' * 79}…</bdi>", id="long"),
        pytest.param({"username": "u" * 300}, f"<bdi>{'u' * 80}…</bdi>", id="long-username"),
        pytest.param({"email": "a@b.example"}, "<bdi>a@b.example</bdi>", id="address-alone"),
        pytest.param({}, "<bdi>uid-1</bdi>", id="nothing"),
        pytest.param({"fullname": "<b>Ada</b>"}, "<bdi>&lt;b&gt;Ada&lt;/b&gt;</bdi>", id="markup"),
    ],
)
async def test_whatever_a_person_is_called_the_page_stays_whole(names: dict[str, Any], shown: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        await stored(social, **names)

        page = await client.get("/associate/")

    assert page.status_code == 200
    assert f"<h2>{shown}</h2>" in page.text


@pytest.mark.parametrize("picture", ["javascript:alert(1)", "http://a.example/p.png", "data:image/png;base64,AA"])
async def test_an_address_that_is_no_picture_is_never_on_the_page(picture: str) -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        answers = {"/token": {"access_token": "a-token", "token_type": "Bearer"}, "/me": {"id": "1", "face": picture}}
        return httpx.Response(200, json=answers[request.url.path])

    backend = other()
    backend["provider"]["account"] = {"picture": "face"}
    async with (
        Social(**settings(answering, backends={"other": backend})) as social,
        browser(app_of(social)) as client,
    ):
        await linked(client, "other")

        page = await client.get("/associate/")

    assert "<img" not in page.text
    assert picture not in page.text


async def test_the_page_asks_for_nothing_elsewhere_and_needs_no_script() -> None:
    async with Social(**settings(backends=three_backends())) as social, browser(app_of(social)) as client:
        await stored(social, picture="https://avatars.example/1.png")

        page = await client.get("/associate/")

    addresses = re.findall(r'(?:src|href|action)="([^"]*)"', page.text)
    assert [one for one in addresses if not one.startswith("/")] == []
    assert "script" not in page.text
    assert "img-src 'self'" in page.headers["content-security-policy"]


async def test_below_a_mount_every_address_is_below_it() -> None:
    settings_of_mount = settings(base_url=f"{BASE}/api", prefix="/social")
    async with Social(**settings_of_mount) as social, browser(app_of(social)) as client:
        await stored(social, picture="https://avatars.example/1.png")

        page = await client.get("/social/associate/")

    assert set(re.findall(r'(?:src|href|action)="([^"]*)"', page.text)) == {
        "/api/",
        "/api/social/associate/social.css",
        "/api/social/associate/picture/association-1/",
        "/api/social/disconnect/github/association-1/",
        "/api/social/associate/github/",
    }
