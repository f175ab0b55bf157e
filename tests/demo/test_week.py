"""Your week: what the linked services tell, how long each token is good, and what is shown when one is not."""

from pathlib import Path

import pytest

from tests.demo.browsing import BASE, TUESDAY, a_browser, a_demo, linked, signed_in


async def test_a_service_that_is_not_linked_is_offered(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        page = await browser.open("/week")
        consent = await browser.press(page, "Link Daymark")
        after = await browser.press(consent, "Amina")

    assert [page.button(f"Link {title}").action for title in ("Footfall", "Daymark", "Tunewell")] == [
        f"{BASE}/associate/{name}/" for name in ("footfall", "daymark", "tunewell")
    ]
    assert (after.status, after.url) == (200, f"{BASE}/week")
    assert "Easy hour along the canal" in after.text


@pytest.mark.parametrize(
    ("service", "shown", "token"),
    [
        ("Footfall", "38.5 km", "Token good for 10 min"),
        ("Daymark", "Boathouse steps", "Token good for 1 h"),
        ("Tunewell", "Warm-down", "Token of unknown lifetime"),
    ],
)
async def test_what_a_service_tells_is_shown_with_the_end_of_its_token(
    tmp_path: Path, service: str, shown: str, token: str
) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        week = await linked(browser, service)

    assert shown in week.text
    assert token in week.text


async def test_each_of_two_accounts_is_asked_with_its_own_token(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser, account="Amina")
        week = await linked(browser, account="Harbour Runners")

    assert "38.5 km" in week.text
    assert "48.7 km" in week.text
    assert week.button("Renew Footfall, Harbour Runners")


async def test_the_token_counts_down_and_is_good_again_once_it_is_renewed(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser)
        demo.clock.advance(20)
        before = await browser.open("/week")
        after = await browser.press(before, "Renew Footfall")

    assert "Token good for 9 min 40 s" in before.text
    assert after.url == f"{BASE}/week"
    assert "Footfall is renewed. Token good for 10 min." in after.text
    assert demo.provider().count("/token") == 2


async def test_a_token_that_has_ended_is_renewed_by_looking_at_the_page(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser)
        demo.clock.advance(601)
        week = await browser.open("/week")

    assert "Token good for 10 min" in week.text
    assert "38.5 km" in week.text


async def test_access_that_is_taken_away_at_the_service_shows_and_ends_by_linking_again(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        week = await linked(browser)
        ended = await browser.press(week, "Take access away: Footfall")
        consent = await browser.press(ended, "Link again: Footfall")
        healed = await browser.press(consent, "Amina")

    assert "Link ended." in ended.text
    assert "No token that is good" in ended.text
    assert "38.5 km" not in ended.text
    assert healed.url == f"{BASE}/week"
    assert "38.5 km" in healed.text


async def test_a_renewal_that_is_refused_says_so_on_your_week(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        week = await linked(browser)
        demo.provider().revoke_all("amina")
        after = await browser.press(week, "Renew Footfall")

    assert (after.status, after.url) == (200, f"{BASE}/week")
    assert "Footfall is not renewed" in after.text
    assert "Link ended." in after.text


async def test_a_service_that_is_out_of_order_is_a_part_of_the_page(tmp_path: Path) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser, "Daymark")
        week = await linked(browser)
        demo.club.services["footfall"].breaks()
        broken = await browser.open("/week")
        after = await browser.press(week, "Renew Footfall")

    assert broken.status == 200
    assert "The service does not answer as it should." in broken.text
    assert "Boathouse steps" in broken.text  # the others still tell
    assert (after.status, after.url) == (200, f"{BASE}/week")
    assert "Footfall is not renewed" in after.text


@pytest.mark.parametrize("body", [(b"<html>", "text/html"), (b"[1]", "application/json")])
async def test_an_answer_with_nonsense_for_tokens_is_a_part_of_the_page(
    tmp_path: Path, body: tuple[bytes, str]
) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        await linked(browser)
        demo.clock.advance(601)
        demo.provider().faults.token_body = body
        week = await browser.open("/week")

    assert week.status == 200
    assert "The service does not answer as it should." in week.text


async def test_data_that_are_no_object_are_a_part_of_the_page(tmp_path: Path) -> None:
    async with a_demo(tmp_path, footfall_tells=["a run"]) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        week = await linked(browser)

    assert week.status == 200
    assert "The service does not answer as it should." in week.text


async def test_what_a_service_tells_is_shown_as_text(tmp_path: Path) -> None:
    run = {"started_at": TUESDAY, "title": "<script>alert(1)</script>", "distance_km": 1.5, "minutes": 9}
    async with a_demo(tmp_path, footfall_tells={"goal_km": 10, "runs": [run]}) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        week = await linked(browser)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in week.text
    assert "<script" not in week.text


@pytest.mark.parametrize("name", ["renew", "take-away"])
@pytest.mark.parametrize("whose", ["Bruno", "Amina"])
async def test_nothing_is_done_with_an_account_that_is_somebody_elses_or_nobodys(
    tmp_path: Path, name: str, whose: str
) -> None:
    async with a_demo(tmp_path) as demo, a_browser(demo.app) as browser:
        await signed_in(browser, "Amina")
        week = await linked(browser)
        button = week.button("Renew" if name == "renew" else "Take access away")
        if whose == "Bruno":
            await signed_in(browser, "Bruno")
        else:
            button.action = f"{BASE}/week/made-up/{name}"
        answer = await browser.press(week, button.text)

    assert answer.status == 404
    assert "None of your linked accounts has this id." in answer.text
    assert demo.provider().count("/token") == 1


async def test_a_real_service_appears_when_the_environment_names_it(tmp_path: Path) -> None:
    github = {"ASGI_SOCIAL_GITHUB_CLIENT_ID": "an-id", "ASGI_SOCIAL_GITHUB_CLIENT_SECRET": "a-secret"}
    async with a_demo(tmp_path, github) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        week = await browser.open("/week")

    assert week.button("Link GitHub").action == f"{BASE}/associate/github/"
    assert week.button("Link Footfall").action == f"{BASE}/associate/footfall/"


async def test_a_service_of_which_the_club_knows_no_page_says_so_and_is_renewed_all_the_same(tmp_path: Path) -> None:
    named = {
        "ASGI_SOCIAL_OIDC_CLIENT_ID": "harbour-runners",
        "ASGI_SOCIAL_OIDC_CLIENT_SECRET": "fake-secret",
        "ASGI_SOCIAL_OIDC_ISSUER": f"{BASE}/services/footfall",
    }
    async with a_demo(tmp_path, named) as demo, a_browser(demo.app) as browser:
        await signed_in(browser)
        consent = await browser.press(await browser.open("/week"), "Link OpenID Connect")
        week = await browser.press(consent, "Amina")
        renewed = await browser.press(week, "Renew OpenID Connect, Amina Diallo")

    assert "The club has no page for what this service knows." in week.text
    assert "OpenID Connect is renewed." in renewed.text
    assert "Take access away" not in week.text
