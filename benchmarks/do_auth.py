"""What ``do_auth`` costs beside the requests that it has to make, and beside what others do with a client's token.

An access token is one of GitHub's: a look-up, the account and its addresses, three requests to an API on this machine
that is a process of its own. Raw httpx makes the same three over a pool. social-core's ``do_auth`` and httpx-oauth's
``get_id_email`` look no token up, so that they make fewer, and take one of any app. An ID token's keys are kept: beside
it stands what joserfc takes for signature and claims. All in one run, each contender in turn::

    pip install "asgi-social[bench]"
    python -m benchmarks.do_auth

Prints milliseconds for one call, the least of the rounds' means, and the ratio; it judges nothing.
"""

import argparse
import asyncio
import base64
import contextlib
import gc
import itertools
import json
import logging
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import django
import httpx
import httpx_oauth.clients.github as httpx_oauth_github
from django.conf import settings
from django.test import RequestFactory
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from asgi_social import Social
from asgi_social.client_tokens import MAX_PROOFS
from asgi_social.protocols.id_token import Expected, verified_claims
from asgi_social.protocols.metadata import prepared
from asgi_social.secret import Secret
from asgi_social.storage.memory import MemoryRepository
from asgi_social.verify import account_of_id_token
from benchmarks.processes import line_of, started

CLIENT_ID, CLIENT_SECRET = "an-id", "a-secret"
ROUNDS = 30  # many and short: one in which nothing else ran is among them
Contender = Callable[[], Awaitable[object]]
_numbers = itertools.count()


def access_token() -> str:
    """Give a token that was not sent before, so that nothing of it is kept."""
    return f"gho_{next(_numbers):036}"


@contextlib.asynccontextmanager
async def opened(issuer: str, database: str | MemoryRepository) -> AsyncIterator[Social]:
    """Open an engine whose one person has a user already."""
    credentials = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    social = Social(
        secret_key=secrets.token_hex(),
        backends={
            "github": {**credentials, "url": issuer, "api_url": issuer},
            "corp": {**credentials, "provider": "oidc", "issuer": issuer},
        },
        base_url="http://localhost:8000",
        database=database,
        embedded_users=True,
    )
    async with social:
        await social.backend("github").do_auth(access_token(), sign_up="allow")
        yield social


def requests_of(http: httpx.AsyncClient, api: str) -> Contender:
    """Make the three requests and read their answers, and nothing else."""
    auth = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()

    async def raw() -> object:
        token = access_token()
        looked_up = await http.post(
            f"{api}/applications/{CLIENT_ID}/token", json={"access_token": token}, headers={"authorization": auth}
        )
        own = {"authorization": f"token {token}"}
        account = await http.get(f"{api}/user", headers=own)
        addresses = await http.get(f"{api}/user/emails", headers=own)
        return looked_up.json(), account.json(), addresses.json()

    return raw


def httpx_oauth_of(api: str) -> Contender:
    """Ask as httpx-oauth does, which has GitHub's addresses in constants."""
    httpx_oauth_github.PROFILE_ENDPOINT = f"{api}/user"
    httpx_oauth_github.EMAILS_ENDPOINT = f"{api}/user/emails"
    client = httpx_oauth_github.GitHubOAuth2(CLIENT_ID, CLIENT_SECRET)
    return lambda: client.get_id_email(access_token())


def social_core_of(api: str, database: str, thread: ThreadPoolExecutor) -> Contender:
    """Ask as an app of Django does with social-core, whose views run in a thread."""
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="django.contrib.auth.urls",  # in which it looks each setting up that ends in _URL
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "social_django"],
        AUTHENTICATION_BACKENDS=["social_core.backends.github_enterprise.GithubEnterpriseOAuth2"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SOCIAL_AUTH_GITHUB_ENTERPRISE_KEY=CLIENT_ID,
        SOCIAL_AUTH_GITHUB_ENTERPRISE_SECRET=CLIENT_SECRET,
        SOCIAL_AUTH_GITHUB_ENTERPRISE_URL=api,
        SOCIAL_AUTH_GITHUB_ENTERPRISE_API_URL=api,
        SOCIAL_AUTH_GITHUB_ENTERPRISE_SCOPE=["user:email"],
    )
    django.setup()
    from django.core.management import call_command  # after the settings, as all of Django's
    from social_django.utils import load_backend, load_strategy

    request: Any = RequestFactory().get("/")
    request.session = {}

    def one() -> object:
        backend = load_backend(load_strategy(request), "github-enterprise", redirect_uri=None)
        return backend.do_auth(access_token())

    thread.submit(call_command, "migrate", verbosity=0).result()

    async def ask() -> object:
        return await asyncio.get_running_loop().run_in_executor(thread, one)

    return ask


async def measured(contenders: Mapping[str, Contender], *, calls: int) -> dict[str, float]:
    """Give the milliseconds of one call of each, measured in turn; the least of the rounds counts."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            gc.collect()  # what the one before left
            for _ in range(1 + calls // 5):  # and what it drove out of the processor's caches
                assert await contender()
            began = time.perf_counter()
            for _ in range(calls):
                await contender()
            best[name] = min(best[name], (time.perf_counter() - began) / calls * 1000)
    return best


def tell(title: str, times: Mapping[str, float]) -> None:
    """Print each, and its ratio to the first."""
    first = next(iter(times.values()))
    sys.stdout.write(f"{title}\n")
    for name, milliseconds in times.items():
        sys.stdout.write(f"  {name:<44}{milliseconds:9.3f} ms{milliseconds / first:7.2f}\n")
    sys.stdout.flush()


async def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answer-ms", type=float, nargs="*", default=[0, 20], help="after which the API answers")
    parser.add_argument("--calls", type=int, default=25, help="of each, in a round")
    asked = parser.parse_args()
    logging.disable()
    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    key_set: Any = {"keys": [key.as_dict(private=False)]}
    with tempfile.TemporaryDirectory(prefix="do-auth-") as folder, ThreadPoolExecutor(1) as thread:
        for number, milliseconds in enumerate(asked.answer_ms):
            async with (
                started("benchmarks.api", str(milliseconds), json.dumps(key_set)) as process,
                httpx.AsyncClient(trust_env=False) as http,
            ):
                api = f"http://127.0.0.1:{await line_of(process)}"
                async with (
                    opened(api, MemoryRepository()) as in_memory,
                    opened(api, f"sqlite+aiosqlite:///{folder}/{number}.db") as in_sqlite,
                ):
                    contenders = {
                        "httpx, the same three requests": requests_of(http, api),
                        "asgi_social, rows in memory": lambda: in_memory.backend("github").do_auth(access_token()),
                        "asgi_social, rows in SQLite": lambda: in_sqlite.backend("github").do_auth(access_token()),
                        f"httpx-oauth {version('httpx-oauth')}, no proof": httpx_oauth_of(api),
                    }
                    if number == 0:  # Django has one set of settings in a process
                        name = f"social-core {version('social-auth-core')}, no proof, rows in SQLite"
                        contenders[name] = social_core_of(api, f"{folder}/django.db", thread)
                    calls = max(1, asked.calls // (1 + int(milliseconds)))
                    tell(f"access token, answers after {milliseconds:g} ms", await measured(contenders, calls=calls))
                    if number == 0:
                        await id_tokens(api, key, in_memory, in_sqlite, calls=asked.calls * 5)


async def proofs_of(social: Social, tokens: Iterator[str]) -> tuple[Contender, Contender]:
    """Give what ``do_auth`` does with a token: signature and claims alone, and with the account read from them."""
    backend: Any = social.backend("corp")
    play = backend._engine.transport.play
    client = replace(backend._client, now=time.time())
    ready = await play(prepared(client), backend=client.name)
    expected = Expected(now=client.now, nonce=None, max_age=None)
    return (
        lambda: play(verified_claims(ready, Secret(next(tokens)), expected=expected), backend=client.name),
        lambda: play(account_of_id_token(client, Secret(next(tokens)), nonce=None), backend=client.name),
    )


async def id_tokens(issuer: str, key: RSAKey, in_memory: Social, in_sqlite: Social, *, calls: int) -> None:
    """Print the table of ID tokens, whose keys are kept from the first one on."""
    now = int(time.time())
    claims = {"iss": issuer, "aud": CLIENT_ID, "sub": "7", "iat": now, "exp": now + 3600, "email": "ada@people.example"}
    header, keys = {"alg": "RS256", "kid": "one"}, KeySet([key])
    # More than proofs are kept, so that the next one is always new.
    signed = [jwt.encode(header, {**claims, "jti": str(number)}, key) for number in range(MAX_PROOFS + 200)]
    tokens, again = itertools.cycle(signed), jwt.encode(header, claims, key)
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer}, aud={"essential": True, "value": CLIENT_ID}, exp={"essential": True}
    )

    async def joserfc() -> object:
        verified = jwt.decode(next(tokens), keys, algorithms=["RS256"])
        registry.validate(verified.claims)
        return verified

    for social in (in_memory, in_sqlite):
        await social.backend("corp").do_auth(id_token=again, sign_up="allow")
    verifying, proving = await proofs_of(in_memory, tokens)
    contenders: dict[str, Contender] = {
        f"joserfc {version('joserfc')}, signature and claims": joserfc,
        "asgi_social, signature and claims": verifying,
        "asgi_social, and the account": proving,
        "asgi_social, rows in memory": lambda: in_memory.backend("corp").do_auth(id_token=next(tokens)),
        "asgi_social, rows in SQLite": lambda: in_sqlite.backend("corp").do_auth(id_token=next(tokens)),
        "asgi_social, the same token, rows in memory": lambda: in_memory.backend("corp").do_auth(id_token=again),
    }
    tell("ID token, by keys that are kept", await measured(contenders, calls=calls))


if __name__ == "__main__":
    asyncio.run(main())
