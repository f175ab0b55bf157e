"""Django: its session and users lie inside, so that the middleware is wrapped around the app and asks Django's auth.

Its tables are made by ``python -c "import django_app, django.core.management as m; m.call_command('migrate')"``.
"""

import os
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings as conf
from django.contrib.auth import aget_user, alogin, get_user_model
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.asgi import get_asgi_application
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.http import require_POST
from starlette.requests import HTTPConnection

from asgi_social import SocialError, SocialMiddleware, error_response

conf.configure(  # or as they stand in the settings of a project
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=[os.environ.get("HOST", "localhost")],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DATABASE", "users.db")}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", f"{__name__}.ClearAnswers"],
    SESSION_ENGINE=SessionStore.__module__,
    ROOT_URLCONF=__name__,
)


async def current_user(connection: HTTPConnection) -> Any:
    request = HttpRequest()
    request.session = SessionStore(connection.cookies.get(conf.SESSION_COOKIE_NAME))
    user = await aget_user(request)  # which asks also whether the password is still that of the session
    await sync_to_async(close_old_connections)()  # as Django does after each request of its own
    return user.pk


async def load_user(user_id: int) -> Any:
    return await get_user_model().objects.filter(pk=user_id).afirst()


class ClearAnswers(MiddlewareMixin):
    def process_exception(self, request: Any, error: Exception) -> HttpResponse | None:
        if not isinstance(error, SocialError):
            return None
        answer = error_response(error, HTTPConnection(request.scope))
        return HttpResponse(answer.body, status=answer.status_code, headers=dict(answer.headers))


@require_POST
async def sign_in(request: Any, user_id: int) -> HttpResponse:
    await alogin(request, await load_user(user_id))  # once your own sign-in has asked for a password
    return JsonResponse("signed in", safe=False)


async def home(request: Any) -> HttpResponse:
    return JsonResponse([one.username for one in await request.scope["state"]["social"].associations()], safe=False)


@require_POST
async def phone(request: Any) -> HttpResponse:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    user = await request.scope["state"]["social"].backend("github").do_auth(token)
    return JsonResponse(user and {"name": user.username}, safe=False)


@require_POST
async def renew(request: Any) -> HttpResponse:
    linked = await request.scope["state"]["social"].associations()
    return JsonResponse([(await one.refresh_token()).status for one in linked], safe=False)


@require_POST
async def unlink(request: Any) -> HttpResponse:
    return JsonResponse(len(await request.scope["state"]["social"].disconnect()), safe=False)


urlpatterns = [path("", home), path("sign-in/<int:user_id>", sign_in), path("phone", phone)]
urlpatterns += [path("renew", renew), path("unlink", unlink)]


def make_app(**settings: Any) -> SocialMiddleware:
    hooks: Any = {"current_user": current_user, "load_user": load_user, "user_id": int}
    return SocialMiddleware(get_asgi_application(), **hooks, **settings)


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
