"""WeCom (WorkWeixin): a member of one company, told to the company's own token, which nobody else ever has."""

from asgi_social.errors import ProviderBroken, Refused
from asgi_social.protocols.body import object_of
from asgi_social.protocols.client import Client
from asgi_social.protocols.message import Callback, Challenge, Conversation, Request, Tokens
from asgi_social.protocols.userinfo import checked_answer
from asgi_social.secret import Secret

API = "https://qyapi.weixin.qq.com/cgi-bin"


def exchange_code(client: Client, callback: Callback, challenge: Challenge) -> Conversation[Tokens]:  # noqa: ARG001
    """Ask whom a code is of; the token that this takes is the company's, and is kept nowhere.

    Raises:
        Refused: The person is no member of the company.

    Source: AspNet.Security.OAuth.WorkWeixin; goth, providers/wecom.
    """
    credentials = {"corpid": client.client_id, "corpsecret": client.client_secret.reveal()}
    token = (yield from _got(client, "gettoken", credentials)).get("access_token")
    if not isinstance(token, str) or not token:
        raise ProviderBroken(endpoint="gettoken endpoint", expected="an access_token", got="none", backend=client.name)
    named = yield from _got(client, "user/getuserinfo", {"access_token": token, "code": callback.code.reveal()})
    member = named.get("UserId") or named.get("userid")
    if not isinstance(member, str):
        raise Refused(
            "the person is no member of the company",
            hint="sign in there as a member, and start again",
            backend=client.name,
        )
    person = yield from _got(client, "user/get", {"access_token": token, "userid": member})
    if person.get("userid") != member:
        raise ProviderBroken(
            endpoint="user/get endpoint", expected="the member that was asked for", got="another", backend=client.name
        )
    return Tokens(access_token=Secret(""), scope=(), answer=person)


def _got(client: Client, method: str, query: dict[str, str]) -> Conversation[dict[str, object]]:
    endpoint = f"{method} endpoint"
    response = yield Request(endpoint=endpoint, method="GET", url=f"{API}/{method}", query=query)
    return checked_answer(client, object_of(response, endpoint=endpoint, backend=client.name), response, endpoint)
