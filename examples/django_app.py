"""Django: its session lies inside, so that the middleware is wrapped around the app and opens the session's cookie."""

import os
from typing import Any

from django.conf import settings as conf
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.http import require_POST
from starlette.requests import HTTPConnection

from asgi_social import SocialError, SocialMiddleware, error_response

USERS = {"7": {"name": "Ada"}, "8": {"name": "Grace"}}  # your own table of users


class ClearAnswers(MiddlewareMixin):
    def process_exception(self, request: Any, error: Exception) -> HttpResponse | None:
        answer = error_response(error, request.scope) if isinstance(error, SocialError) else None
        return answer and HttpResponse(answer.body, status=answer.status_code, headers=dict(answer.headers))


async def current_user(connection: HTTPConnection) -> Any:
    return await SessionStore(connection.cookies.get(conf.SESSION_COOKIE_NAME)).aget("user_id")


async def sign_in(request: HttpRequest, user_id: str) -> HttpResponse:
    request.session["user_id"] = user_id  # once your own sign-in has asked for a password
    return JsonResponse("signed in", safe=False)


async def home(request: Any) -> HttpResponse:
    return JsonResponse([one.username for one in await request.scope["state"]["social"].associations()], safe=False)


async def phone(request: Any) -> HttpResponse:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    return JsonResponse(await request.scope["state"]["social"].backend("github").do_auth(token), safe=False)


async def renew(request: Any) -> HttpResponse:
    linked = await request.scope["state"]["social"].associations()
    return JsonResponse([(await one.refresh_token()).status for one in linked], safe=False)


async def unlink(request: Any) -> HttpResponse:
    return JsonResponse(len(await request.scope["state"]["social"].disconnect()), safe=False)


posts = {"sign-in/<user_id>": sign_in, "phone": phone, "renew": renew, "unlink": unlink}
urlpatterns = [path("", home), *(path(where, require_POST(view)) for where, view in posts.items())]
inside = ["django.contrib.sessions.middleware.SessionMiddleware", f"{__name__}.ClearAnswers"]
more: Any = {"ALLOWED_HOSTS": os.environ.get("HOSTS", "localhost").split(), "SESSION_ENGINE": SessionStore.__module__}
conf.configure(SECRET_KEY=os.environ["SECRET_KEY"], ROOT_URLCONF=__name__, MIDDLEWARE=inside, **more)


def make_app(**settings: Any) -> SocialMiddleware:
    return SocialMiddleware(get_asgi_application(), current_user=current_user, load_user=USERS.get, **settings)


app = make_app(secret_key=os.environ["SECRET_KEY"], base_url=os.environ.get("BASE_URL"))
