"""An identity provider of SAML 2.0, for tests: it answers a request with an assertion that it signs.

Everything of an answer can be changed before it is signed, and be signed or not. It needs the extra ``saml``.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from typing import Any, Literal
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

from asgi_social.clock import Clock
from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_people import PEOPLE, Person, one_of

Signed = Literal["assertion", "response", "both", "none"]
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_ATTRIBUTES = {
    "urn:oid:0.9.2342.19200300.100.1.1": "username",
    "urn:oid:0.9.2342.19200300.100.1.3": "email",
    "urn:oid:2.5.4.3": "name",
    "urn:oid:2.5.4.42": "given_name",
    "urn:oid:2.5.4.4": "family_name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a response says, before it is signed; the moments are seconds from now."""

    issuer: str
    audience: str
    recipient: str
    in_response_to: str
    destination: str
    response_to: str
    name_id: str = ""
    name_id_format: str = _PERSISTENT
    attributes: Mapping[str, str] = field(default_factory=dict)
    assertion_id: str = "_an-assertion"
    status: str = _SUCCESS
    begins: int = 0
    ends: int = 300
    confirmed_until: int = 300
    statement: str = ""
    asserted_by: str = ""


class FakeIdentityProvider:
    """An identity provider of SAML 2.0.

    Attributes:
        name: Its name in ``enabled_idps``.
        entity_id: What it calls itself.
        url: Where it is asked.
        people: Who has an account.
    """

    def __init__(
        self,
        *,
        name: str = "corp",
        host: str = "idp.example",
        people: Sequence[Person] = PEOPLE,
        clock: Clock | None = None,
    ) -> None:
        """Stand up an identity provider.

        Args:
            name: Its name in ``enabled_idps``.
            host: Its host, of which the rest is made.
            people: Who has an account there; a person's ``username`` is the permanent id.
            clock: Its time; the engine's own.
        """
        self.name = name
        self.entity_id = f"https://{host}/metadata"
        self.url = f"https://{host}/sso"
        self.people = tuple(people)
        self._clock = clock or ManualClock()
        self._host = host
        self._made = 0

    def settings(self) -> dict[str, Any]:
        """Give what ``enabled_idps`` says of it."""
        certificate = _key_and_certificate(self._host)[1]
        return {"entity_id": self.entity_id, "url": self.url, "x509cert": certificate}

    def uid_of(self, person: str | Person) -> str:
        """Give the uid by which the engine knows a person's account here."""
        return f"{self.name}:{one_of(self.people, person).username}"

    async def sends_back(
        self, location: str, *, person: str | Person | None = None, deny: bool = False
    ) -> tuple[str, dict[str, str] | None]:
        """Play the browser at the identity provider, and give the URL of the app and the form to post there.

        Raises:
            ValueError: The browser is sent elsewhere, or not with a request.
        """
        who = self.people[0] if person is None else one_of(self.people, person)
        denied: dict[str, Any] = {"status": "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"} if deny else {}
        return self.answered(location, who, **denied)

    def answered(
        self,
        location: str,
        person: Person,
        *,
        signed: Signed = "assertion",
        signer: "FakeIdentityProvider | None" = None,
        **changed: Any,
    ) -> tuple[str, dict[str, str]]:
        """Give the URL and the form of an answer, of which some things are changed before it is signed."""
        base, _, query = location.partition("?")
        asked = dict(parse_qsl(query))
        if base != self.url or "SAMLRequest" not in asked:
            raise ValueError(f"the browser is sent to {base}, not to {self.url} with a request")
        from lxml import etree  # here and not above: it needs the extra saml

        request = etree.fromstring(zlib.decompress(base64.b64decode(asked["SAMLRequest"]), wbits=-15))
        self._made += 1
        recipient, request_id = request.get("AssertionConsumerServiceURL") or "", request.get("ID") or ""
        said = {
            "issuer": self.entity_id,
            "audience": request.findtext("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer") or "",
            "recipient": recipient,
            "destination": recipient,
            "in_response_to": request_id,
            "response_to": request_id,
            "name_id": person.sub,
            "assertion_id": f"_assertion-{self._made}",
            "attributes": {name: str(getattr(person, field)) for name, field in _ATTRIBUTES.items()},
            **changed,
        }
        xml = self.signed_xml(Answer(**said), signed=signed, signer=signer or self)
        form = {"SAMLResponse": base64.b64encode(xml).decode(), "RelayState": asked.get("RelayState", "")}
        return recipient, form

    def signed_xml(self, answer: Answer, *, signed: Signed, signer: "FakeIdentityProvider") -> bytes:
        """Give a response, signed as it is to be."""
        from lxml import etree  # as above

        root = etree.fromstring(self._xml(answer))
        key, certificate = _key_and_certificate(signer._host)
        assertion = root.find("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
        if signed in {"assertion", "both"} and assertion is not None:
            root.replace(assertion, _signed(assertion, key, certificate))
        if signed in {"response", "both"}:
            root = _signed(root, key, certificate)
        return bytes(etree.tostring(root))

    def _xml(self, answer: Answer) -> str:
        now = datetime.fromtimestamp(self._clock.now(), UTC)

        def moment(seconds: int) -> str:
            return (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

        attributes = "".join(
            f'<saml:Attribute Name="{escape(name)}"><saml:AttributeValue>{escape(text)}</saml:AttributeValue>'
            "</saml:Attribute>"
            for name, text in answer.attributes.items()
        )
        statement = answer.statement or f'<saml:AuthnStatement AuthnInstant="{moment(0)}"/>'
        return (
            '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
            ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0" ID="_a-response"'
            f' IssueInstant="{moment(0)}" Destination="{escape(answer.destination)}"'
            f' InResponseTo="{escape(answer.response_to)}"><saml:Issuer>{escape(answer.issuer)}</saml:Issuer>'
            f'<samlp:Status><samlp:StatusCode Value="{answer.status}"/></samlp:Status>'
            f'<saml:Assertion Version="2.0" ID="{escape(answer.assertion_id)}" IssueInstant="{moment(0)}">'
            f"<saml:Issuer>{escape(answer.asserted_by or answer.issuer)}</saml:Issuer><saml:Subject>"
            f'<saml:NameID Format="{answer.name_id_format}">{escape(answer.name_id)}</saml:NameID>'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f'<saml:SubjectConfirmationData Recipient="{escape(answer.recipient)}"'
            f' InResponseTo="{escape(answer.in_response_to)}" NotOnOrAfter="{moment(answer.confirmed_until)}"/>'
            "</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{moment(answer.begins)}" NotOnOrAfter="{moment(answer.ends)}">'
            f"<saml:AudienceRestriction><saml:Audience>{escape(answer.audience)}</saml:Audience>"
            f"</saml:AudienceRestriction></saml:Conditions>{statement}"
            f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion></samlp:Response>"
        )


def _signed(element: Any, key: RSAPrivateKey, certificate: str) -> Any:
    from signxml import XMLSigner  # as above

    return XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#").sign(
        element, key=key, cert=certificate, reference_uri=f"#{element.get('ID')}"
    )


@cache
def _key_and_certificate(host: str) -> tuple[RSAPrivateKey, str]:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()
