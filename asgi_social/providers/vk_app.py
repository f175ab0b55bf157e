"""VK apps in a frame: the parameters that the frame is opened with, which the app hands over as a client token."""

from hashlib import md5

from asgi_social.protocols import payload
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Tokens
from asgi_social.protocols.oauth2 import is_token
from asgi_social.protocols.proof import Proven
from asgi_social.secret import Secret, same


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Verify the parameters: MD5, which VK demands, of the app, the person and the app's secret.

    That signature is for ever the same, so that the access token beside it has to be of the same person, which the
    request for the account shows. All other parameters are signed by nobody, and none of them is read.

    Source: social-auth-core 7.0.0, vk.py.
    """
    yield from ()  # nobody is asked here
    fields = payload.fields_of(client, tokens)
    given, app, uid, token = payload.required(client, fields, "auth_key", "api_id", "viewer_id", "access_token")
    if not same(app, client.client_id):
        raise payload.refused(client, "audience", "the frame is of another app")
    signed = f"{client.client_id}_{uid}_{payload.key_of(client)}"
    payload.require_signature(client, given, md5(signed.encode()).hexdigest())  # noqa: S324  # theirs to choose
    if not is_token(token):
        raise payload.refused(client, "malformed", "the frame's access token is none")
    return Proven(subject=uid, expires_at=None, tokens=Tokens(access_token=Secret(token)))
