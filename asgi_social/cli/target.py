"""Which engine the doctor looks at: the one inside an app, or one made of the environment alone."""

import importlib
import sys
import traceback
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from asgi_social.errors import SettingsError, SocialError
from asgi_social.middleware import SocialMiddleware
from asgi_social.social import Social

MAX_DEPTH = 50
_INSIDE = ("app", "asgi_app", "middleware_stack")


App = Annotated[
    str | None,
    typer.Argument(envvar="ASGI_SOCIAL_APP", help="module:attribute, as uvicorn takes it, of an app or a Social"),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Tell faults alone.")]


def social_of(target: str | None) -> Social:
    """Give the engine to look at; it is not opened.

    Args:
        target: ``module:attribute``, as uvicorn takes it; None: the environment alone.

    Raises:
        SettingsError: The app cannot be imported or holds no engine (``setting`` is ``app``), or its settings are
            wrong.
    """
    if target is None:
        return Social()
    social = social_in(_loaded(target))
    if social is None:
        raise _unusable(
            f"{target} is no Social, and holds no SocialMiddleware that can be found",
            "name the app that the server calls, or the Social that SocialMiddleware was given",
        )
    return social


def social_in(app: object) -> Social | None:
    """Find the engine in an app: it is one, is wrapped in ours, has ours among its middleware, or wraps such an app.

    Raises:
        SettingsError: The middleware was added but not made yet, and its settings are wrong.
    """
    for _ in range(MAX_DEPTH):  # an app may lead back to itself
        if isinstance(app, Social):
            return app
        if isinstance(app, SocialMiddleware):
            return app.social
        for added in getattr(app, "user_middleware", ()):  # of Starlette, which makes them at the first request
            if added.cls is SocialMiddleware:
                return SocialMiddleware(cast(Any, app), *added.args, **added.kwargs).social
        app = next((inner for name in _INSIDE if (inner := getattr(app, name, None)) is not None), None)
    return None


async def open_error(social: Social) -> SocialError | None:
    """Open an engine, and give what kept it from opening, or None."""
    try:
        await social.open()
    except SocialError as error:
        return error
    return None


def _loaded(target: str) -> object:
    module, _, attribute = target.partition(":")
    if not module or not attribute:
        raise _unusable(f"{target!r} is no module:attribute", "write it as for uvicorn, such as app:app")
    here = str(Path.cwd())
    if here not in sys.path:  # where uvicorn looks too
        sys.path.insert(0, here)
    try:
        found: object = attrgetter(attribute)(importlib.import_module(module))
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001  # the app's own code runs here, and may raise anything
        last = traceback.extract_tb(error.__traceback__)[-1]
        # Only these two name nothing but modules and attributes; the text of another may hold a password.
        text = f": {error}" if isinstance(error, ImportError | AttributeError) else ""
        raise _unusable(
            f"{target} cannot be imported: {type(error).__name__}{text}",
            f"it was raised in {Path(last.filename).name}, line {last.lineno}",
        ) from None
    return found


def _unusable(message: str, hint: str) -> SettingsError:
    return SettingsError(message, hint=hint, setting="app", allowed="module:attribute")
