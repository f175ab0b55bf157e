"""OAuth 1.0a at the fake provider: request tokens, signatures, and all of it said in the words of OAuth 2.

Those are what the fake provider thinks in. A request token that a person said yes to is a code there, its verifier the
code's value, and the token the state.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.responses import PlainTextResponse, Response

from asgi_social.protocols.client import Client
from asgi_social.protocols.signing import TokenPair, private_key
from asgi_social.secret import Secret, digest
from asgi_social.testing.fake_dialect import NO_STORE
from asgi_social.testing.fake_requests import RecordedRequest
from asgi_social.testing.fake_tokens import Refusal
from asgi_social.testing.shaped_answers import callback_in_shape, token_answer_in_shape
from asgi_social.testing.shaped_requests import addresses_asked, in_standard_words
from asgi_social.testing.shapes import Shape

CLOCK_SECONDS = 300
_OF_OAUTH2 = ("access_token", "refresh_token", "token_type", "scope")


class SignedRequests:
    """The books of a provider of OAuth 1.0a: which request tokens there are, and which nonces were used."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._callbacks: dict[str, str] = {}  # where each request token sends the browser back
        self._nonces: set[tuple[str, ...]] = set()

    def understood(self, asked: RecordedRequest, *, now: float) -> RecordedRequest:
        """Give what a request means, in the words of OAuth 2.

        Raises:
            Refusal: Its signature is not right, or it shows a token that there is not.
        """
        endpoint = addresses_asked(self._shape, asked)[0].endpoint
        if endpoint == "/authorize":
            # The form was made by the fake provider's own page, in the standard's words.
            return asked if asked.method == "POST" else replace(asked, query=self._authorization(asked.query))
        said = self._signed(asked, endpoint, now=now)
        if endpoint == "/request-token":
            return replace(asked, form={"oauth_callback": said.get("oauth_callback", "")})
        if endpoint == "/token":
            return replace(asked, method="POST", query={}, headers={}, form=self._code(said))
        bearer = {**asked.headers, "authorization": f"Bearer {said.get('oauth_token', '')}"}
        return in_standard_words(self._shape, replace(asked, headers=bearer), now=now)

    def request_token(self, asked: RecordedRequest) -> Response:
        """Give a request token (RFC 5849 section 2.1)."""
        token = f"fake-request-{len(self._callbacks) + 1}-{digest(asked.url)[:24]}"
        self._callbacks[token] = asked.form["oauth_callback"]
        return _form({**_pair(token), "oauth_callback_confirmed": "true"})

    def callback(self, params: Mapping[str, str], claims: Mapping[str, object]) -> dict[str, str]:
        """Give the parameters that go back to the app (section 2.2)."""
        said = callback_in_shape(self._shape, {name: text for name, text in params.items() if name != "iss"}, claims)
        token, refusal = said.pop("state"), self._shape.client.provider.callback.error
        code, error = params.get("code"), params.get("error")
        kept = {
            name: text for name, text in said.items() if name not in {"code", "error", "error_description", refusal}
        }
        if code is not None:
            return {**kept, "oauth_token": token, "oauth_verifier": code}
        if error != "access_denied":
            return {"oauth_problem": str(error)}
        return {"denied": token} if refusal is None else {refusal: "user_refused"}

    def token_answer(self, said: Mapping[str, object], claims: Mapping[str, object], *, now: float) -> Response:
        """Give an access token, with what the data read of the person there (section 2.3)."""
        answer = token_answer_in_shape(self._shape, said, claims, now=now)
        told = {name: one for name, one in dict(answer).items() if name not in _OF_OAUTH2}  # type: ignore[call-overload]
        return _form({**told, **_pair(str(said["access_token"]))})

    def _authorization(self, query: Mapping[str, str]) -> dict[str, str]:
        token = query.get("oauth_token", "")
        if token not in self._callbacks:
            raise Refusal("token_rejected", "there is no such request token", status=401)
        wanted = {
            "response_type": "code",
            "client_id": self._shape.client.client_id,
            "redirect_uri": self._callbacks[token],
            "state": token,
        }
        return {**wanted, "scope": query["scope"]} if "scope" in query else wanted

    def _code(self, said: Mapping[str, str]) -> dict[str, str]:
        callback = self._callbacks.pop(said.get("oauth_token", ""), None)
        if callback is None:
            raise Refusal("token_rejected", "there is no such request token, or it is spent", status=401)
        client = self._shape.client
        return {
            "grant_type": "authorization_code",
            "code": said.get("oauth_verifier", ""),
            "redirect_uri": callback,
            "client_id": client.client_id,
            "client_secret": client.client_secret.reveal(),
        }

    def _signed(self, asked: RecordedRequest, endpoint: str, *, now: float) -> dict[str, str]:
        """Give the parameters of the protocol in the header, once the signature over all of it is right."""
        # An optional package, which only the tests of a provider of OAuth 1 need.
        from oauthlib.oauth1.rfc5849.signature import collect_parameters

        header = {"Authorization": asked.headers.get("authorization", "")}
        if not header["Authorization"].startswith("OAuth "):
            raise _refused("parameter_absent", "the request is not signed")
        said: dict[str, str] = dict(collect_parameters(headers=header, exclude_oauth_signature=False))
        signature = said.pop("oauth_signature", "")
        if said.get("oauth_consumer_key") != self._shape.client.client_id:
            raise _refused("consumer_key_unknown", "there is no such app")
        stamp = said.get("oauth_timestamp", "")
        if not stamp.isdigit() or abs(int(stamp) - now) > CLOCK_SECONDS:
            raise _refused("timestamp_refused", "the clock is wrong")
        used = (stamp, said.get("oauth_nonce", ""), said.get("oauth_token", ""))
        if not used[1] or used in self._nonces:
            raise _refused("nonce_used", "the nonce was used before")
        token = "" if endpoint == "/request-token" else said.get("oauth_token", "")
        request = _Signed(
            http_method=asked.method,
            uri=asked.url,
            params=[*said.items(), *asked.query.items(), *asked.form.items()],
            signature=signature,
        )
        if not _is_right(self._shape.client, said.get("oauth_signature_method", ""), request, _secret_of(token)):
            raise _refused("signature_invalid", "the signature is another")
        self._nonces.add(used)
        return said


def as_stored(token: str) -> str:
    """Give an access token as the engine stores it, with its secret."""
    return TokenPair(token=token, secret=Secret(_secret_of(token))).as_text().reveal()


def refused(refusal: Refusal) -> Response:
    """Give a refusal, in the words of the extension for problems."""
    problem = {"oauth_problem": refusal.error, "oauth_problem_advice": refusal.description}
    return PlainTextResponse(urlencode(problem), refusal.status, {**NO_STORE, "WWW-Authenticate": 'OAuth realm="fake"'})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """A request as oauthlib checks one."""

    http_method: str
    uri: str
    params: Sequence[tuple[str, str]]
    signature: str


def _is_right(client: Client, method: str, request: _Signed, token_secret: str) -> bool:
    from oauthlib.oauth1.rfc5849 import signature  # as above

    rules = client.provider.oauth1
    if rules is None or method != rules.signature:
        return False
    if method == "HMAC-SHA1":
        return bool(signature.verify_hmac_sha1(request, client.client_secret.reveal(), token_secret))
    base = signature.signature_base_string(
        request.http_method, signature.base_string_uri(request.uri), signature.normalize_parameters(request.params)
    )
    key = private_key(client.client_secret).public_key()
    try:
        key.verify(b64decode(request.signature), base.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    except (InvalidSignature, ValueError):  # the latter of what is no base64
        return False
    return True


def _pair(token: str) -> dict[str, object]:
    return {"oauth_token": token, "oauth_token_secret": _secret_of(token)}


def _secret_of(token: str) -> str:
    return f"fake-secret-{digest(token)[:24]}" if token else ""


def _form(fields: Mapping[str, object]) -> Response:
    return PlainTextResponse(urlencode(fields), headers=NO_STORE)


def _refused(error: str, description: str) -> Refusal:
    return Refusal(error, description, status=401)
