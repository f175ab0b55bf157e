"""Client tokens and providers' answers that nobody has thought of, made by hypothesis: none of them is to be accepted.

Each rule sends something through the app's door, and gives what came of it. Nothing here is a token of this app with
an honest answer to it, so that whoever is let in is a hole.
"""

import base64
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import strategies as st
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asgi_social import SocialMiddleware, providers
from asgi_social.protocols.id_token import unverified_claims
from asgi_social.secret import Secret
from asgi_social.testing.clock import START
from asgi_social.testing.fake_keys import signed
from asgi_social.testing.inverting import with_facts
from tests.providers.proving import ANOTHER_APP, App, proving
from tests.providers.test_every_proof import ID_TOKENS, LOOK_UPS, PAYLOADS, WITH_NONCE

CLIENT_ID = "Zx81-of-this-app"
STRANGER = RSAKey.generate_key(2048, {"kid": "key-1"})
STATUSES = [200, 200, 200, 200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 418, 429, 500, 503]
TYPES = ["application/json", "text/html", "text/plain; charset=utf-16", "application/xml", "", "application/jwt"]
HEADER_NAMES = ["alg", "kid", "typ", "jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty"]
ALGS = ["none", "None", "HS256", "HS512", "RS256", "PS256", "ES256", "EdDSA", "RS1", "dir", "", None, 256, ["RS256"]]
ODD_HEADER = {"alg": st.sampled_from(ALGS), "kid": st.sampled_from(["stranger", "", None, 1])}
CLAIMS = ["scope", "azp", "nonce", "at_hash", "nbf", "iat", "jti", "email", "email_verified", "tid", "hd", "client_id"]

TEXTS = st.text(max_size=20) | st.sampled_from(["", "null", "true", "0", "-1", "{}", "\x00", "%00", "\u202e"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**63, 2**64, 10**400, int(START), int(START) + 60])
    | st.floats()
    | TEXTS
)
# What JSON can say, and UTF-8 cannot.
SENT = SCALARS | st.sampled_from(["\ud800", "a\udfff"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the app's endpoint answered."""

    status: int
    body: object


Rule = Callable[[App, st.DataObject], Awaitable[Outcome]]


def objects(names: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give JSON whose members have these names, or others, down to a few levels."""
    keys = st.sampled_from(names) | st.text(max_size=5) if names else st.text(max_size=5)
    return st.recursive(
        values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
    )


def near(text: str) -> st.SearchStrategy[Any]:
    """Give what is nearly a text, and is not."""
    return st.sampled_from(
        [
            f"{text} ",
            f" {text}",
            f"{text}\x00",
            f"{text}/",
            f"{text},x",
            text[:-1],
            text.swapcase(),
            text + text,
            [text, [text]],
            [[text]],
            {"id": text},
            {text: True},
            "",
            None,
            True,
            0,
        ]
    )


def names_in(*sources: str) -> list[str]:
    """Give the words of paths into an answer."""
    return sorted({word for source in sources for word in re.findall(r"[A-Za-z_]\w*", source)})


def bodies(value: Any) -> st.SearchStrategy[bytes]:
    """Give the bytes of JSON, or such as are nearly JSON."""
    text = json.dumps(value).encode()
    return st.sampled_from(
        [
            text,
            text,
            text,
            text[: len(text) // 2],
            b"\xef\xbb\xbf" + text,
            text + text,
            text.replace(b"{", b'{"x": 1, "x": 2, '),
            b"callback(" + text + b");",
            b"[" * 5000,
            text.decode().encode("utf-16"),
        ]
    ) | st.binary(max_size=30)


def answer(data: st.DataObject, value: Any) -> httpx.Response:
    """Give an answer of a provider: every other one is as it should be, but for what it says."""
    if data.draw(st.booleans()):
        return httpx.Response(200, content=json.dumps(value))
    status, kind = data.draw(st.sampled_from(STATUSES)), data.draw(st.sampled_from(TYPES))
    headers = {"content-type": kind} | ({"location": "https://evil.example/"} if status == 301 else {})
    return httpx.Response(status, headers=headers, content=data.draw(bodies(value)))


async def _client_token(request: Request) -> Response:
    backend = request.state.social.backend(request.path_params["backend"])
    user = await backend.do_auth(**await request.json(), sign_up="allow")
    return JSONResponse(user and user.id)


async def sent(app: App, body: Mapping[str, object]) -> Outcome:
    """Send client tokens to the app's endpoint, which hands over whatever came, as JSON has it."""
    door = Starlette(
        routes=[Route("/{backend}", _client_token, methods=["POST"])],
        middleware=[Middleware(SocialMiddleware, app.social)],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="https://app.example") as http:
        content = json.dumps(body).encode()
        response = await http.post(f"/{app.name}", content=content, headers={"accept": "application/json"})
    return Outcome(response.status_code, response.json())


def altered(token: str) -> st.SearchStrategy[str]:
    """Give a token with one thing changed."""
    places = st.integers(0, len(token) - 1)
    marks = st.sampled_from("aZ0-_.=+/ \n\t%") | st.characters(max_codepoint=0x2FF)
    return st.one_of(
        st.just(token),
        places.map(lambda at: token[:at]),
        st.builds(lambda at, mark: token[:at] + mark + token[at + 1 :], places, marks),
        st.builds(lambda at, mark: token[:at] + mark + token[at:], places, marks),
        st.permutations(token.split(".")).map(".".join),
        st.just(token * 200),
    )


async def a_token_of_nobody(app: App, data: st.DataObject) -> Outcome:
    """Send anything, and tokens of another app, altered or not."""
    theirs = app.fake.issue_tokens("ada", client_id=ANOTHER_APP)
    texts = [
        text for name in ("access_token", "id_token", "refresh_token") if isinstance(text := theirs.get(name), str)
    ]
    tokens = objects([], SENT) | st.sampled_from(texts).flatmap(altered)
    further = dict.fromkeys(["nonce", "code_verifier", "redirect_uri", "user"], objects([], SENT))
    body = data.draw(
        st.fixed_dictionaries({}, optional=dict.fromkeys(["access_token", "id_token", "code"], tokens) | further)
    )
    return await sent(app, body)


async def a_forged_id_token(app: App, data: st.DataObject) -> Outcome:
    """Send the claims of an ID token of this app, signed by another."""
    genuine = app.fake.issue_tokens("ada")["id_token"]
    claims = {**unverified_claims(Secret(genuine)), **data.draw(st.dictionaries(st.sampled_from(CLAIMS), SCALARS))}
    header = data.draw(st.dictionaries(st.sampled_from(HEADER_NAMES), objects(HEADER_NAMES, SCALARS), max_size=4))
    header = {} if data.draw(st.booleans()) else header
    known_header = _header_of(genuine)
    header |= {name: data.draw(st.just(known_header[name]) | odd) for name, odd in ODD_HEADER.items()}
    if data.draw(st.booleans()):
        header["jwk"] = dict(STRANGER.as_dict(private=False))
    text = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    # The published key as a secret is how an algorithm is confused (RFC 8725 section 2.1).
    known = [b"", CLIENT_ID.encode(), STRANGER.as_pem(private=False), genuine.rpartition(".")[0].encode()]
    signatures = [b"", *(hmac.digest(key, text.encode(), "sha256") for key in known)]
    signatures += [STRANGER.get_op_key("sign").sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())]
    signature = data.draw(st.sampled_from([*map(_encoded, signatures), genuine.rpartition(".")[2]]))
    return await sent(app, {"id_token": f"{text}.{signature}"})


async def an_id_token_with_odd_claims(app: App, data: st.DataObject) -> Outcome:
    """Send an ID token that the provider has signed, of which one claim is not as it should be."""
    genuine = app.fake.issue_tokens("ada")["id_token"]
    claims = dict(unverified_claims(Secret(genuine)))
    claims |= data.draw(st.dictionaries(st.sampled_from(CLAIMS), objects(CLAIMS, SCALARS), max_size=3))
    wrong = data.draw(st.sampled_from(["iss", "aud", "exp", "sub"]))
    odd = {
        "iss": near(str(claims["iss"])),
        "aud": near(CLIENT_ID),
        "exp": st.sampled_from([None, True, "soon", "", 0, -1, int(START) - 61, 1e13, [int(START) + 60], {}]),
        "sub": st.sampled_from([None, True, 7, 7.5, "", [], ["7"], {}]),
    }
    claims[wrong] = data.draw(odd[wrong])
    kid, alg = (_header_of(genuine)[name] for name in ("kid", "alg"))
    token = signed(claims, kid=kid, alg=alg, signature="own", secret=app.fake.client_secret)
    return await sent(app, {"id_token": token})


async def an_odd_look_up(app: App, data: st.DataObject) -> Outcome:
    """Send an access token of another app, for which the look-up answers anything but this app's id."""
    proof, token = LOOK_UPS[app.name], app.fake.issue_tokens("ada", client_id=ANOTHER_APP)["access_token"]
    paths = [one.source for one in (proof.app, proof.subject, proof.active, proof.expires) if one is not None]
    told = objects(names_in(*paths), SENT | near(CLIENT_ID))
    if data.draw(st.booleans()):
        app.tells(token, app=data.draw(near(CLIENT_ID)))
        told = st.just(json.loads(app.network.told[0].content))
    app.network.told, app.network.about = [answer(data, data.draw(told))], token
    return await sent(app, {"access_token": token})


async def an_odd_account(app: App, data: st.DataObject) -> Outcome:
    """Send an access token of this app, for which the account is anything but that of its person."""
    provider, token = providers.provider(app.name), app.fake.issue_tokens("ada")["access_token"]
    uid = app.fake.uid_of("ada")
    app.tells(token)
    paths = [provider.uid.source, provider.userinfo.main.path.source if provider.userinfo.main.path else ""]
    told = objects(names_in(*paths), SENT | near(uid))
    if data.draw(st.booleans()):
        facts = [(provider.uid, data.draw(near(uid)))]
        told = st.just(with_facts({"userinfo": {}}, facts, base="userinfo")["userinfo"])
    further = [answer(data, data.draw(told)) for _ in range(4)]
    app.network.told += further
    return await sent(app, {"access_token": token})


async def odd_keys(app: App, data: st.DataObject) -> Outcome:
    """Send an ID token of this app, for which the provider's keys are anything but its own."""
    genuine = app.fake.issue_tokens("ada")["id_token"]
    key = dict(STRANGER.as_dict(private=False)) | {"kid": _header_of(genuine)["kid"]}
    keys = st.dictionaries(st.sampled_from([*key, "use", "alg", "x5c", "k", "d"]), SCALARS, max_size=3)
    told = keys.map(lambda odd: {"keys": [{**key, **odd}]}) | objects(["keys", "kty", "n", "e", "kid", "use"], SCALARS)
    app.network.about = _address_of_keys(app.name)
    app.network.told = [answer(data, data.draw(told)) for _ in range(2)]
    return await sent(app, {"id_token": genuine})


async def another_nonce(app: App, data: st.DataObject) -> Outcome:
    """Send an ID token of this app with any nonce but its own."""
    nonce = data.draw(objects([], SENT | near("a-nonce")).filter(lambda one: one is not None))
    return await sent(app, {"id_token": app.fake.issue_tokens("ada", nonce="a-nonce")["id_token"], "nonce": nonce})


RULES: Mapping[Rule, list[str]] = {
    a_token_of_nobody: sorted({*LOOK_UPS, *ID_TOKENS, *PAYLOADS}),
    a_forged_id_token: sorted(ID_TOKENS),
    an_id_token_with_odd_claims: sorted(ID_TOKENS),
    an_odd_look_up: sorted(LOOK_UPS),
    an_odd_account: [name for name, proof in LOOK_UPS.items() if proof.subject],
    odd_keys: sorted(ID_TOKENS),
    another_nonce: sorted(WITH_NONCE),
}


async def outcome_of(rule: Rule, name: str, data: st.DataObject) -> Outcome:
    """Play one example of a rule."""
    async with proving(name, client_id=CLIENT_ID) as app:
        return await rule(app, data)


def _address_of_keys(name: str) -> str:
    """Give the end of the address of a provider's keys; where its metadata name it, it is the fake's own."""
    rules = providers.provider(name).id_token
    return "/jwks" if rules is None or rules.jwks is None else f"/{rules.jwks.source.rstrip('/').rpartition('/')[2]}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _header_of(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    header: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return header
