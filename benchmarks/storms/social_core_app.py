"""An app with social-core and its Django app, as their documentation has it.

``social_django`` among the installed apps, a backend for a plain OAuth 2 provider ("OAuth2" of "Adding a new backend"),
a view that gets the person's row by ``user.social_auth.get(provider=…)`` and asks the API with ``requests`` ("Use
Cases"), and ``get_access_token(strategy)``, which refreshes a token that has expired (``UserMixin`` in the API
reference). Django answers each request in a thread of its own, and so it is here.

Sources, below https://python-social-auth.readthedocs.io/en/latest/: configuration/django.html,
backends/implementation.html, use_cases.html, api/index.html.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import django
import requests
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from social_core.backends.oauth import BaseOAuth2

from benchmarks.processes import together
from benchmarks.storms.stage import CLIENT_ID, CLIENT_SECRET, Tokens, play

BUSY_SECONDS = 20


class Example(BaseOAuth2):
    """The provider, as the documentation adds one."""

    name = "example"
    ID_KEY = "sub"
    EXTRA_DATA = [("refresh_token", "refresh_token", True), ("expires_in", "expires")]  # noqa: RUF012  # as they write it

    def access_token_url(self) -> str:
        """Give the token endpoint, of which nobody knows the port before this run."""
        return f"{self.setting('ISSUER')}/token"


def profile(request: HttpRequest) -> HttpResponse:
    """Answer with what the provider says of the person who is signed in."""
    from social_django.utils import load_strategy

    social = request.user.social_auth.get(provider="example")
    token = social.get_access_token(load_strategy(request))
    answer = requests.get(
        f"{settings.SOCIAL_AUTH_EXAMPLE_ISSUER}/userinfo", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    return HttpResponse(answer.content, status=answer.status_code)


urlpatterns = [path("", profile)]


def set_up(database: str, issuer: str) -> None:
    """Set Django up."""
    settings.configure(
        SECRET_KEY="the-key-of-the-storm-4Rt7Wq2Zx8Lm5Vc9",
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "social_django"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        AUTHENTICATION_BACKENDS=[f"{__name__}.Example", "django.contrib.auth.backends.ModelBackend"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": database,
                "OPTIONS": {"timeout": BUSY_SECONDS, "init_command": "PRAGMA journal_mode = WAL"},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SOCIAL_AUTH_EXAMPLE_KEY=CLIENT_ID,
        SOCIAL_AUTH_EXAMPLE_SECRET=CLIENT_SECRET,
        SOCIAL_AUTH_EXAMPLE_ISSUER=issuer,
        LOGGING_CONFIG=None,
    )
    django.setup()


def prepare(database: str, issuer: str, tokens: Tokens) -> None:
    """Store the tokens as the pipeline's last step does, an hour and a minute ago."""
    set_up(database, issuer)
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from social_django.models import UserSocialAuth
    from social_django.utils import load_strategy

    call_command("migrate", verbosity=0)
    user = User.objects.create(username="ada")
    social = UserSocialAuth.create_social_auth(user, "1", "example")
    backend = social.get_backend_instance(load_strategy())
    # One hour is what the provider gives; that of this token is over.
    extra: dict[str, Any] = backend.extra_data(user, "1", {**tokens, "expires_in": 3600}, {}, {})
    social.set_extra_data({**extra, "auth_time": int(time.time()) - 3660})
    social.save()


def storm(database: str, issuer: str, callers: int) -> Sequence[int]:
    """Let so many callers in, each in a thread."""
    set_up(database, issuer)
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    signed_in, barrier = Client(), Barrier(callers)
    signed_in.force_login(User.objects.get(username="ada"), "django.contrib.auth.backends.ModelBackend")

    def call() -> int:
        browser = Client(raise_request_exception=False)
        browser.cookies = signed_in.cookies
        barrier.wait()
        try:
            return int(browser.get("/").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as threads:
        together()
        called = [threads.submit(call) for _ in range(callers)]
        return [one.result() for one in called]


if __name__ == "__main__":
    import benchmarks.storms.social_core_app as app  # by the name that Django's settings know it by

    play(app.prepare, app.storm)
