"""The demo as ``scripts/demo`` serves it: set by the environment, and asking itself over sockets."""

from pathlib import Path

import httpx
import pytest

from demo_app.app import demo
from tests.demo.browsing import Browser, linked, signed_in
from tests.served import listener, serving, url_of


async def test_an_account_is_linked_shown_renewed_and_told_to_the_phone_over_real_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listener() as bound:
        monkeypatch.setenv("PORT", str(bound.getsockname()[1]))
        monkeypatch.setenv("DEMO_FOLDER", str(tmp_path))
        async with (
            serving(demo(), bound),
            httpx.AsyncClient(base_url=url_of(bound), follow_redirects=True, trust_env=False) as http,
        ):
            browser = Browser(http)
            await signed_in(browser)
            week = await linked(browser)
            renewed = await browser.press(week, "Renew Footfall")
            phone = await browser.press(await browser.open("/phone"), "Continue as Amina Diallo")

    assert "in seven days" in week.text
    assert "Footfall is renewed." in renewed.text
    assert "Welcome, Amina" in phone.text
    assert (tmp_path / "demo.db").exists()
