"""DiscourseConnect: a forum says who its member is, in a payload that a shared secret signs both ways."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from asgi_social.errors import FlowReason, FlowRefused
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Begun, Callback, Challenge, Conversation, Tokens
from asgi_social.secret import Secret, same

# Old forums write long payloads in several lines, and some write base64 for addresses.
_TO_STANDARD = str.maketrans("-_", "+/")


def begin(client: Client, challenge: Challenge) -> Conversation[Begun]:
    """Send the browser to the forum with a signed payload: the nonce of the flow, and where to come back."""
    yield from ()  # nobody is asked
    back = f"{challenge.redirect_uri}?{urlencode({'state': challenge.state.reveal()})}"
    fields = {"nonce": challenge.nonce.reveal(), "return_sso_url": back}
    payload = base64.b64encode(urlencode(fields).encode()).decode()
    query = urlencode({"sso": payload, "sig": _signature(client, payload)})
    return Begun(url=f"{client.endpoints.authorize}?{query}")


def read_callback(client: Client, params: Mapping[str, str]) -> Callback:
    """Take the payload from an answer, once its signature fits.

    Raises:
        FlowRefused: There is none, or it is not of a forum that knows the secret.
    """
    payload = params.get("sso", "")
    if not payload:
        raise _refused(client, "missing", "the answer holds no payload")
    if not same(params.get("sig", ""), _signature(client, payload)):
        raise _refused(client, "issuer", "the answer is not signed by the forum")
    return Callback(code=Secret(payload))


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:
    """Read the payload, which counts only for the flow whose nonce it gives back.

    Raises:
        FlowRefused: It cannot be read, or is of another flow.
    """
    yield from ()  # nobody is asked
    try:
        encoded = callback.code.reveal().replace("\n", "").translate(_TO_STANDARD)
        text = base64.b64decode(encoded, validate=True).decode()
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except (binascii.Error, ValueError):
        raise _refused(client, "missing", "the answer's payload cannot be read") from None
    if not same(fields.pop("nonce", ""), challenge.nonce.reveal()):
        raise _refused(client, "state", "the answer was made for another flow")
    return Tokens(access_token=Secret(""), scope=(), answer=fields)


def _signature(client: Client, payload: str) -> str:
    return hmac.new(client.client_secret.reveal().encode(), payload.encode(), sha256).hexdigest()


def _refused(client: Client, reason: FlowReason, message: str) -> FlowRefused:
    return FlowRefused(message, hint="start again", reason=reason, backend=client.name)
