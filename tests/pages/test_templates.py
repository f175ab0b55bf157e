"""An app's own templates: the whole page, a block of one, or the colours."""

from pathlib import Path

import pytest

from asgi_social import SettingsError, Social, SocialMiddleware
from tests.app import app_of, browser, linked, settings


def folder(place: Path, **files: str) -> Path:
    """Make a folder of templates; ``base_html`` is the file ``base.html``."""
    for name, text in files.items():
        (place / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return place


async def test_a_page_is_replaced_whole(tmp_path: Path) -> None:
    own = folder(tmp_path, accounts_html="{% for one in linked %}{{ one.title }}: {{ one.label }}{% endfor %}")
    async with Social(**settings(templates=own)) as social, browser(app_of(social)) as client:
        await linked(client)

        page = await client.get("/associate/")

    assert page.text == "GitHub: octocat"


async def test_a_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    own = folder(
        tmp_path,
        accounts_html='{% extends "asgi_social/accounts.html" %}{% block linkable %}That is all.{% endblock %}',
    )
    async with Social(**settings(templates=own)) as social, browser(app_of(social)) as client:
        page = await client.get("/associate/")

    assert "No account is linked yet" in page.text
    assert "That is all." in page.text
    assert "/associate/github/" not in page.text


async def test_the_frame_of_the_app_is_around_every_page(tmp_path: Path) -> None:
    frame = '{% extends "asgi_social/base.html" %}{% block header %}{% include "menu.html" %}{% endblock %}'
    own = folder(tmp_path, base_html=frame, menu_html="<nav>The menu</nav>")
    async with Social(**settings(templates=str(own))) as social, browser(app_of(social)) as client:
        pages = [
            await client.get("/associate/"),
            await client.get("/disconnect/github/"),
            await client.get("/complete/github/"),
            await client.post("/associate/"),
        ]

    assert [page.status_code for page in pages] == [200, 200, 400, 405]
    assert [page.text.count("<nav>The menu</nav>") for page in pages] == [1, 1, 1, 1]


async def test_colours_stand_behind_ours(tmp_path: Path) -> None:
    own = folder(tmp_path, colors_css=":root { --social-accent: #b00; }")
    async with Social(**settings(templates=own)) as social, browser(app_of(social)) as client:
        style = await client.get("/associate/social.css")

    assert style.text.startswith(":root {")
    assert style.text.endswith(":root { --social-accent: #b00; }")


async def test_without_a_file_for_it_the_colours_are_ours(tmp_path: Path) -> None:
    async with Social(**settings(templates=tmp_path)) as social, browser(app_of(social)) as client:
        own = await client.get("/associate/social.css")
    async with Social(**settings()) as social, browser(app_of(social)) as client:
        ours = await client.get("/associate/social.css")

    assert own.text == ours.text


@pytest.mark.parametrize("value", ["no-such-folder", __file__, 7])
def test_what_is_no_folder_is_an_error_when_the_app_is_made(value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        Social(**settings(templates=value))

    assert caught.value.setting == "templates"


@pytest.mark.parametrize(
    ("files", "named"),
    [
        pytest.param({"accounts_html": "{% if %}"}, "accounts.html", id="syntax"),
        pytest.param({"error_html": '{% extends "nowhere.html" %}'}, "nowhere.html", id="missing"),
        pytest.param({"base_html": '{% include "menu.html" %}', "menu_html": "{{"}, "menu.html", id="included"),
    ],
)
async def test_a_template_that_cannot_be_read_is_an_error_when_the_app_starts(
    tmp_path: Path, files: dict[str, str], named: str
) -> None:
    app = SocialMiddleware(app_of(Social(**settings())), Social(**settings(templates=folder(tmp_path, **files))))
    said: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        said.append(f"{message['type']} {message.get('message', '')}")

    await app({"type": "lifespan"}, receive, send)

    assert said[0].startswith("lifespan.startup.failed")
    assert named in said[0]


async def test_a_template_chosen_while_rendering_is_left_to_that_moment(tmp_path: Path) -> None:
    own = folder(tmp_path, accounts_html='{% include ["own-" ~ linked | length ~ ".html", "asgi_social/ask.html"] %}')
    (tmp_path / "own-0.html").write_text("none so far", encoding="utf-8")
    async with Social(**settings(templates=own)) as social, browser(app_of(social)) as client:
        page = await client.get("/associate/")

    assert page.text == "none so far"
