"""The client of an association: it sends the token, renews it once at a 401, and repeats."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from asgi_social import Association, NeedsReauth, SettingsError, UnknownBackend
from tests.renewing import Acme, again, at

HERE = "https://api.example"


async def test_a_client_sends_the_token_and_gives_the_answer() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get(f"{HERE}/me")

    assert (answered.status_code, answered.json()) == (200, {"you": "ada"})
    assert api.tokens == ["access-0"]


async def test_a_client_renews_once_at_a_401_and_repeats_with_the_body() -> None:
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        answered = await client.post(f"{HERE}/me", json={"a": 1})

    assert answered.status_code == 200
    assert api.tokens == ["access-0", "access-1"]
    assert api.bodies == [b'{"a":1}', b'{"a":1}']
    assert len(api.acme.renewals) == 1


async def test_a_client_gives_the_second_401_as_it_is() -> None:
    api = Api(good="another")
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get(f"{HERE}/me")

    assert answered.status_code == 401
    assert len(api.acme.renewals) == 1


async def test_a_client_goes_on_with_the_renewed_token() -> None:
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        await client.get(f"{HERE}/me")
        await client.get(f"{HERE}/me")

    assert api.tokens == ["access-0", "access-1", "access-1"]


async def test_a_client_whose_token_has_ended_renews_before_it_sends() -> None:
    api = Api(good="access-1")
    async with linked_with(api, age=3600) as association, association.client() as client:
        await client.get(f"{HERE}/me")

    assert api.tokens == ["access-1"]


async def test_a_401_for_a_token_that_another_request_had_renewed_renews_no_second_time() -> None:
    api = Api(good="access-1")
    api.late.clear()
    async with linked_with(api) as association, association.client() as client:
        slow = asyncio.create_task(client.get(f"{HERE}/slow"))
        await api.slow_arrived.wait()
        quick = await client.get(f"{HERE}/me")
        api.late.set()

        answered = await slow

    assert (quick.status_code, answered.status_code) == (200, 200)
    assert len(api.acme.renewals) == 1


async def test_fifty_requests_at_once_renew_once() -> None:
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        answers = await asyncio.gather(*(client.get(f"{HERE}/me") for _ in range(50)))

    assert {one.status_code for one in answers} == {200}
    assert len(api.acme.renewals) == 1


@pytest.mark.parametrize("kind", ["a generator", "a file"])
async def test_a_body_that_is_made_as_it_is_sent_is_not_sent_again(kind: str, tmp_path: Path) -> None:
    api = Api(good="access-1")
    file = tmp_path / "body"
    file.write_bytes(b"once")

    async def generated() -> AsyncIterator[bytes]:
        yield b"once"

    async with linked_with(api) as association, association.client() as client:
        with file.open("rb") as opened:
            body: Any = {"content": generated()} if kind == "a generator" else {"files": {"file": opened}}
            answered = await client.post(f"{HERE}/me", **body)

    assert answered.status_code == 401
    assert [b"once" in one for one in api.bodies] == [True]


async def test_a_request_after_one_that_could_not_be_repeated_has_the_new_token() -> None:
    api = Api(good="access-1")

    async def body() -> AsyncIterator[bytes]:
        yield b"once"

    async with linked_with(api) as association, association.client() as client:
        await client.post(f"{HERE}/me", content=body())
        answered = await client.post(f"{HERE}/me", content=body())

    assert answered.status_code == 200
    assert api.tokens == ["access-0", "access-1"]
    assert len(api.acme.renewals) == 1


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_any_method_is_repeated_for_what_got_a_401_was_not_acted_on(method: str) -> None:
    """RFC 9110 section 15.5.2."""
    api = Api(good="access-1")
    async with linked_with(api) as association, association.client() as client:
        answered = await client.request(method, f"{HERE}/me")

    assert answered.status_code == 200
    assert api.tokens == ["access-0", "access-1"]


@pytest.mark.parametrize(
    ("status", "challenge", "renewals"),
    [
        pytest.param(401, "", 1, id="a 401 that says no more"),
        pytest.param(401, 'Bearer realm="a", error="invalid_token", error_description="ended"', 1, id="an ended token"),
        pytest.param(401, 'Bearer error="insufficient_scope", scope="b"', 0, id="too little scope, as a 401"),
        pytest.param(401, "Basic, bearer ERROR = insufficient_scope", 0, id="too little scope, written otherwise"),
        pytest.param(403, 'Bearer error="insufficient_scope"', 0, id="too little scope"),
        pytest.param(403, 'Bearer error="invalid_token"', 0, id="another status"),
    ],
)
async def test_only_a_401_that_a_newer_token_can_mend_is_a_reason_to_renew(
    status: int, challenge: str, renewals: int
) -> None:
    api = Api(good="access-1", refusal=httpx.Response(status, headers={"www-authenticate": challenge}))
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get(f"{HERE}/me")

    assert answered.status_code == (200 if renewals else status)
    assert len(api.acme.renewals) == renewals


async def test_a_token_of_unknown_lifetime_is_renewed_at_a_401_only() -> None:
    api = Api()
    api.acme.first["expires_in"] = None
    async with linked_with(api, age=10 * 365 * 86400) as association, association.client() as client:
        before = await client.get(f"{HERE}/me")
        renewals = len(api.acme.renewals)
        api.good = "access-1"

        after = await client.get(f"{HERE}/me")

    assert (before.status_code, renewals) == (200, 0)
    assert (after.status_code, api.tokens) == (200, ["access-0", "access-0", "access-1"])


async def test_a_client_follows_no_redirect_by_itself() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get(f"{HERE}/to?https://api.example/me")

    assert answered.status_code == 302
    assert api.asked == ["api.example"]


@pytest.mark.parametrize(
    ("url", "with_token"),
    [
        pytest.param("https://api.example/me", True, id="the same host"),
        pytest.param("/me", True, id="a path"),
        pytest.param("https://API.EXAMPLE:443/me", True, id="the same host, written otherwise"),
        pytest.param("https://evil.example/me", False, id="another host"),
        pytest.param("//evil.example/me", False, id="another host with the same scheme"),
        pytest.param("https://api.example.evil.example/me", False, id="a host that begins alike"),
        pytest.param("https://api.example:8443/me", False, id="another port"),
        pytest.param("http://api.example/me", False, id="no https"),
        pytest.param("http://api.example:443/me", False, id="no https, and the same port"),
        pytest.param("https://api.example./me", False, id="a dot behind"),
        pytest.param("https://api.example@evil.example/me", False, id="the host as user info"),
        pytest.param("https://api.example%2f@evil.example/me", False, id="the host as user info, with a slash"),
        pytest.param("https://api.example\\@evil.example/me", False, id="a backslash before an at sign"),
        pytest.param("https://evil.example\\.api.example/me", False, id="a backslash in the host"),
        pytest.param("https://xn--pi-6kc.example/me", False, id="another letter that looks alike"),
        pytest.param("https://acme.example/me", False, id="another host that is allowed"),
    ],
)
async def test_no_hop_to_another_host_has_the_token(url: str, with_token: bool) -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        await client.get(f"{HERE}/to?{url}", follow_redirects=True)

    assert len(api.asked) == 2
    assert api.tokens == ["access-0", "access-0" if with_token else None]


async def test_the_next_hop_that_an_app_sends_by_itself_is_asked_about_anew() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        first = await client.get(f"{HERE}/to?https://acme.example/me")
        assert first.next_request is not None
        allowed = await client.send(first.next_request)
        second = await client.get(f"{HERE}/to?https://evil.example/me")
        assert second.next_request is not None
        with pytest.raises(SettingsError):
            await client.send(second.next_request)

    assert allowed.status_code == 200
    assert api.asked == ["api.example", "acme.example", "api.example"]


async def test_a_host_that_got_no_token_cannot_have_it_renewed() -> None:
    api = Api(strangers=401)
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get(f"{HERE}/to?https://evil.example/me", follow_redirects=True)

    assert answered.status_code == 401
    assert api.tokens == ["access-0", None]
    assert api.acme.renewals == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://evil.example/me", "evil.example"),
        ("https://api.example:8443/me", "api.example:8443"),
        ("https://api.example.evil.example/me", "api.example.evil.example"),
        ("https://evil.example\\.api.example/me", "evil.example\\.api.example"),
        ("https://\N{CYRILLIC SMALL LETTER A}pi.example/me", "xn--pi-6kc.example"),
    ],
)
async def test_a_request_to_another_host_is_refused_before_anything_is_sent_or_renewed(url: str, host: str) -> None:
    api = Api()
    async with linked_with(api, age=3600) as association, association.client() as client:
        with pytest.raises(SettingsError) as caught:
            await client.get(url)

    assert caught.value.message == f"no token of acme is sent to {host}"
    assert (caught.value.setting, caught.value.allowed) == ("backends.acme.api_hosts", "acme.example, api.example")
    assert "access-" not in str(caught.value)
    assert (api.asked, api.acme.renewals) == ([], [])


@pytest.mark.parametrize("url", ["https://API.example/me", "https://api.example./me", "https://api.example:443/me"])
async def test_a_host_that_is_written_otherwise_is_the_same(url: str) -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        await client.get(url)

    assert api.tokens == ["access-0"]


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.example/me", "http://localhost/me", "https://ada@api.example/me", "ftp://api.example/me"),
        *("https://api.example@evil.example/", "https://api.example\\@evil.example/", "https://api.example:a@[::1]/"),
    ],
)
async def test_a_client_sends_its_token_over_https_only_and_without_user_info(url: str) -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)

    assert api.asked == []


async def test_a_hook_that_leads_a_request_elsewhere_does_not_lead_the_token_there() -> None:
    api = Api()

    async def elsewhere(request: httpx.Request) -> None:
        request.url = httpx.URL("https://evil.example/me")

    async with linked_with(api) as association, association.client() as client:
        client.event_hooks["request"].append(elsewhere)
        with pytest.raises(SettingsError):
            await client.get(f"{HERE}/me")

    assert api.asked == []


async def test_a_header_of_the_apps_own_gives_way_to_the_token() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        await client.get(f"{HERE}/me", headers={"Authorization": "Bearer of-the-app"})

    assert api.tokens == ["access-0"]


async def test_credentials_of_the_apps_own_go_to_no_other_host_either() -> None:
    api = Api()
    async with linked_with(api) as association, association.client() as client:
        with pytest.raises(SettingsError):
            await client.get("https://evil.example/me", auth=("ada", "a-password"))
        answered = await client.get("https://other.example/me", auth=None)

    assert answered.status_code == 200
    assert api.tokens == [None]


async def test_an_account_of_a_backend_that_is_configured_no_more_has_no_client() -> None:
    acme = Acme()
    others = {"github": {"client_id": "an-id", "client_secret": "a-secret"}}
    async with at(acme) as there, again(there, acme, backends=others) as social:
        [association] = await social.associations("ada")

        with pytest.raises(UnknownBackend) as caught:
            association.client()

    assert (caught.value.name, caught.value.configured) == ("acme", ("github",))


async def test_cookies_of_the_provider_are_not_shared_between_two_people() -> None:
    api = Api()
    async with linked_with(api) as association:
        async with association.client() as client:
            await client.get(f"{HERE}/cookie")
            await client.get(f"{HERE}/me")
        async with association.client() as client:
            await client.get(f"{HERE}/me")

    assert api.cookies == [None, "of=ada", None]


async def test_closing_a_client_leaves_the_shared_connections_open() -> None:
    api = Api()
    async with linked_with(api) as association:
        async with association.client() as client:
            await client.get(f"{HERE}/me")
        async with association.client() as client:
            answered = await client.get(f"{HERE}/me")

        assert answered.status_code == 200
        assert await (await association.refresh_token()).get_access_token() == "access-1"


async def test_a_client_reads_an_answer_that_comes_in_pieces() -> None:
    api = Api()
    url = f"{HERE}/pieces"
    async with linked_with(api) as association, association.client() as client, client.stream("GET", url) as answered:
        pieces = [piece async for piece in answered.aiter_bytes()]

    assert b"".join(pieces) == b"onetwo"
    assert api.closed == 1


async def test_a_client_passes_on_what_its_renewal_raises() -> None:
    api = Api(good="access-1")
    api.acme.answers = [httpx.Response(400, json={"error": "invalid_grant"})]
    async with linked_with(api) as association, association.client() as client:
        with pytest.raises(NeedsReauth):
            await client.get(f"{HERE}/me")


async def test_a_client_whose_token_cannot_be_renewed_gives_the_401_itself() -> None:
    api = Api(good="another")
    api.acme.first["refresh_token"] = None
    async with linked_with(api) as association, association.client() as client:
        answered = await client.get(f"{HERE}/me")

    assert answered.status_code == 401
    assert api.tokens == ["access-0"]


class Api:
    """The provider's API, which takes one token; and the provider beside it.

    Attributes:
        good: The token that it takes.
        is_linked: Whether the account is linked, so that what asks from then on is the client.
        asked: The host of each request, but those of the provider's own endpoints.
        tokens: What each of them brought as token.
        cookies: What each of them brought as cookie.
        bodies: What each of them brought as body.
        closed: How many answers were closed.
    """

    def __init__(self, *, good: str = "access-0", refusal: httpx.Response | None = None, strangers: int = 200) -> None:
        """Make one.

        Args:
            good: The token that it takes.
            refusal: What any other token gets.
            strangers: The status with which a host answers that gets no token.
        """
        self.acme = Acme()
        self.good = good
        self.is_linked = False
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self.cookies: list[str | None] = []
        self.bodies: list[bytes] = []
        self.closed = 0
        self.late = asyncio.Event()
        self.late.set()
        self.slow_arrived = asyncio.Event()
        self._refusal = refusal or httpx.Response(401)
        self._strangers = strangers

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "acme.example" and not (self.is_linked and request.url.path == "/me"):
            return await self.acme(request)
        authorization = request.headers.get("authorization")
        token = authorization.removeprefix("Bearer ") if authorization else None
        self.tokens.append(token)
        self.asked.append(request.url.host)
        self.cookies.append(request.headers.get("cookie"))
        self.bodies.append(await request.aread())
        if request.url.path == "/slow":
            self.slow_arrived.set()
            await self.late.wait()
        if token is None:
            return httpx.Response(self._strangers, json={})
        if token != self.good:
            return self._refusal
        if request.url.path == "/to":
            return httpx.Response(302, headers=[(b"location", request.url.query)])
        if request.url.path == "/cookie":
            return httpx.Response(200, headers={"set-cookie": "of=ada"})
        if request.url.path == "/pieces":
            return httpx.Response(200, stream=_Pieces(self))
        return httpx.Response(200, json={"you": "ada"})


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, api: Api) -> None:
        self._api = api

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def aclose(self) -> None:
        self._api.closed += 1


@asynccontextmanager
async def linked_with(api: Api, *, age: float = 0) -> AsyncIterator[Association[Any]]:
    """Give an association whose provider has this API."""
    async with at(api, table={"api_hosts": ["api.example"]}) as there:
        there.clock.advance(age)
        api.is_linked = True
        yield there.association
