"""Which SAML identity providers an app trusts: the setting ``enabled_idps``, read and checked.

The names are those of social-auth, in lower case.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from asgi_social.protocols.host import allowed_address

# By which attribute each of these is read where the setting does not say; the first that is there counts.
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "attr_user_permanent_id": ("urn:oid:0.9.2342.19200300.100.1.1", "name_id"),
    "attr_full_name": (
        "urn:oid:2.5.4.3",
        "http://schemas.xmlsoap.org/claims/CommonName",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/fullname",
        "http://schemas.microsoft.com/identity/claims/displayname",
        "full_name",
        "fullname",
        "fullName",
    ),
    "attr_first_name": (
        "urn:oid:2.5.4.42",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
        "first_name",
        "firstname",
        "firstName",
        "given_name",
        "givenname",
        "givenName",
    ),
    "attr_last_name": (
        "urn:oid:2.5.4.4",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
        "last_name",
        "lastname",
        "lastName",
        "surname",
    ),
    "attr_username": (
        "urn:oid:0.9.2342.19200300.100.1.1",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "subjectNameID",
        "username",
    ),
    "attr_email": (
        "urn:oid:0.9.2342.19200300.100.1.3",
        "http://schemas.xmlsoap.org/claims/EmailAddress",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "email",
        "mail",
    ),
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KNOWN = frozenset({"entity_id", "url", "x509cert", "x509certMulti", *ATTRIBUTES})
_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Idp:
    """One identity provider.

    Attributes:
        entity_id: What it calls itself.
        url: Where the browser is sent with a request.
        certificates: In PEM; one of their keys has to have signed.
        attributes: Where the fields of an account are read, by the names of the settings; None for nowhere.
    """

    entity_id: str
    url: str
    certificates: tuple[str, ...]
    attributes: Mapping[str, str | None] = field(default_factory=dict)

    def read(self, setting: str, said: Mapping[str, tuple[str, ...]]) -> str | None:
        """Give the first value of the attribute for a field, or None."""
        names = (self.attributes[setting],) if setting in self.attributes else ATTRIBUTES[setting]
        values = next((said[name] for name in names if name is not None and name in said), ())
        return values[0] if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProvider:
    """This app, as identity providers know it.

    Attributes:
        entity_id: What it calls itself; an assertion must be for it.
        idps: Whom it trusts, by names of its own.
    """

    entity_id: str
    idps: Mapping[str, Idp]


def idps_from(value: object, *, development: bool) -> tuple[dict[str, Idp], list[tuple[str, str, str]]]:
    """Read the setting ``enabled_idps``.

    Returns:
        The identity providers, and the faults: the place in the setting, what is wrong, and what is allowed.
    """
    found: dict[str, Idp] = {}
    faults: list[tuple[str, str, str]] = []
    if not isinstance(value, Mapping) or not value:
        return {}, [("", "names no identity provider", 'a table such as {"corp": {"entity_id": …, "url": …, …}}')]
    for name, table in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(table, Mapping):
            faults.append((f".{name}", "is no table with a short name", 'letters, digits, "-" and "_"'))
            continue
        idp, wrong = _idp(table, development=development)
        faults += [(f".{name}{place}", what, allowed) for place, what, allowed in wrong]
        found |= {} if idp is None else {name: idp}
    return found, faults


def _idp(table: Mapping[str, object], *, development: bool) -> tuple[Idp | None, list[tuple[str, str, str]]]:
    faults = [(f".{key}", "is not known", ", ".join(sorted(_KNOWN))) for key in map(str, table) if key not in _KNOWN]
    entity_id, url = table.get("entity_id"), table.get("url")
    if not isinstance(entity_id, str) or not entity_id:
        faults.append((".entity_id", "is missing", "what the identity provider's metadata call entityID"))
    if not isinstance(url, str) or not allowed_address(url, development=development):
        faults.append((".url", "is no https address", "the SingleSignOnService with the binding HTTP-Redirect"))
    certificates = _certificates(table)
    if not certificates:
        faults.append((".x509cert", "is no certificate", "the identity provider's signing certificate"))
    attributes = {key: table[key] for key in ATTRIBUTES if key in table}
    for key, one in attributes.items():
        if one is not None and (not isinstance(one, str) or not one):
            faults.append((f".{key}", "is no text", "the name of an attribute, or None"))
    if faults:
        return None, faults
    named = {key: str(one) if one is not None else None for key, one in attributes.items()}
    return Idp(entity_id=str(entity_id), url=str(url), certificates=certificates, attributes=named), []


def _certificates(table: Mapping[str, object]) -> tuple[str, ...]:
    """Give the certificates in PEM, or nothing where one of them is none."""
    several = table.get("x509certMulti")
    named: object = [table["x509cert"]] if table.get("x509cert") else None
    if named is None and isinstance(several, Mapping):
        named = several.get("signing")
    if not isinstance(named, list | tuple):
        return ()
    found = [_pem(one) for one in named]
    return tuple(one for one in found if one is not None) if None not in found else ()


def _pem(text: object) -> str | None:
    """Give a certificate in PEM, whether it came with its first and last line or without."""
    if not isinstance(text, str):
        return None
    body = re.sub(r"-----(?:BEGIN|END) CERTIFICATE-----|\s", "", text)
    if not _BASE64.fullmatch(body):
        return None
    pem = "\n".join(["-----BEGIN CERTIFICATE-----", *textwrap.wrap(body, 64), "-----END CERTIFICATE-----", ""])
    try:
        x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None
    return pem
