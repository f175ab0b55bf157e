"""Which engine the doctor looks at: the one inside an app, or one made of the environment alone."""

import importlib
import sys
import traceback
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any, cast

from asgi_social.errors import SettingsError
from asgi_social.middleware import SocialMiddleware
from asgi_social.settings import Settings
from asgi_social.social import Social

MAX_DEPTH = 50
_INSIDE = ("app", "asgi_app", "middleware_stack")
_FROM_ENVIRONMENT = ("base_url", "database", "prefix", "complete_path")


def social_of(target: str | None, *, environment: Mapping[str, str]) -> Social:
    """Give the engine to look at; it is not opened.

    Args:
        target: ``module:attribute``, as uvicorn takes it; None: the environment alone.
        environment: The variables of the process.

    Raises:
        SettingsError: The app cannot be imported or holds no engine (``setting`` is ``app``), or its settings are
            wrong.
    """
    if target is None:
        return Social(**settings_from(environment))
    social = social_in(_loaded(target))
    if social is None:
        raise _unusable(
            f"{target} is no Social, and holds no SocialMiddleware that can be found",
            "name the app that the server calls, or the Social that SocialMiddleware was given",
        )
    return social


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings that the environment names; the backends are read by ``Social`` itself.

    >>> settings_from({"ASGI_SOCIAL_BASE_URL": "https://app.example", "ASGI_SOCIAL_SECRET_KEY": "new old"})
    {'base_url': 'https://app.example', 'secret_key': ['new', 'old']}
    """
    found: dict[str, object] = {
        name: value for name in _FROM_ENVIRONMENT if (value := environment.get(f"ASGI_SOCIAL_{name.upper()}"))
    }
    if keys := environment.get("ASGI_SOCIAL_SECRET_KEY", "").split():
        found["secret_key"] = keys
    return cast(Settings, found)


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
