"""OpenID 2.0: what the browser is sent with, and what is read of an answer; its refusals stand in tests/security."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from asgi_social.errors import FlowRefused, ProviderUnreachable, SettingsError
from asgi_social.flow import new_challenge
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Response, Tokens
from asgi_social.protocols.openid2 import AX, NAMESPACE, SREG, begin, exchange_code
from asgi_social.protocols.openid2_discovery import SELECT
from asgi_social.providers import provider_of_table
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from tests.protocols.played import client_of, play

ENDPOINT = "https://op.example/openid?v=2"
EMAIL, NAME = "http://axschema.org/contact/email", "http://axschema.org/namePerson"
RULES: dict[str, Any] = {"endpoint": ENDPOINT, "allow_identity": "https://op.example/.+"}
ATTRIBUTES = {"sreg": ["email", "nickname"], "attrs": {"email": EMAIL, "fullname": NAME}}
VALID = Response(status=200, headers={}, body=f"ns:{NAMESPACE}\nis_valid:true\n".encode(), received_at=START)


def client(**more: Any) -> Client:
    provider = {"name": "own", "title": "Own", "protocol": "openid2", "openid2": {**RULES, **more}}
    return replace(client_of(provider), now=START)


def challenge(uri: str = "https://app.example/social/complete/own/") -> Challenge:
    made = new_challenge(redirect_uri=uri, scope=(), pkce=True, renewable=False, consent=False)
    return replace(made, state=Secret("a-state"), kept={"op_endpoint": ENDPOINT})


def asked(one: Client) -> dict[str, str]:
    begun = play(begin(one, challenge())).result
    assert begun.url.startswith(f"{ENDPOINT}&")
    assert begun.kept == {"op_endpoint": ENDPOINT}
    return dict(parse_qsl(begun.url.partition("?")[2]))


def said(more: dict[str, str], *, unsigned: tuple[str, ...] = (), answer: Response = VALID) -> dict[str, object]:
    """Give what is read of an answer with these fields besides, all signed but some."""
    fields = {
        "op_endpoint": ENDPOINT,
        "return_to": "https://app.example/social/complete/own/?state=a-state",
        "response_nonce": f"{datetime.fromtimestamp(START, UTC):%Y-%m-%dT%H:%M:%SZ}x",
        "assoc_handle": "h",
        "claimed_id": "https://op.example/ada",
        "identity": "https://op.example/ada",
        **more,
    }
    signed = ",".join(name for name in fields if name not in unsigned)
    params = {f"openid.{name}": text for name, text in {**fields, "signed": signed}.items()}
    one = client(**ATTRIBUTES)
    tokens: Tokens = play(exchange_code(one, Callback(code=Secret(""), params=params), challenge()), answer).result
    assert not tokens.access_token
    return dict(tokens.answer)


def test_the_browser_is_sent_with_the_state_within_return_to_and_the_site_as_realm() -> None:
    params = asked(client())

    assert params == {
        "v": "2",
        "openid.ns": NAMESPACE,
        "openid.mode": "checkid_setup",
        "openid.claimed_id": SELECT,
        "openid.identity": SELECT,
        "openid.return_to": "https://app.example/social/complete/own/?state=a-state",
        "openid.realm": "https://app.example/",
    }


def test_the_attributes_that_the_data_name_are_asked_for() -> None:
    params = asked(client(**ATTRIBUTES))

    assert (params["openid.ns.sreg"], params["openid.sreg.optional"]) == (SREG, "email,nickname")
    assert {name: text for name, text in params.items() if "ax" in name} == {
        "openid.ns.ax": AX,
        "openid.ax.mode": "fetch_request",
        "openid.ax.required": "email,fullname",
        "openid.ax.type.email": EMAIL,
        "openid.ax.type.fullname": NAME,
    }


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"ns.s": SREG, "s.email": "a@b.example", "s.dob": "1815"}, {"email": "a@b.example"}, id="sreg"),
        pytest.param({"s.email": "a@b.example"}, {}, id="a name without its namespace"),
        pytest.param({"ns.s": "urn:other", "s.email": "a@b.example"}, {}, id="another namespace"),
        pytest.param(
            {"ns.ext1": AX, "ext1.type.mail": EMAIL, "ext1.value.mail": "a@b.example"},
            {"email": "a@b.example"},
            id="ax by type, whatever the alias",
        ),
        pytest.param(
            {"ns.ax": AX, "ax.type.n": NAME, "ax.count.n": "2", "ax.value.n.1": "Ada", "ax.value.n.2": "Augusta"},
            {"fullname": "Ada"},
            id="the first of several values",
        ),
        pytest.param({"ns.ax": AX, "ax.type.n": NAME, "ax.value.n": ""}, {}, id="an empty value"),
        pytest.param(
            {"ns.s": SREG, "s.email": "old@b.example", "ns.ax": AX, "ax.type.e": EMAIL, "ax.value.e": "a@b.example"},
            {"email": "a@b.example"},
            id="ax before sreg",
        ),
    ],
)
def test_signed_attributes_are_read(fields: dict[str, str], found: dict[str, str]) -> None:
    assert said(fields) == {**found, "claimed_id": "https://op.example/ada"}


@pytest.mark.parametrize("unsigned", ["ns.ax", "ax.type.e", "ax.value.e"])
def test_an_attribute_of_which_a_part_is_not_signed_is_none(unsigned: str) -> None:
    fields = {"ns.ax": AX, "ax.type.e": EMAIL, "ax.value.e": "a@b.example"}

    assert "email" not in said(fields, unsigned=(unsigned,))


def test_a_provider_that_cannot_be_asked_links_nobody() -> None:
    with pytest.raises(ProviderUnreachable):
        said({}, answer=replace(VALID, status=503, body=b""))


def test_a_nonce_that_is_too_long_is_refused() -> None:
    with pytest.raises(FlowRefused):
        said({"response_nonce": f"{datetime.fromtimestamp(START, UTC):%Y-%m-%dT%H:%M:%SZ}{'x' * 255}"})


@pytest.mark.parametrize(
    ("rules", "setting"),
    [
        pytest.param({}, "url", id="nothing"),
        pytest.param({"endpoint": ENDPOINT}, "allow_identity", id="an endpoint for any identity"),
        pytest.param({"url": "https://op.example", "allow_identity": "("}, "allow_identity", id="no expression"),
    ],
)
def test_a_file_that_says_too_little_is_refused(rules: dict[str, Any], setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        provider_of_table({"name": "own", "title": "Own", "protocol": "openid2", "openid2": rules}, place="own")

    assert caught.value.setting == f"own.openid2.{setting}"
