"""A strict provider of OpenID 2.0, for tests: it signs what it says, and answers once for each assertion.

It is made from a backend's own settings and stands at the provider's own addresses.
"""

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from asgi_social.clock import Clock
from asgi_social.errors import SettingsError
from asgi_social.protocols.client import Client, rendered_url, values
from asgi_social.protocols.openid2 import AX, NAMESPACE, SREG
from asgi_social.protocols.openid2_discovery import SELECT
from asgi_social.protocols.provider import OpenId2
from asgi_social.registration import registered
from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_people import CLAIMS, PEOPLE, Person, claims_of, one_of

_SREG_CLAIMS = {"email": "email", "fullname": "name", "nickname": "preferred_username"}
_AX_CLAIMS = {
    "http://axschema.org/contact/email": "email",
    "http://axschema.org/namePerson": "name",
    "http://axschema.org/namePerson/first": "given_name",
    "http://axschema.org/namePerson/last": "family_name",
    "http://axschema.org/namePerson/friendly": "preferred_username",
}


class FakeOpenID2:
    """A provider of OpenID 2.0 at the addresses of a backend.

    Attributes:
        people: Who has an account.
        identities: The claimed identifiers, by username.
        unsigned: The fields that it leaves unsigned; none, unless a test adds some.
        answers: Further JSON answers by address without query, such as a profile.
        requests: What it was asked, oldest first.
        checks: How often it was asked whether an assertion is its own.
        is_valid: What it says to whoever asks whether an assertion is its own; None for the truth.
    """

    def __init__(
        self,
        settings: Mapping[str, object],
        *,
        name: str,
        identities: Mapping[str, str],
        people: Sequence[Person] = PEOPLE,
        clock: Clock | None = None,
    ) -> None:
        """Stand up the provider of a backend.

        Args:
            settings: The backend's, as the app has them.
            name: The backend's.
            identities: The claimed identifiers, by username; those whose form is for the provider to know.
            people: Who has an account.
            clock: Its time; the engine's own.

        Raises:
            SettingsError: What the engine would raise, or the backend is none of OpenID 2.0.
        """
        client = _registered(name, settings)
        self.people = tuple(people)
        self.identities = dict(identities)
        self.unsigned: set[str] = set()
        self.answers: dict[str, object] = {}
        self.requests: list[httpx.Request] = []
        self.checks = 0
        self.is_valid: bool | None = None
        self._uid = client.provider.uid
        self._clock = clock or ManualClock()
        self._rules = client.provider.openid2 or OpenId2()
        known = values(client)
        self._identifier = rendered_url(client, self._rules.url, known)
        stated = rendered_url(client, self._rules.endpoint, known)
        self.endpoint = stated or f"https://{urlsplit(self._identifier or '').hostname}/fake-openid"
        self._open: dict[str, str] = {}  # signatures of assertions that nobody has asked about
        self._made = 0

    def transport(self) -> httpx.AsyncBaseTransport:
        """Give a transport that reaches this provider."""
        return httpx.MockTransport(self._handle)

    def answers_at(self, method: str, url: str) -> bool:  # noqa: ARG002  # one address has one kind of answer
        """Say whether something of this provider is at a URL."""
        plain = url.partition("?")[0]
        known = {self.endpoint, self._identifier, *self.answers, *self.identities.values()}
        return plain in {str(one).partition("?")[0] for one in known if one}

    def uid_of(self, person: str | Person) -> str:
        """Give the uid by which the engine knows a person's account here."""
        claimed_id = self.identities[one_of(self.people, person).username]
        found = re.fullmatch(self._rules.allow_identity or ".*", claimed_id)
        said = {"claimed_id": claimed_id, **(found.groupdict() if found else {})}
        return str(self._uid.read({"": said, "token": said}))

    async def sends_back(
        self, location: str, *, person: str | Person | None = None, deny: bool = False
    ) -> tuple[str, dict[str, str] | None]:
        """Play the browser at the provider, and give the URL that leads back to the app, and None for "by GET".

        Raises:
            ValueError: The app asks for what no provider would answer.
        """
        asked = dict(parse_qsl(location.partition("?")[2]))
        self._require_sound(location, asked)
        back = asked["openid.return_to"]
        if deny:
            said = {"openid.ns": NAMESPACE, "openid.mode": "cancel"}
        else:
            said = self.assertion(asked, self.people[0] if person is None else one_of(self.people, person))
        return f"{back}{'&' if '?' in back else '?'}{urlencode(said)}", None

    def assertion(self, asked: Mapping[str, str], person: Person, **changed: str) -> dict[str, str]:
        """Give a positive assertion (section 10.1); what is changed is changed before it is signed."""
        self._made += 1
        moment = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fields = {
            "ns": NAMESPACE,
            "mode": "id_res",
            "op_endpoint": self.endpoint,
            "claimed_id": self.identities[person.username],
            "identity": self.identities[person.username],
            "return_to": asked["openid.return_to"],
            "response_nonce": f"{moment}fake-{self._made}",
            "assoc_handle": "fake-handle",
            **self._attributes(asked, person),
            **changed,
        }
        return self.signed(fields)

    def signed(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Sign an assertion's fields, and remember that it is ours."""
        names = [name for name in fields if name not in {"ns", "mode", *self.unsigned}]
        told = {**fields, "signed": ",".join(names)}
        signature = _signature(told)
        self._open[signature] = told.get("response_nonce", "")
        return {f"openid.{name}": text for name, text in {**told, "sig": signature}.items()}

    def _require_sound(self, location: str, asked: Mapping[str, str]) -> None:
        if location.partition("?")[0] != self.endpoint.partition("?")[0]:
            raise ValueError(f"the browser is sent to {location.partition('?')[0]}, not to {self.endpoint}")
        for name, text in (("openid.ns", NAMESPACE), ("openid.mode", "checkid_setup")):
            if asked.get(name) != text:
                raise ValueError(f"{name} is not {text}")
        if not asked.get("openid.return_to", "").startswith(asked.get("openid.realm", "-")):
            raise ValueError("return_to is not in the realm")
        if not {asked.get("openid.claimed_id"), asked.get("openid.identity")} <= {SELECT, *self.identities.values()}:
            raise ValueError("the identifier is nobody's here")

    def _attributes(self, asked: Mapping[str, str], person: Person) -> dict[str, str]:
        claims = {name: str(value) for name, value in claims_of(person, scope=list(CLAIMS)).items()}
        told: dict[str, str] = {}
        wanted = asked.get("openid.sreg.optional", "").split(",") if asked.get("openid.ns.sreg") == SREG else []
        named = {f"sreg.{name}": claims.get(_SREG_CLAIMS.get(name, "")) for name in wanted}
        told |= {name: text for name, text in named.items() if text}
        told |= {"ns.sreg": SREG} if told else {}
        if asked.get("openid.ns.ax") == AX:
            told |= {"ns.ax": AX, "ax.mode": "fetch_response"}
            for name in asked["openid.ax.required"].split(","):
                uri = asked[f"openid.ax.type.{name}"]
                if (text := claims.get(_AX_CLAIMS.get(uri, ""))) is not None:
                    told |= {f"ax.type.{name}": uri, f"ax.value.{name}": text}
        return told

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        plain = str(request.url).partition("?")[0]
        if plain in self.answers:
            return httpx.Response(200, json=self.answers[plain])
        if plain == self.endpoint.partition("?")[0]:
            return self._checked(dict(parse_qsl(request.content.decode())))
        kind = "server" if plain == self._identifier and plain not in self.identities.values() else "signon"
        return httpx.Response(200, text=_XRDS.format(kind=kind, endpoint=self.endpoint), headers=_XRDS_TYPE)

    def _checked(self, form: Mapping[str, str]) -> httpx.Response:
        """Answer a direct verification (section 11.4.2), for each assertion once."""
        self.checks += 1
        told = {name.removeprefix("openid."): text for name, text in form.items()}
        is_ours = told.get("sig") == _signature(told) and self._open.pop(told["sig"], None) is not None
        said = is_ours if self.is_valid is None else self.is_valid
        return httpx.Response(200, text=f"ns:{NAMESPACE}\nis_valid:{json.dumps(said)}\n")


_XRDS_TYPE = {"content-type": "application/xrds+xml"}
_XRDS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<xrds:XRDS xmlns:xrds="xri://$xrds" xmlns="xri://$xrd*($v*2.0)"><XRD>'
    '<Service priority="0"><Type>http://specs.openid.net/auth/2.0/{kind}</Type><URI>{endpoint}</URI></Service>'
    "</XRD></xrds:XRDS>"
)


def _signature(told: Mapping[str, str]) -> str:
    names = told.get("signed", "").split(",")
    text = "".join(f"{name}:{told.get(name, '')}\n" for name in names)
    return base64.b64encode(hmac.new(b"fake-key", text.encode(), sha256).digest()).decode()


def _registered(name: str, settings: Mapping[str, object]) -> Client:
    faults: list[SettingsError] = []
    client = registered(name, settings, redirect_uri="", development=True, faults=faults)
    if client is None or client.provider.openid2 is None:
        raise (
            faults[0]
            if faults
            else SettingsError(
                f"the backend {name} is none of OpenID 2.0",
                hint="fakes_of makes the fakes of the others",
                setting=f"backends.{name}",
            )
        )
    return client
