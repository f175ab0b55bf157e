"""DiscourseConnect: a payload that is signed both ways, for the flow whose nonce it gives back."""

import base64
import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.app import query_of
from tests.providers.linking import Link, linking
from tests.providers.widgets import SECRET

FORUM = "https://forum.example"
ADA = {"external_id": "42", "username": "ada", "name": "Ada Lovelace", "email": "ada@people.example", "admin": "false"}
HERE: dict[str, Any] = {"client_id": "", "server_url": f"{FORUM}/"}


def signature(payload: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), payload.encode(), sha256).hexdigest()


async def asked(one: Link) -> dict[str, str]:
    """Begin a flow, and give what the forum reads of it."""
    location = await one.begun()
    assert location.startswith(f"{FORUM}/session/sso_provider?")
    query = query_of(location)
    assert query["sig"] == signature(query["sso"])
    return dict(parse_qsl(base64.b64decode(query["sso"]).decode()))


def answer(request: dict[str, str], *, secret: str = SECRET, **changed: str) -> dict[str, str]:
    """Give what the forum sends back, with the state of the address that it was given."""
    text = urlencode({"nonce": request["nonce"], **ADA, **changed})
    payload = base64.b64encode(text.encode()).decode()
    return {**query_of(request["return_sso_url"]), "sso": payload, "sig": signature(payload, secret)}


async def test_a_member_is_linked_by_a_signed_payload() -> None:
    async with linking("discourse", **HERE) as one:
        request = await asked(one)
        assert request["return_sso_url"].startswith("https://app.example/complete/discourse/?state=")

        assert (await one.completed(**answer(request)))[0] == 303
        [association] = await one.associations()

    said = association.account
    assert (association.uid, said["username"], said["fullname"]) == ("42", "ada", "Ada Lovelace")
    assert (said["email"], said["email_verified"]) == ("ada@people.example", False)


@pytest.mark.parametrize("kind", ["in lines", "for addresses"])
async def test_base64_of_other_kinds_is_read_too(kind: str) -> None:
    async with linking("discourse", **HERE) as one:
        request = await asked(one)
        text = urlencode({"nonce": request["nonce"], **ADA, "name": "~~~???>>>"}).encode()
        payload = base64.encodebytes(text) if kind == "in lines" else base64.urlsafe_b64encode(text)
        told = {**answer(request), "sso": payload.decode(), "sig": signature(payload.decode())}

        assert (await one.completed(**told))[0] == 303


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"sso": "", "sig": ""}, "missing", id="no payload"),
        pytest.param({"sig": ""}, "issuer", id="not signed"),
        pytest.param({"sso": base64.b64encode(urlencode(ADA).encode()).decode()}, "issuer", id="tampered"),
        pytest.param({"sso": "%%%", "sig": signature("%%%")}, "missing", id="no base64"),
        pytest.param({"sso": "/w==", "sig": signature("/w==")}, "missing", id="no text"),
    ],
)
async def test_an_answer_that_is_not_the_forums_is_refused(changed: dict[str, str], reason: str) -> None:
    async with linking("discourse", **HERE) as one:
        told = answer(await asked(one)) | changed

        assert await one.completed(**told) == (400, "flow_refused", reason)
        assert await one.associations() == []


async def test_the_answer_of_another_forum_or_of_another_flow_is_refused() -> None:
    async with linking("discourse", **HERE) as one:
        assert await one.completed(**answer(await asked(one), secret="another")) == (400, "flow_refused", "issuer")
        stolen, own = answer(await asked(one)), await asked(one)
        told = {**stolen, **query_of(own["return_sso_url"])}

        assert await one.completed(**told) == (400, "flow_refused", "state")


async def test_an_answer_is_good_once() -> None:
    async with linking("discourse", **HERE) as one:
        told = answer(await asked(one))
        await one.completed(**told)

        assert await one.completed(**told) == (400, "flow_refused", "missing")
