"""Fetching the picture of an account, so that a page of the app can show it without sending its visitor elsewhere."""

import re
from urllib.parse import urljoin

from asgi_social.protocols.message import Conversation, Request

MAX_PICTURE_BYTES = 1024 * 1024
MAX_REDIRECTS = 2
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What browsers draw and nothing else reads; SVG is a document, and may hold a script.
_KINDS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}


def fetch_picture(url: str) -> Conversation[tuple[str, bytes] | None]:
    """Give a picture's media type and bytes; None where what is answered is no picture.

    Nothing of the person's is sent along: no token, no cookie, no address.

    Args:
        url: As the provider gave it.
    """
    for _ in range(MAX_REDIRECTS + 1):
        response = yield Request(
            endpoint="picture",
            method="GET",
            url=url,
            headers={"accept": ", ".join(_KINDS)},
            max_bytes=MAX_PICTURE_BYTES,
            public=True,
        )
        if response.status not in _REDIRECTS:
            break
        url = urljoin(url, response.headers.get("location", ""))
    kind = next((kind for kind, start in _KINDS.items() if start.match(response.body)), None)
    return (kind, response.body) if response.status == 200 and kind is not None else None
