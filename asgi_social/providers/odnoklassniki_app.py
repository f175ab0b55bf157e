"""Odnoklassniki apps in a frame: the parameters that the frame is opened with, handed over as a client token."""

from collections.abc import Mapping
from hashlib import md5

from asgi_social.account import Account
from asgi_social.errors import ProviderBroken
from asgi_social.protocols import payload, userinfo
from asgi_social.protocols.body import require_success
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Conversation, Request, Response, Tokens
from asgi_social.protocols.proof import Proven
from asgi_social.protocols.strict_json import parsed
from asgi_social.secret import Secret

ENDPOINT = "method endpoint"
API = "https://api.ok.ru/fb.do"


def prove(client: Client, tokens: Tokens) -> Conversation[Proven]:
    """Verify the parameters by their signature, and ask whose the session is that they name.

    Source: social-auth-core 7.0.0, odnoklassniki.py; https://apiok.ru/en/ext/invite_suggest, on signatures.
    """
    fields = payload.fields_of(client, tokens)
    given, uid, session, secret = payload.required(
        client, fields, "auth_sig", "logged_user_id", "session_key", "session_secret_key"
    )
    payload.require_signature(client, given.lower(), _md5(f"{uid}{session}{payload.key_of(client)}"))
    asked = {"application_key": _public(client), "format": "JSON", "method": "users.getLoggedInUser"}
    signed = {**asked, "sig": signature_of(asked, secret), "session_key": session}
    response = yield Request(endpoint=ENDPOINT, method="POST", url=API, form=signed)
    if _answer(client, response) != uid:
        raise payload.refused(client, "subject", "the session is another person's")
    return Proven(subject=uid, expires_at=None, tokens=Tokens(access_token=Secret(""), scope=(), answer={"uid": uid}))


def fetch_account(client: Client, tokens: Tokens) -> Conversation[Account]:
    """Ask for the names of a person, as the app itself."""
    uid = str(tokens.answer.get("uid", ""))
    asked = {
        "application_key": _public(client),
        "fields": "uid,first_name,last_name,name",
        "format": "JSON",
        "method": "users.getInfo",
        "uids": uid,
    }
    query = {**asked, "sig": signature_of(asked, payload.key_of(client))}
    response = yield Request(endpoint=ENDPOINT, method="GET", url=API, query=query)
    found = _answer(client, response)
    person = found[0] if isinstance(found, list) and len(found) == 1 else None
    if not isinstance(person, dict):
        raise ProviderBroken(endpoint=ENDPOINT, expected="one person", got="something else", backend=client.name)
    return userinfo.account_from(client, {"": person, "userinfo": person}, tokens, uid=person.get("uid"))


def signature_of(fields: Mapping[str, str], secret: str) -> str:
    """Sign a request: MD5, which the provider demands, of its parameters in their order and a secret."""
    return _md5("".join(sorted(f"{name}={text}" for name, text in fields.items())) + secret)


def _answer(client: Client, response: Response) -> object:
    require_success(response, endpoint=ENDPOINT, backend=client.name)
    try:
        return parsed(response.body)
    except ValueError:
        raise ProviderBroken(
            endpoint=ENDPOINT, expected="JSON", got=f"{len(response.body)} bytes of something else", backend=client.name
        ) from None


def _public(client: Client) -> str:
    return client.variables["public_name"]


def _md5(text: str) -> str:
    return md5(text.encode()).hexdigest()  # noqa: S324  # theirs to choose
