"""SAML: responses that are not the identity provider's, not for this app or flow, or not what was signed."""

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest

from asgi_social.testing.fake_saml import FakeIdentityProvider
from tests.app import query_of
from tests.providers.saml_visits import JSON, Visit, visit

pytestmark = pytest.mark.saml

ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
REFUSED = (400, "flow_refused")


async def answer(one: Visit, **changed: Any) -> tuple[str, dict[str, str]]:
    return one.idp.answered(await one.begun(), one.idp.people[0], **changed)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"signed": "none"}, "issuer", id="unsigned"),
        pytest.param({"signer": FakeIdentityProvider(name="other", host="other.example")}, "issuer", id="another key"),
        pytest.param({"issuer": "https://other.example/metadata"}, "issuer", id="another issuer"),
        pytest.param({"audience": "https://evil.example"}, "issuer", id="another audience"),
        pytest.param({"audience": ""}, "issuer", id="no audience"),
        pytest.param({"recipient": "https://evil.example/complete/saml/"}, "state", id="another recipient"),
        pytest.param({"destination": "https://evil.example/complete/saml/"}, "state", id="another destination"),
        pytest.param({"in_response_to": "_another", "response_to": "_another"}, "state", id="another request"),
        pytest.param({"in_response_to": "_another"}, "state", id="another request, in the assertion alone"),
        pytest.param({"response_to": "_another"}, "state", id="another request, in the response alone"),
        pytest.param({"ends": -61}, "expired", id="over"),
        pytest.param({"confirmed_until": -61}, "expired", id="confirmed for an earlier moment"),
        pytest.param({"begins": 61}, "expired", id="not yet"),
        pytest.param({"ends": 90_000, "confirmed_until": 90_000}, "expired", id="for longer than a day"),
        pytest.param(
            {"statement": "<saml:AuthnStatement/>".replace("Authn", "AuthzDecision")}, "issuer", id="no sign-in"
        ),
        pytest.param(
            {"statement": '<saml:AuthnStatement SessionNotOnOrAfter="2000-01-01T00:00:00Z"/>'},
            "expired",
            id="no session",
        ),
        pytest.param({"statement": '<saml:AuthnStatement SessionNotOnOrAfter="tomorrow"/>'}, "issuer", id="no moment"),
        pytest.param({"asserted_by": "https://other.example/metadata"}, "issuer", id="another asserts"),
        pytest.param({"assertion_id": ""}, "issuer", id="no ID"),
        pytest.param({"assertion_id": "", "signed": "response"}, "issuer", id="no ID, in a signed response"),
    ],
)
async def test_an_answer_that_is_not_for_this_app_and_flow_is_refused(changed: dict[str, Any], reason: str) -> None:
    async with visit() as one:
        assert await one.posted(*await answer(one, **changed)) == (*REFUSED, reason)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param("urn:oasis:names:tc:SAML:2.0:status:AuthnFailed", (403, "consent_denied", None), id="no"),
        pytest.param("urn:oasis:names:tc:SAML:2.0:status:Requester", (502, "provider_refused", None), id="an error"),
    ],
)
async def test_what_is_no_success_links_nobody(status: str, expected: tuple[Any, ...]) -> None:
    async with visit() as one:
        assert await one.posted(*await answer(one, status=status)) == expected


async def test_an_assertion_is_taken_once() -> None:
    async with visit() as one:
        url, form = await answer(one, assertion_id="_the-same")
        assert (await one.posted(url, form))[0] == 303
        again = await one.browser.post(url, data=form)
        spent = await one.browser.get(again.headers["location"], headers=JSON)
        replayed = await one.browser.post(url, data=(await answer(one, assertion_id="_the-same"))[1])
        second = await one.browser.get(replayed.headers["location"], headers=JSON)

    assert (spent.status_code, spent.json()["reason"]) == (400, "missing")
    assert (second.status_code, second.json()["reason"]) == (400, "spent")


async def test_the_answer_of_another_flow_is_not_taken_with_a_state_of_ours() -> None:
    async with visit() as one:
        url, stolen = await answer(one)
        state = query_of(await one.begun())["RelayState"]

        assert await one.posted(url, {**stolen, "RelayState": state}) == (*REFUSED, "state")


async def test_what_begins_at_the_identity_provider_is_not_taken() -> None:
    async with visit() as one:
        url, form = await answer(one)

        assert await one.posted(url, {**form, "RelayState": ""}) == (*REFUSED, "state")


async def test_an_answer_in_another_browser_is_refused() -> None:
    async with visit() as one:
        url, form = await answer(one)
        one.browser.cookies.clear()

        assert await one.posted(url, form) == (*REFUSED, "missing")


async def test_the_assertion_of_one_identity_provider_is_not_taken_for_another() -> None:
    async with visit() as one:
        location = (await one.begun()).replace("https://idp.example/sso", "https://other.example/sso")

        assert await one.posted(*one.other.answered(location, one.other.people[0])) == (*REFUSED, "issuer")


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<a", id="no XML"),
        pytest.param(b"<a/>", id="another document"),
        pytest.param(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', id="an entity"),
        pytest.param(b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', id="a document type"),
        pytest.param(b"<a>" + b"<b/>" * 6000 + b"</a>", id="too many elements"),
    ],
)
async def test_what_is_no_response_is_refused(xml: bytes) -> None:
    async with visit() as one:
        url, form = await answer(one)

        status, code, reason = await one.posted(url, {**form, "SAMLResponse": base64.b64encode(xml).decode()})

        assert (status, code) == REFUSED
        assert reason in {"missing", "issuer"}


async def test_a_document_type_before_a_signed_response_is_refused() -> None:
    async with visit() as one:
        url, form = await answer(one)
        xml = b'<!DOCTYPE a [<!ENTITY b "c">]>' + base64.b64decode(form["SAMLResponse"])

        assert await one.posted(url, {**form, "SAMLResponse": base64.b64encode(xml).decode()}) == (*REFUSED, "issuer")


@pytest.mark.parametrize("text", ["%%%", "AAAA", ""])
async def test_a_response_that_cannot_be_read_is_refused_by_post_and_by_get(text: str) -> None:
    async with visit() as one:
        url, form = await answer(one)
        assert (await one.posted(url, {**form, "SAMLResponse": text}))[:2] == REFUSED
        state = query_of(await one.begun())["RelayState"]

        got = await one.browser.get(url, params={"RelayState": state, "compact": text}, headers=JSON)

        assert (got.status_code, got.json()["code"]) == REFUSED


# --- Signature wrapping, as XSW1 to XSW8 of "On Breaking SAML" (Somorovsky and others, 2012) ------------------------


def evil(assertion: Any, identifier: str = "_evil") -> Any:
    """Give an assertion about another person, without a signature."""
    copied = copy.deepcopy(assertion)
    copied.set("ID", identifier)
    for signature in copied.findall("{http://www.w3.org/2000/09/xmldsig#}Signature"):
        copied.remove(signature)
    for value in copied.iter(f"{ASSERTION}AttributeValue"):
        value.text = "mallory"
    return copied


def before(root: Any, assertion: Any) -> Any:
    root.insert(0, evil(assertion))
    return root


def behind(root: Any, assertion: Any) -> Any:
    root.append(evil(assertion))
    return root


def around(root: Any, assertion: Any) -> Any:
    wrapping = evil(assertion)
    root.replace(assertion, wrapping)
    wrapping.append(assertion)
    return root


def in_extensions(root: Any, assertion: Any) -> Any:
    extensions = root.makeelement(f"{PROTOCOL}Extensions")
    root.replace(assertion, evil(assertion))
    extensions.append(assertion)
    root.insert(1, extensions)
    return root


def in_the_signature(root: Any, assertion: Any) -> Any:
    """The signature goes into the evil assertion, and the signed one into an object of the signature."""
    wrapping = evil(assertion)
    signature = assertion.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    assertion.remove(signature)
    inner = signature.makeelement("{http://www.w3.org/2000/09/xmldsig#}Object")
    root.replace(assertion, wrapping)
    inner.append(assertion)
    signature.append(inner)
    wrapping.insert(1, signature)
    return root


def with_the_same_id(root: Any, assertion: Any) -> Any:
    wrapping = evil(assertion, assertion.get("ID"))
    root.replace(assertion, wrapping)
    wrapping.append(assertion)
    return root


def of_the_response(root: Any, assertion: Any) -> Any:
    """A new response around the signed one."""
    wrapping = copy.deepcopy(root)
    wrapping.set("ID", "_evil-response")
    for inner in wrapping.findall(f"{ASSERTION}Assertion"):
        wrapping.replace(inner, evil(inner))
    wrapping.append(root)
    return wrapping


def with_its_signature(root: Any, assertion: Any) -> Any:
    """The evil assertion has a copy of the signature, which is of another element."""
    wrapping = evil(assertion)
    wrapping.insert(1, copy.deepcopy(assertion.find("{http://www.w3.org/2000/09/xmldsig#}Signature")))
    root.replace(assertion, wrapping)
    return root


def moved_up(root: Any, assertion: Any) -> Any:
    """The signature of the assertion stands as that of the response."""
    signature = assertion.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    assertion.remove(signature)
    root.insert(1, signature)
    return root


def encrypted(root: Any, assertion: Any) -> Any:
    root.append(root.makeelement(f"{ASSERTION}EncryptedAssertion"))
    return root


WRAPPINGS = [
    before,
    behind,
    around,
    in_extensions,
    in_the_signature,
    with_the_same_id,
    of_the_response,
    with_its_signature,
    moved_up,
    encrypted,
]


WAYS = [(one, signed) for one in WRAPPINGS for signed in ("assertion", "response", "both")]
# These move the signature that the assertion has.
WAYS = [way for way in WAYS if way[1] != "response" or way[0] not in {in_the_signature, with_its_signature, moved_up}]


@pytest.mark.parametrize(("wrapping", "signed"), WAYS)
async def test_nothing_but_what_was_signed_is_read(wrapping: Callable[[Any, Any], Any], signed: Any) -> None:
    from lxml import etree

    async with visit() as one:
        url, form = await answer(one, signed=signed)
        root = etree.fromstring(base64.b64decode(form["SAMLResponse"]))
        assertion = root.find(f"{ASSERTION}Assertion")

        xml = etree.tostring(wrapping(root, assertion))

        assert (await one.posted(url, {**form, "SAMLResponse": base64.b64encode(xml).decode()}))[:2] == REFUSED


@pytest.mark.parametrize("signed", ["assertion", "response", "both"])
async def test_a_comment_within_a_name_cuts_nothing_off(signed: Any) -> None:
    """A comment is not signed; who reads only up to it reads another name (CVE-2017-11427)."""
    async with visit() as one:
        url, form = await answer(one, signed=signed, attributes={}, name_id="ada@corp.example.evil.example")
        xml = base64.b64decode(form["SAMLResponse"]).replace(b"corp.example", b"corp.example<!-- cut -->")

        assert (await one.posted(url, {**form, "SAMLResponse": base64.b64encode(xml).decode()}))[0] == 303
        [association] = await one.social.associations("7")

    assert association.uid == "corp:ada@corp.example.evil.example"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b">ada<", b">mallory<", id="a value"),
        pytest.param(b"rsa-sha256", b"rsa-sha1", id="the method"),
        pytest.param(b"xmlenc#sha256", b"xmlenc#sha512", id="the digest"),
        pytest.param(b"<saml:Issuer>https://idp.example", b"<saml:Issuer>https://evil.example", id="the issuer"),
        pytest.param(b'Version="2.0" ID="_a', b'Version="1.1" ID="_a', id="the version"),
    ],
)
async def test_what_is_changed_after_it_was_signed_is_refused(old: bytes, new: bytes) -> None:
    async with visit() as one:
        url, form = await answer(one, signed="both")
        xml = base64.b64decode(form["SAMLResponse"])
        assert old in xml

        changed = base64.b64encode(xml.replace(old, new)).decode()

        assert (await one.posted(url, {**form, "SAMLResponse": changed}))[:2] == REFUSED
