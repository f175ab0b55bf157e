"""The demo: Harbour Runners, a running club whose members see their week from services that they link.

The club has a sign-in of its own; the services are made up and served beside it. Nothing reaches the network until a
real service is named in the environment (``ASGI_SOCIAL_GITHUB_CLIENT_ID`` and ``ASGI_SOCIAL_GITHUB_CLIENT_SECRET``, and
so on). ``scripts/demo`` serves it.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from asgi_social import Social, SocialMiddleware
from asgi_social.clock import SystemClock
from asgi_social.environment import backends_from_environment
from asgi_social.settings import Settings
from demo_app import club, guide, operator_page, people, phone, services, week
from demo_app.club import Club
from demo_app.pages import FRAME, fault_page

_HERE = Path(__file__).parent


def demo() -> Starlette:
    """Make the app as ``scripts/demo`` serves it: ``PORT`` and ``DEMO_FOLDER`` come from the environment."""
    environment = dict(os.environ)  # noqa: TID251  # the demo is the outer world, and not the package
    runners = club.opened(f"http://localhost:{environment['PORT']}", clock=SystemClock())
    return app_of(runners, Social(**settings_of(runners, folder=environment["DEMO_FOLDER"], environment=environment)))


def settings_of(runners: Club, *, folder: str, environment: Mapping[str, str]) -> Settings:
    """Give the settings: the made-up services, and every real one that the environment names.

    Args:
        runners: The club.
        folder: Where the linked accounts lie.
        environment: The variables of the process.
    """
    return {
        "secret_key": secrets.token_urlsafe(32),  # an app that is to remember its links keeps it
        "backends": {
            **{service.name: service.backend_settings() for service in runners.services.values()},
            **backends_from_environment(environment),
        },
        "database": f"sqlite+aiosqlite:///{folder}/demo.db",
        "load_user": people.PEOPLE.get,
        "sign_in_url": "/sign-in",
        "on_event": runners.journal.record,
        "templates": FRAME,
        # No base_url: this is a developer's machine, and only there it may be left out.
    }


def app_of(runners: Club, social: Social) -> Starlette:
    """Give the app: its pages, the made-up services beside them, and the engine around them."""
    app = Starlette(
        routes=[
            Route("/", guide.home),
            Route("/guide", guide.show_or_hide, methods=["POST"]),
            Route("/sign-in", people.sign_in_page, methods=["GET"]),
            Route("/sign-in", people.sign_in, methods=["POST"]),
            Route("/sign-out", people.sign_out, methods=["POST"]),
            Route("/week", week.week),
            Route("/week/{association_id}/renew", week.renew, methods=["POST"]),
            Route("/week/{association_id}/take-away", week.take_away, methods=["POST"]),
            Route("/phone", phone.phone, methods=["GET"]),
            Route("/phone", phone.play, methods=["POST"]),
            Route("/api/sign-in", phone.api_sign_in, methods=["POST"]),
            Route("/operator", operator_page.overview),
            Route("/operator/renew", operator_page.renew_all, methods=["POST"]),
            Route("/operator/members", operator_page.link_members, methods=["POST"]),
            Route("/operator/services/{name}", operator_page.break_or_mend, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_HERE / "static")),
            *services.routes_of(runners.services),
        ],
        middleware=[  # the session lies around us, because we read from it whose request it is
            Middleware(SessionMiddleware, secret_key=secrets.token_urlsafe(32), same_site="lax"),
            Middleware(SocialMiddleware, social),
        ],
        exception_handlers={HTTPException: fault_page, Exception: fault_page},
    )
    app.state.club = runners
    return app
