"""From an identifier to its OpenID 2.0 provider: Yadis documents, pages with links, and what is none of both."""

import pytest

from asgi_social.errors import ProviderBroken, ProviderError
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Response
from asgi_social.protocols.openid2_discovery import MAX_REDIRECTS, SELECT, Service, discovered, services_of
from tests.protocols.played import client_of, play

ADA = "https://ada.example/"
ENDPOINT = "https://op.example/openid"
OPENID2 = {"name": "own", "title": "Own", "protocol": "openid2", "openid2": {"url": ADA}}


def client() -> Client:
    return client_of(OPENID2)


def document(text: str, *, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, body=text.encode(), received_at=0.0)


def service(kind: str, endpoint: str = ENDPOINT, *, more: str = "", priority: str = "") -> str:
    attribute = f' priority="{priority}"' if priority else ""
    return (
        f"<Service{attribute}><Type>http://specs.openid.net/auth/2.0/{kind}</Type><URI>{endpoint}</URI>{more}</Service>"
    )


def xrds(*services: str) -> str:
    inner = "".join(services)
    return f'<?xml version="1.0"?><xrds:XRDS xmlns:xrds="xri://$xrds" xmlns="xri://$xrd*($v*2.0)"><XRD>{inner}</XRD></xrds:XRDS>'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(xrds(service("server")), Service(endpoint=ENDPOINT), id="a provider's own"),
        pytest.param(
            xrds(service("signon")), Service(endpoint=ENDPOINT, claimed_id=ADA, local_id=ADA), id="a person's"
        ),
        pytest.param(
            xrds(service("signon", more="<LocalID>ada@op</LocalID>")),
            Service(endpoint=ENDPOINT, claimed_id=ADA, local_id="ada@op"),
            id="a person's, with a name of its own at the provider",
        ),
        pytest.param(
            xrds(service("signon", "https://b.example", priority="10"), service("signon", priority="2")),
            Service(endpoint=ENDPOINT, claimed_id=ADA, local_id=ADA),
            id="the lower number goes first",
        ),
        pytest.param(
            xrds(service("signon", priority="0"), service("server", "https://b.example")),
            Service(endpoint="https://b.example"),
            id="a provider's own goes before a person's",
        ),
        pytest.param(
            xrds(service("signon", "http://b.example"), service("signon")),
            Service(endpoint=ENDPOINT, claimed_id=ADA, local_id=ADA),
            id="without https it is none",
        ),
        pytest.param(
            xrds(service("signon", priority="first"), service("other"), "<Service></Service>"),
            Service(endpoint=ENDPOINT, claimed_id=ADA, local_id=ADA),
            id="other services are passed by",
        ),
        pytest.param(
            f'<html><head><link rel="openid2.local_id" href="https://op.example/ada">'
            f'<link rel="OpenID2.provider other" href="{ENDPOINT}"></head><body></body></html>',
            Service(endpoint=ENDPOINT, claimed_id=ADA, local_id="https://op.example/ada"),
            id="links of a page, in any order",
        ),
        pytest.param(
            f'<link rel=openid2.provider href="{ENDPOINT}"><body><link rel=openid2.provider href="https://evil.example">',
            Service(endpoint=ENDPOINT, claimed_id=ADA, local_id=ADA),
            id="what a visitor has written on the page does not count",
        ),
    ],
)
def test_the_provider_of_an_identifier_is_found(text: str, found: Service) -> None:
    assert play(discovered(client(), ADA, shared=False), document(text)).result == found


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(document("<html><p>a page</p></html>"), id="a page"),
        pytest.param(document(xrds(service("server")), status=404), id="an error"),
        pytest.param(document('<link rel="openid.server" href="https://op.example">'), id="version 1 alone"),
        pytest.param(document('<!DOCTYPE a [<!ENTITY e "b">]><Service>&e;'), id="a document type"),
        pytest.param(
            document('<body><link rel="openid2.provider" href="https://evil.example">'), id="links in the body"
        ),
        pytest.param(
            document('<body><meta http-equiv=X-XRDS-Location content="https://evil.example">'), id="or a place"
        ),
        pytest.param(document(f"{' ' * 70_000}{xrds(service('server'))}"), id="after 64 KiB"),
    ],
)
def test_what_names_no_provider_is_told(answer: Response) -> None:
    with pytest.raises(ProviderBroken, match="OpenID identifier answers none"):
        play(discovered(client(), ADA, shared=False), answer)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(document("", x_xrds_location="/yadis"), id="header"),
        pytest.param(document('<meta http-equiv="x-xrds-location" content="/yadis">'), id="page"),
        pytest.param(document('<meta http-equiv="x-xrds-location" content="b">', x_xrds_location="/yadis"), id="both"),
    ],
)
def test_a_document_that_lies_elsewhere_is_fetched_there(first: Response) -> None:
    played = play(discovered(client(), ADA, shared=True), first, document(xrds(service("signon"))))

    assert played.result == Service(endpoint=ENDPOINT, claimed_id=ADA, local_id=ADA)
    assert [(one.url, one.public, one.shared) for one in played.asked] == [
        (ADA, True, True),
        ("https://ada.example/yadis", True, True),
    ]


def test_the_identifier_is_where_redirects_end_and_has_no_fragment() -> None:
    moved = document("", status=302, location="//other.example/ada#me")
    played = play(discovered(client(), f"{ADA}#x", shared=False), moved, document(xrds(service("signon"))))

    assert played.result.claimed_id == "https://other.example/ada"
    assert [one.url for one in played.asked] == [ADA, "https://other.example/ada"]


def test_redirects_end() -> None:
    moved = document("", status=302, location="/again")

    with pytest.raises(ProviderError):
        play(discovered(client(), ADA, shared=False), *[moved] * (MAX_REDIRECTS + 1))


def test_at_most_twenty_services_are_read() -> None:
    many = document(xrds(*(service("signon", f"https://op.example/{number}") for number in range(30))))

    assert len(play(services_of(client(), ADA, shared=False), many).result) == 20


def test_who_lets_the_person_choose_is_asked_for_nobody_in_particular() -> None:
    found = play(discovered(client(), ADA, shared=False), document(xrds(service("server")))).result

    assert (found.claimed_id, found.local_id) == (SELECT, SELECT)
