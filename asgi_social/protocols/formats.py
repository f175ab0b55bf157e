"""A body in the format that a provider answers in, read into what JSON could hold."""

import re
from typing import Literal, assert_never
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from asgi_social.protocols.strict_json import OddNumbers, parsed, require_shallow, unrepeated_members

Format = Literal["json", "query", "jsonp", "xml", "text", "none"]

_JSONP = re.compile(r"\s*[A-Za-z_$][\w$.]*\s*\((.*)\)\s*;?\s*", re.DOTALL)
MAX_FIELDS = 100


def read_as(form: Format, body: bytes, *, odd_numbers: OddNumbers = "refuse") -> object:
    """Read a body.

    Args:
        form: ``json``; ``query``: form text; ``jsonp``: JSON as the argument of a call; ``xml``, see :func:`xml_of`;
            ``text``: whatever it is, as ``{"text": …}``; ``none``: it is not looked at.
        body: The body.
        odd_numbers: See :func:`~asgi_social.protocols.strict_json.parsed`.

    Raises:
        ValueError: It is not in this format.
    """
    match form:
        case "json":
            return parsed(body, odd_numbers=odd_numbers)
        case "query":
            return fields_of(body)
        case "jsonp":
            found = _JSONP.fullmatch(body.decode())
            return parsed(found[1] if found else body, odd_numbers=odd_numbers)
        case "xml":
            return xml_of(body)
        case "text":
            return {"text": body.decode().strip()}
        case "none":
            return {}
        case other:
            assert_never(other)


def fields_of(body: bytes) -> dict[str, object]:
    """Read form text (application/x-www-form-urlencoded) in which no name comes twice.

    Raises:
        ValueError: It is none.
    """
    return unrepeated_members(list(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=MAX_FIELDS)))


def xml_of(body: bytes) -> dict[str, object]:
    """Read XML: elements by their names, attributes as ``@name``; text is itself where there is nothing else.

    An element that comes several times is a list. A document type, and with it every entity, is refused.

    Raises:
        ValueError: It is no XML, declares something, or nests too deep.

    >>> xml_of(b'<a n="1"><b>x</b><b/><c k="2">y</c></a>')
    {'a': {'@n': '1', 'b': ['x', ''], 'c': {'@k': '2', '#text': 'y'}}}
    """
    try:
        root = fromstring(body, forbid_dtd=True)
        value = {root.tag: _element(root)}
    except (ParseError, DefusedXmlException, RecursionError):
        raise ValueError("no XML that is read") from None
    require_shallow(value)
    return value


def _element(element: Element) -> object:
    members: dict[str, object] = {f"@{name}": text for name, text in element.attrib.items()}
    text = (element.text or "").strip()
    for child in element:
        value, known = _element(child), members.get(child.tag)
        if known is None:
            members[child.tag] = value
        else:
            members[child.tag] = [*known, value] if isinstance(known, list) else [known, value]
    if not members:
        return text
    return {**members, "#text": text} if text else members
