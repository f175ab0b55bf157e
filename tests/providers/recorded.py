"""Recorded sign-ins of social-auth's own tests, and what of them is ours to do otherwise.

Each departure from a recording stands in a table here, with its reason; anything else must be as it was recorded.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HERE = Path(__file__).parent.parent / "recorded_logins"

# Addresses that the provider has moved since.
MOVED = {
    "https://accounts.google.com/o/oauth2/auth": "https://accounts.google.com/o/oauth2/v2/auth",
    "https://accounts.google.com/o/oauth2/token": "https://oauth2.googleapis.com/token",
    # The page of its own sign-in; the authorization endpoint of its manual leads there.
    "https://social_core.auth.eu-west-1.amazoncognito.com/login": (
        "https://social_core.auth.eu-west-1.amazoncognito.com/oauth2/authorize"
    ),
    "https://soundcloud.com/connect": "https://secure.soundcloud.com/authorize",
    "https://api.soundcloud.com/oauth2/token": "https://secure.soundcloud.com/oauth/token",
    "https://stackexchange.com/oauth": "https://stackoverflow.com/oauth",
    "https://stackexchange.com/oauth/access_token": "https://stackoverflow.com/oauth/access_token/json",
    "https://api.stackexchange.com/2.1/me": "https://api.stackexchange.com/2.3/me",
    "https://twitter.com/i/oauth2/authorize": "https://x.com/i/oauth2/authorize",
    "https://api.twitter.com/2/oauth2/token": "https://api.x.com/2/oauth2/token",
    "https://api.twitter.com/2/users/me": "https://api.x.com/2/users/me",
    "https://login.uber.com/oauth/authorize": "https://auth.uber.com/oauth/v2/authorize",
    "https://login.uber.com/oauth/token": "https://auth.uber.com/oauth/v2/token",
    "https://ssl.reddit.com/api/v1/authorize": "https://www.reddit.com/api/v1/authorize",
    "https://ssl.reddit.com/api/v1/access_token": "https://www.reddit.com/api/v1/access_token",
    "https://oauth.reddit.com/api/v1/me.json": "https://oauth.reddit.com/api/v1/me",
}
# What we send besides: PKCE and the nonce wherever they are taken.
ADDED = {"code_challenge", "code_challenge_method", "code_verifier", "nonce"}
NOTHING_ADDED_BY = {"linkedin-openidconnect", "slack"}  # they take no PKCE, and their ID tokens repeat no nonce
ADDED_BY = {
    "facebook": {"fields"},  # without it the profile has neither address nor picture
    "github-org": {"scope"},  # without read:org only a public membership is seen
    "qiita": {"scope"},  # without read_qiita nothing may be read
    "stackoverflow": {"key"},  # which raises the limits
    "uber": {"scope"},  # without profile none is read
    "mailru": {"scope"},  # which published clients ask for
}
# What was sent and is not by us.
LEFT_OUT = {
    # They stand in the Basic header, and need not stand in the body too.
    "bitbucket-oauth2": {"client_id", "client_secret"},
    "cognito": {"client_id", "client_secret"},
    "google-openidconnect": {"alt"},  # it answers in JSON in any case
    # The request token was given for it.
    "discogs": {"redirect_uri"},
    "flickr": {"redirect_uri"},
    "reddit": {"client_id", "client_secret"},
    "spotify": {"client_id", "client_secret"},
    "stripe": {"client_id", "scope"},  # the key says which app it is; an empty scope says nothing
}
# Who is told the app in the form alone, where social-core says it in the Basic header too.
BY_FORM = {"uber"}
# Of a signature of OAuth 1: no nonce and no time comes twice, and what is signed is another text each time.
NEVER_TWICE = {"oauth_nonce", "oauth_timestamp", "oauth_signature"}
# Requests of ours that were not recorded, with what is answered; None: that it is not found.
FURTHER: Mapping[str, Mapping[str, str | None]] = {
    # social-core reads the person's name from a header of another answer.
    "bitbucket-datacenter-oauth2": {
        "https://bachmanity.atlassian.net/plugins/servlet/applinks/whoami": "erlich-bachman"
    },
    # Made there only where the profile has no address, and by us always: it says what is verified.
    "github": {"https://api.github.com/user/emails": None},
    "github-enterprise-org": {"https://www.example.com/api/v3/user/emails": None},
    "github-org": {"https://api.github.com/user/emails": None},
    # Made there only where the app asks for the scope of the address, and refused without it.
    "linkedin-oauth2": {"https://api.linkedin.com/v2/emailAddress": None},
    # The recording expects this account, and has lost the answer.
    "soundcloud": {"https://api.soundcloud.com/me": '{"id": 10101010, "username": "foobar", "full_name": "Foo Bar"}'},
}
# Requests that were recorded, and in whose place another is made.
NOT_ASKED = {"https://bachmanity.atlassian.net/rest/api/latest/application-properties"}

# What we have to be told besides.
BESIDES: Mapping[str, Mapping[str, object]] = {"stackoverflow": {"api_key": "a-request-key"}}
# Where the metadata lie that were not recorded, with what they say.
METADATA: Mapping[str, Mapping[str, str]] = {
    "https://cas.example.net/oidc/.well-known/openid-configuration": {
        "issuer": "https://cas.example.net/oidc",
        "authorization_endpoint": "https://cas.example.net/oidc/oidcAuthorize",
        "token_endpoint": "https://cas.example.net/oidc/oidcAccessToken",
        "userinfo_endpoint": "https://cas.example.net/oidc/oidcProfile",
        "jwks_uri": "https://cas.example.net/oidc/jwks",
    }
}

_NAMES = {"KEY": "client_id", "SECRET": "client_secret", "OIDC_ENDPOINT": "issuer", "ID_KEY": "uid"}
_PATHS = {  # where social-core reads it, which names the place itself
    ("cas", "preferred_username"): "attributes.preferred_username",
}
_NAMES_OF_APPLE = {"CLIENT": "client_id", "SECRET": "client_secret", "KEY": "key"}
# Settings of social-auth that mean nothing here.
_MEANINGLESS = {
    "USE_UNIQUE_USER_ID",  # the uid is sub now in any case
    "REVOKE_TOKENS_ON_DISCONNECT",  # tokens are always revoked
    "USERNAME_IS_FULL_EMAIL",  # of the pipeline's username, not of the account's
    "ID_TOKEN_DECRYPTION_KEY",  # a name of the recording's own
    "PKCE_CODE_CHALLENGE_METHOD",  # it is S256 always
    "WHITELISTED_DOMAINS",  # of the pipeline
    "IDENTIFIED_BY_PERMANENT_ID",  # it is always
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a recording: where the browser was sent, or what the provider was asked and answered."""

    method: str
    url: str
    body: str
    headers: Mapping[str, str]
    status: int
    content_type: str
    answer: str

    @property
    def address(self) -> str:
        """The URL without its query, as it is today."""
        bare = self.url.partition("?")[0]
        return MOVED.get(bare, bare)

    @property
    def fields(self) -> dict[str, str]:
        """The query and the form."""
        return fields_of(urlsplit(self.url).query, self.body)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded sign-in of one provider."""

    provider: str
    case: str
    settings: Mapping[str, Any]
    authorize: Call
    calls: tuple[Call, ...]
    expect: Mapping[str, Any]
    extra_data: Mapping[str, Any]


def recordings() -> list[Recording]:
    """Give every recording there is."""
    return [
        _recording(file.stem, login)
        for file in sorted(HERE.glob("*.json"))
        for login in json.loads(file.read_text(encoding="utf-8"))
    ]


def fields_of(*encoded: str) -> dict[str, str]:
    """Give the parameters of a query and a form, or of JSON."""
    found: dict[str, str] = {}
    for text in encoded:
        found |= json.loads(text) if text.startswith("{") else dict(parse_qsl(text, keep_blank_values=True))
    return found


def settings_of(recording: Recording) -> dict[str, Any]:
    """Give the settings of our backend for a recording's."""
    names = _NAMES_OF_APPLE if recording.provider == "apple-id" else _NAMES
    prefix = recording.provider.upper().replace("-", "_") + "_"
    found: dict[str, Any] = {}
    for name, value in recording.settings.items():
        assert name.startswith(prefix), name
        name = name.removeprefix(prefix)
        if name == "USERNAME_WITH_TEAM" and value is False:
            found["account"] = {"username": "user.email:before(@)|user.name"}
        elif name == "USERNAME_KEY":
            found["account"] = {"username": value}
        elif name not in _MEANINGLESS:
            path = _PATHS.get((recording.provider, str(value)), value) if name == "ID_KEY" else value
            found[names.get(name, name.lower())] = path
    return {**found, **BESIDES.get(recording.provider, {})}


def _recording(provider: str, login: Mapping[str, Any]) -> Recording:
    # With OAuth 1 the provider is asked for a request token before.
    [authorize] = [call for call in login["calls"] if call["kind"] == "authorize"]
    return Recording(
        provider=provider,
        case=login["case"],
        settings=login["settings"],
        authorize=_call(authorize),
        calls=tuple(_call(call) for call in login["calls"] if call is not authorize),
        expect=login["expect"],
        extra_data=login["extra_data"],
    )


def _call(call: Mapping[str, Any]) -> Call:
    return Call(
        method=call["method"],
        url=call["url"],
        body=call.get("request_body") or "",
        headers=call.get("request_headers", {}),
        status=call.get("status", 302),
        content_type=call.get("content_type", ""),
        answer=call.get("body", ""),
    )
