"""SAML's XML: read without document types, verified, and from then on read from what was signed alone.

It needs the extra ``saml``, so that nothing imports this file where no backend is of SAML. The library is signxml, on
lxml and cryptography: it gives back the signed part as a document of its own, parsed from the very bytes that the
signature is of, so that what an attacker has put around it is never seen (signature wrapping). It is released often,
and its two advisories (CVE-2025-48994 and -48995, mended in 4.0.4) are about HMAC, which is not taken here. The library
python3-saml has had no release since 2023, and reads from the document that it got; pysaml2 runs a program for each
signature, and was open to wrapping twice (CVE-2020-5390, CVE-2021-21238).

Source: SAML 2.0 core; its profiles, section 4.1.4; XML Signature best practices, section 2.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier
from signxml.exceptions import SignXMLException

ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_METHODS = frozenset(
    {
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1,
        SignatureMethod.SHA384_RSA_MGF1,
        SignatureMethod.SHA512_RSA_MGF1,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    }
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_MAX_ELEMENTS = 5000


class Unsound(Exception):
    """A response that is not as it must be; the message says how, and holds nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a response says around its assertion; signed or not, it can only lead to a refusal.

    Attributes:
        statuses: The codes, the outer one first, without what stands before their last colon.
        is_success: Whether the outer one is that of success.
        destination: Whom it is for, or None.
        in_response_to: The request that it answers, or None.
        issuer: Who gives it, or None.
    """

    statuses: tuple[str, ...]
    is_success: bool
    destination: str | None
    in_response_to: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A bearer confirmation of the subject."""

    recipient: str | None
    in_response_to: str | None
    not_before: float | None
    not_on_or_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """An assertion, as it was signed.

    Attributes:
        id: Its own.
        issuer: Who made it.
        name_id: The subject, or None.
        name_id_format: What kind of name that is, or None.
        confirmations: Those of a bearer.
        not_before, not_on_or_after: Between which moments it holds; None where it does not say.
        audiences: For whom it is, of each restriction.
        is_authenticated: Whether it says that the person has authenticated.
        session_ends_at: When what it says of that ends, or None.
        attributes: Their values, by name.
    """

    id: str
    issuer: str
    name_id: str | None
    name_id_format: str | None
    confirmations: tuple[Confirmation, ...]
    not_before: float | None
    not_on_or_after: float | None
    audiences: tuple[tuple[str, ...], ...]
    is_authenticated: bool
    session_ends_at: float | None
    attributes: dict[str, tuple[str, ...]]


def response_of(xml: bytes) -> etree._Element:
    """Parse a response.

    Raises:
        Unsound: It is none, or has a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(xml, parser=parser)
    except etree.XMLSyntaxError:
        raise Unsound("is no XML") from None
    tree = etree.ElementTree(root)
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise Unsound("has a document type")
    if sum(1 for _ in zip(root.iter(), range(_MAX_ELEMENTS + 1), strict=False)) > _MAX_ELEMENTS:
        raise Unsound("has too many elements")
    if root.tag != f"{PROTOCOL}Response" or root.get("Version") != "2.0":
        raise Unsound("is no response of SAML 2.0")
    return root


def envelope_of(root: etree._Element) -> Envelope:
    """Read what a response says around its assertion."""
    codes = [one.get("Value") or "" for one in root.iterfind(f"{PROTOCOL}Status//{PROTOCOL}StatusCode")]
    return Envelope(
        statuses=tuple(one.rpartition(":")[2] for one in codes),
        is_success=codes[:1] == [SUCCESS],
        destination=root.get("Destination"),
        in_response_to=root.get("InResponseTo"),
        issuer=_text(root.find(f"{ASSERTION}Issuer")),
    )


def signed_assertion(root: etree._Element, *, certificates: tuple[str, ...]) -> Assertion:
    """Give the one assertion of a response, read from what one of these certificates' keys has signed.

    The response is signed, or the assertion; of both the response counts.

    Raises:
        Unsound: None is signed, there are several, or one is encrypted.
    """
    if next(root.iter(f"{ASSERTION}EncryptedAssertion"), None) is not None:
        raise Unsound("has an encrypted assertion, which is not read here: the connection is")
    assertions = list(root.iter(f"{ASSERTION}Assertion"))
    if len(assertions) != 1 or assertions[0].getparent() is not root:
        raise Unsound("does not have exactly one assertion")
    for candidate in (root, assertions[0]):
        if candidate.find(SIGNATURE) is not None:
            return _assertion(_verified(candidate, certificates))
    raise Unsound("is not signed, and neither is its assertion")


def _verified(candidate: etree._Element, certificates: tuple[str, ...]) -> etree._Element:
    """Give an element as it was signed; its own signature is its direct child."""
    identifier = candidate.get("ID")
    if not identifier:
        raise Unsound("has an element without ID that is signed")
    alone = etree.tostring(candidate, with_tail=False)
    for pem in certificates:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        config = SignatureConfiguration(
            location="./",
            expect_references=1,
            signature_methods=_METHODS,
            digest_algorithms=_DIGESTS,
            # The certificate itself is trusted, and not who has issued it: it holds until it is taken out.
            verification_time=certificate.not_valid_before_utc,
        )
        try:
            result = XMLVerifier().verify(alone, x509_cert=certificate, id_attribute="ID", expect_config=config)
        except (SignXMLException, etree.LxmlError, ValueError, TypeError):
            continue
        signed = result.signed_xml if not isinstance(result, list) else None
        # That the signature is of this very element, and not of one within it.
        if signed is not None and signed.tag == candidate.tag and signed.get("ID") == identifier:
            return signed
    raise Unsound("is not signed by a certificate of the identity provider")


def _assertion(signed: etree._Element) -> Assertion:
    element = next(signed.iter(f"{ASSERTION}Assertion"))  # itself, or the one within the response
    identifier, issuer = element.get("ID"), _text(element.find(f"{ASSERTION}Issuer"))
    if element.get("Version") != "2.0" or not identifier or not issuer:
        raise Unsound("has an assertion without version, ID or issuer")
    subject = element.find(f"{ASSERTION}Subject")
    name = subject.find(f"{ASSERTION}NameID") if subject is not None else None
    conditions = element.find(f"{ASSERTION}Conditions")
    statements = element.findall(f"{ASSERTION}AuthnStatement")
    ends = [_moment(one.get("SessionNotOnOrAfter")) for one in statements]
    return Assertion(
        id=identifier,
        issuer=issuer,
        name_id=_text(name),
        name_id_format=name.get("Format") if name is not None else None,
        confirmations=_confirmations(subject),
        not_before=_moment(conditions.get("NotBefore")) if conditions is not None else None,
        not_on_or_after=_moment(conditions.get("NotOnOrAfter")) if conditions is not None else None,
        audiences=_audiences(conditions),
        is_authenticated=bool(statements),
        session_ends_at=min((one for one in ends if one is not None), default=None),
        attributes=_attributes(element),
    )


def _confirmations(subject: etree._Element | None) -> tuple[Confirmation, ...]:
    found = subject.findall(f"{ASSERTION}SubjectConfirmation") if subject is not None else []
    data = [one.find(f"{ASSERTION}SubjectConfirmationData") for one in found if one.get("Method") == _BEARER]
    return tuple(
        Confirmation(
            recipient=one.get("Recipient"),
            in_response_to=one.get("InResponseTo"),
            not_before=_moment(one.get("NotBefore")),
            not_on_or_after=_moment(one.get("NotOnOrAfter")),
        )
        for one in data
        if one is not None
    )


def _audiences(conditions: etree._Element | None) -> tuple[tuple[str, ...], ...]:
    restrictions = conditions.findall(f"{ASSERTION}AudienceRestriction") if conditions is not None else []
    return tuple(
        tuple(text for audience in one.findall(f"{ASSERTION}Audience") if (text := _text(audience)))
        for one in restrictions
    )


def _attributes(element: etree._Element) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in element.iterfind(f"{ASSERTION}AttributeStatement/{ASSERTION}Attribute"):
        texts = tuple(text for value in one.findall(f"{ASSERTION}AttributeValue") if (text := _text(value)))
        if name := one.get("Name"):
            found[name] = found.get(name, ()) + texts
    return found


def _text(element: etree._Element | None) -> str | None:
    """Give the whole text of an element, whatever comments stand between its parts; None where there is none."""
    return str(element.xpath("string()")).strip() or None if element is not None else None


def _moment(text: str | None) -> float | None:
    """Read a moment in UTC; None where there is none.

    Raises:
        Unsound: It cannot be read.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unsound("names a moment that cannot be read") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


@cache
def at_hand() -> None:
    """Read the schema of signatures, once when the app starts, so that no request waits for its file."""
    XMLVerifier.schemas()
