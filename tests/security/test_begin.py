"""/associate: who may begin a flow. Rows SR-B01, SR-B02 and SR-L01 of the security requirements."""

import httpx
import pytest

from asgi_social import Social
from asgi_social.flow import FLOW_SECONDS
from asgi_social.pages.visitor import form_token
from tests.app import BASE, app_of, browser, linked, query_of, settings
from tests.security.doors import ISSUER, Form, other, three_backends

HTML = {"accept": "text/html"}


def metadata(site: str | None, mode: str | None) -> dict[str, str]:
    """Give the Fetch Metadata of a request; httpx sends no header whose value is left out here."""
    named = {"sec-fetch-site": site, "sec-fetch-mode": mode}
    return {"accept": "text/html", **{name: value for name, value in named.items() if value is not None}}


def plain_client(social: Social, *, user: str | None = "ada", base: str = BASE) -> httpx.AsyncClient:
    """Give a client that adds nothing a browser would."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app_of(social)),
        base_url=base,
        headers={"x-user": user} if user else {},
    )


# --- SR-B01: a GET ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", three_backends())
@pytest.mark.parametrize(
    ("site", "mode"),
    [
        pytest.param("cross-site", "navigate", id="link-elsewhere"),
        pytest.param("same-site", "navigate", id="sibling-host"),
        pytest.param("none", "navigate", id="typed"),
        pytest.param(None, None, id="no-metadata"),
        pytest.param("same-origin", "no-cors", id="image-tag"),
        pytest.param("same-origin", "cors", id="fetch"),
        pytest.param("same-origin", None, id="no-mode"),
    ],
)
async def test_sr_b01_a_get_that_is_no_navigation_of_our_own_only_asks(
    name: str, site: str | None, mode: str | None
) -> None:
    async with Social(**settings(backends=three_backends())) as social, plain_client(social) as client:
        answer = await client.get(f"/associate/{name}/", headers=metadata(site, mode))

    assert answer.status_code == 200
    assert Form(answer.text).method == "post"
    assert not {"set-cookie", "location"} & set(answer.headers)


@pytest.mark.parametrize("name", three_backends())
async def test_sr_b01_a_navigation_from_our_own_page_begins(name: str) -> None:
    async with Social(**settings(backends=three_backends())) as social, plain_client(social) as client:
        answer = await client.get(f"/associate/{name}/", headers=metadata("same-origin", "navigate"))

    assert answer.status_code == 303
    assert "set-cookie" in answer.headers


async def test_sr_b01_a_header_that_comes_twice_vouches_for_nothing() -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        twice = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]

        answer = await client.get("/associate/github/", headers=twice)

    assert answer.status_code == 200


async def test_sr_b01_head_does_nothing() -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        answer = await client.head("/associate/github/", headers=metadata("same-origin", "navigate"))

    assert answer.status_code == 200
    assert not {"set-cookie", "location"} & set(answer.headers)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_sr_b01_another_method_is_405(method: str) -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        answer = await client.request(method, "/associate/github/", headers=metadata("same-origin", "navigate"))

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


# --- SR-B02: a POST --------------------------------------------------------------------------------------------------


def tokens(social: Social) -> dict[str, str | None]:
    """Give form tokens by what is wrong with them."""
    keys, now = social.engine.keys, social.engine.clock.now()

    def made(user_id: str = "ada", action: str = "associate/github", at: float = now) -> str:
        return form_token(keys, user_id=user_id, action=action, now=at)

    return {
        "none": None,
        "right": made(),
        "ten minutes": made(at=now - FLOW_SECONDS),
        "too old": made(at=now - FLOW_SECONDS - 1),
        "other user": made(user_id="bob"),
        "other backend": made(action="associate/other"),
        "for unlinking": made(action="disconnect/github/"),
        "other purpose": keys.sign(["ada", "associate/github", now + 60], purpose="else"),
        "longer": keys.sign(["ada", "associate/github", now + 60, "more"], purpose="form"),
        "no numbers": keys.sign(["ada", "associate/github", "never"], purpose="form"),
        "no user": keys.sign([1.0, "associate/github", now + 60], purpose="form"),
        "garbage": "x" * 40,
        "empty": "",
        "of a stranger": "InYi.sig",
    }


@pytest.mark.parametrize(
    ("site", "origin", "token", "begins"),
    [
        # Sec-Fetch-Site alone counts where it is there, whatever else is said.
        ("same-origin", None, "none", True),
        ("same-origin", "https://evil.example", "none", True),
        ("same-origin", "null", "garbage", True),
        ("cross-site", BASE, "right", False),
        ("same-site", BASE, "right", False),
        ("none", BASE, "right", False),
        ("", BASE, "right", False),
        ("Same-Origin", BASE, "right", False),
        # Without it, the Origin is ours exactly …
        (None, BASE, "none", True),
        (None, "https://evil.example", "none", False),
        (None, "null", "none", False),
        (None, "http://app.example", "none", False),
        (None, "https://app.example:443", "none", False),
        (None, "https://app.example:8443", "none", False),
        (None, "https://app.example/", "none", False),
        (None, "https://APP.example", "none", False),
        (None, "https://app.example.evil.example", "none", False),
        (None, "https://sub.app.example", "none", False),
        (None, None, "none", False),
        # … or the token of our page is right.
        (None, None, "right", True),
        (None, "null", "right", True),
        (None, None, "ten minutes", True),
        (None, None, "too old", False),
        (None, None, "other user", False),
        (None, None, "other backend", False),
        (None, None, "for unlinking", False),
        (None, None, "other purpose", False),
        (None, None, "longer", False),
        (None, None, "no numbers", False),
        (None, None, "no user", False),
        (None, None, "garbage", False),
        (None, None, "empty", False),
        (None, None, "of a stranger", False),
        (None, "https://evil.example", "garbage", False),
    ],
)
async def test_sr_b02_a_post_begins_only_from_a_page_of_ours(
    site: str | None, origin: str | None, token: str, begins: bool
) -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        value = tokens(social)[token]
        headers = metadata(site, None) | ({} if origin is None else {"origin": origin})

        answer = await client.post(
            "/associate/github/", data={} if value is None else {"form_token": value}, headers=headers
        )

    assert answer.status_code == (303 if begins else 403)
    assert ("set-cookie" in answer.headers) == ("location" in answer.headers) == begins
    if not begins:
        assert Form(answer.text).method == "post"


async def test_sr_b02_a_token_that_is_no_utf_8_is_not_right() -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        headers = {"content-type": "application/x-www-form-urlencoded"}

        answer = await client.post("/associate/github/", content=b"form_token=%ED%A0%80", headers=headers)

    assert answer.status_code == 403


async def test_sr_b02_an_origin_that_comes_twice_is_not_ours() -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        answer = await client.post("/associate/github/", headers=[("origin", BASE), ("origin", "https://evil.example")])

    assert answer.status_code == 403


async def test_sr_b02_the_origin_of_an_address_with_path_and_port_is_compared_as_browsers_write_it() -> None:
    async with (
        Social(**settings(base_url="https://App.example:8443/api")) as social,
        plain_client(social) as client,
    ):
        ours = await client.post("/associate/github/", headers={"origin": "https://app.example:8443"})
        without_port = await client.post("/associate/github/", headers={"origin": "https://app.example"})

    assert (ours.status_code, without_port.status_code) == (303, 403)


async def test_sr_b02_a_default_port_and_an_ipv6_host_are_compared_as_browsers_write_them() -> None:
    async with Social(**settings(base_url="https://app.example:443")) as social, plain_client(social) as client:
        default = await client.post("/associate/github/", headers={"origin": "https://app.example"})
    async with Social(**settings(base_url="http://[::1]:8000")) as social, plain_client(social) as client:
        ipv6 = await client.post("/associate/github/", headers={"origin": "http://[::1]:8000"})

    assert (default.status_code, ipv6.status_code) == (303, 303)


async def test_the_form_of_the_asking_page_works_without_fetch_metadata_and_keeps_next_and_scope() -> None:
    backends = {"github": {"client_id": "a", "client_secret": "b", "further_scope": ["repo"]}}
    async with Social(**settings(backends=backends)) as social, plain_client(social) as client:
        asked = await client.get("/associate/github/?next=/settings%3Ftab%3D1&scope=repo", headers=HTML)
        form = Form(asked.text)

        begun = await client.post("/associate/github/", data=form.fields)
        state = query_of(begun.headers["location"])["state"]
        completed = await client.get("/complete/github/", params={"code": "a-code", "state": state})

    assert (form.fields["next"], form.fields["scope"]) == ("/settings?tab=1", "repo")
    assert begun.status_code == 303
    assert query_of(begun.headers["location"])["scope"] == "repo"
    assert completed.headers["location"] == "/settings?tab=1"


async def test_the_asking_page_hands_on_no_next_that_leads_elsewhere() -> None:
    async with Social(**settings()) as social, plain_client(social) as client:
        asked = await client.get("/associate/github/", params={"next": "//evil.example"}, headers=HTML)

    assert Form(asked.text).fields["next"] == "/associate/"
    assert "evil" not in asked.text


# --- SR-L01, and what else cannot begin ------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_sr_l01_nobody_signed_in_begins_nothing(method: str) -> None:
    async with Social(**settings()) as social, browser(app_of(social), user=None) as client:
        answer = await client.request(method, "/associate/github/", headers={"accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert not {"set-cookie", "location"} & set(answer.headers)


@pytest.mark.parametrize(
    ("sign_in_url", "method", "path", "location"),
    [
        ("/sign-in", "GET", "/associate/github/?next=/a", "/sign-in?next=/associate/github/%3Fnext%3D/a"),
        ("/sign-in?by=mail", "GET", "/associate/github/", "/sign-in?by=mail&next=/associate/github/"),
        ("/sign-in", "POST", "/associate/github/?next=/a", "/sign-in?next=/associate/github/"),
        ("/sign-in", "GET", "/associate/", "/sign-in?next=/associate/"),
        ("/sign-in", "GET", "/disconnect/github/", "/sign-in?next=/disconnect/github/"),
    ],
)
async def test_a_person_who_is_not_signed_in_is_sent_to_sign_in_and_back(
    sign_in_url: str, method: str, path: str, location: str
) -> None:
    async with (
        Social(**settings(sign_in_url=sign_in_url)) as social,
        browser(app_of(social), user=None) as client,
    ):
        answer = await client.request(method, path)
        program = await client.request(method, path, headers={"accept": "application/json"})

    assert (answer.status_code, answer.headers["location"]) == (303, location)
    assert program.status_code == 401


async def test_an_unknown_backend_is_404_and_one_that_takes_no_redirect_says_so_to_its_makers() -> None:
    table = {**other()["provider"], "flows": ["token"]}
    backends = {"phone": {**other(), "provider": table}}
    async with Social(**settings(backends=backends)) as social, browser(app_of(social)) as client:
        unknown = await client.get("/associate/nobody/")
        phone = await client.get("/associate/phone/")

    assert (unknown.status_code, phone.status_code) == (404, 500)
    assert "set-cookie" not in phone.headers


async def test_a_provider_whose_metadata_cannot_be_had_is_503_with_a_time_to_come_back() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no way", request=request)

    backends = {"corp": {"provider": "oidc", "issuer": ISSUER, "client_id": "a", "client_secret": "b"}}
    async with Social(**settings(silent, backends=backends)) as social, browser(app_of(social)) as client:
        answer = await client.get("/associate/corp/")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "set-cookie" not in answer.headers


async def test_the_page_of_accounts_shows_what_is_linked_and_what_can_be() -> None:
    async with (
        Social(**settings(backends=three_backends())) as social,
        browser(app_of(social)) as client,
        browser(app_of(social), user="bob") as stranger,
    ):
        empty = await client.get("/associate/")
        await linked(client)

        page = await client.get("/associate/")
        [association] = await social.associations("ada")
        of_another = await stranger.get("/associate/")

    assert "No account is linked yet" in empty.text
    assert "octocat" in page.text
    assert f'action="/disconnect/github/{association.id}/"' in page.text
    assert 'action="/associate/posting/"' in page.text
    assert "octocat" not in of_another.text
