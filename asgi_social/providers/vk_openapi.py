"""VK Open API: the cookie that its script sets, which a page hands over as a client token."""

from hashlib import md5

from asgi_social.protocols import payload
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.proof import Proven
from asgi_social.secret import Secret

_SIGNED = ("expire", "mid", "secret", "sid")


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Verify the cookie: MD5, which VK demands, of four of its fields and the app's secret.

    Names stand beside it in the page and are signed by nobody, so that none is read.

    Source: social-auth-core 7.0.0, vk.py.
    """
    yield from ()  # nobody is asked
    fields = payload.fields_of(client, tokens)
    given, ends_at, uid, _, _ = payload.required(client, fields, "sig", *_SIGNED)
    signed = "".join(f"{name}={fields[name]}" for name in _SIGNED) + payload.key_of(client)
    payload.require_signature(client, given, md5(signed.encode()).hexdigest())  # noqa: S324  # theirs to choose
    moment = payload.moment_of(client, ends_at)
    if moment <= client.now:
        raise payload.refused(client, "expired", "the cookie has ended")
    once = payload.once(client, given, until=moment)
    return Proven(
        subject=uid, expires_at=None, tokens=Tokens(access_token=Secret(""), scope=(), answer={"id": uid}, once=once)
    )
