"""What the app wrote, turned into checked values; every fault is found when the app starts, and told together."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast
from urllib.parse import urlsplit

from asgi_social.clock import Clock, SystemClock
from asgi_social.environment import ENVIRONMENT_PREFIX, backends_from_environment, text_from_environment, variable_of
from asgi_social.errors import SettingsError
from asgi_social.events import Hook
from asgi_social.protocols.client import Client
from asgi_social.protocols.host import LOOPBACK
from asgi_social.providers.own_steps import steps_of
from asgi_social.providers.table import guess
from asgi_social.refresh.attempt import Renewable
from asgi_social.registration import former_name, registered
from asgi_social.secret import Keys
from asgi_social.users import Hooks, Limit, SignUp

if TYPE_CHECKING:
    from databases import Database
    from httpx import AsyncClient

    from asgi_social.storage.repository import Repository

MIN_KEY_BYTES = 32
DEFAULT_DATABASE = "sqlite+aiosqlite:///social.db"
# What stands in examples and templates of projects, to be replaced.
_PLACEHOLDERS = ("changeme", "change-me", "change_me", "replaceme", "replace-me", "replace_me", "django-insecure-")
_FROM_ENVIRONMENT = ("secret_key", "base_url", "database", "prefix", "complete_path")


class Settings(TypedDict, total=False):
    """What an app may write. Each is described in the reference; ``secret_key`` alone is required.

    What is left out of ``secret_key``, ``base_url``, ``database``, ``prefix``, ``complete_path`` and ``backends`` is
    looked for in the environment: ``ASGI_SOCIAL_BASE_URL``, and so on.

    Attributes:
        secret_key: At least 32 bytes, or a list of such: the first seals and signs, the others still open and verify.
        backends: A table for each backend; None: from the environment (``ASGI_SOCIAL_GITHUB_CLIENT_ID`` and so on).
        database: A URL, a ``databases.Database``, or a ``Repository`` of one's own.
        current_user: Function of the connection that gives the id of the signed-in user or None; sync or async.
        user_id: The kind of the app's user ids: ``int``, ``str`` or ``UUID``.
        load_user: ``load_user(user_id) -> user or None``; sync or async.
        create_user: ``create_user(account) -> user id``; sync or async.
        embedded_users: Whether our own table holds the users.
        sign_up: ``refuse`` or ``allow``: may ``do_auth`` make users?
        sign_in_url: The app's path where a person who is not signed in is sent; None: 401.
        prefix: Put before the paths, such as ``/social``.
        base_url: The public address of the app, with the path of a mount, if any.
        complete_path: The path of the redirect URI.
        http_client: An ``httpx.AsyncClient`` of the app's own; it is not closed by us.
        on_event: Gets each event; sync or async.
        limit_tokens: ``limit_tokens(connection, backend) -> seconds or None``: is asked before each client token.
        templates: A folder with templates and colours of the app's own, for our pages.
        refresh_every: Seconds between two rounds in which the app itself renews what will end soon; None: never.
        clock: The time, for tests.
    """

    secret_key: str | Sequence[str]
    backends: Mapping[str, Mapping[str, Any]] | None
    database: "str | Database | Repository"
    current_user: Callable[..., object] | None
    user_id: Callable[..., Any]
    load_user: Callable[..., object] | None
    create_user: Callable[..., Awaitable[object] | object] | None
    embedded_users: bool
    sign_up: SignUp
    sign_in_url: str | None
    prefix: str
    base_url: str | None
    complete_path: str
    http_client: "AsyncClient | None"
    on_event: Hook | None
    limit_tokens: Limit | None
    templates: str | PathLike[str] | None
    refresh_every: float | None
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The settings, checked.

    Attributes:
        keys: Made of ``secret_key``.
        backends: By name, those that are enabled.
        hooks: What the app wrote about its users.
        sign_up: Whether ``do_auth`` may make users.
        sign_in_url: Where a person who is not signed in is sent, or None.
        prefix: ``""``, or a path without a last slash.
        base_url: Without a last slash, or None.
        complete_path: Without a last slash.
        development: Whether this is a developer's machine: plain http to loopback hosts is allowed.
        database: As the app wrote it.
        http_client: As the app wrote it.
        on_event: As the app wrote it.
        limit_tokens: As the app wrote it.
        templates: The folder of the app's own templates, or None.
        refresh_every: Seconds between two sweeps of the app's own, or None.
        clock: The time.
        origins: Where a setting is from, by its dotted name: ``code``, or a variable of the environment. One that is
            not named here has its default.
    """

    keys: Keys
    backends: Mapping[str, Renewable]
    hooks: Hooks[Any]
    sign_up: SignUp
    sign_in_url: str | None
    prefix: str
    base_url: str | None
    complete_path: str
    development: bool
    database: "str | Database | Repository" = field(repr=False)
    http_client: "AsyncClient | None"
    on_event: Hook | None
    limit_tokens: Limit | None
    templates: str | None
    refresh_every: float | None
    clock: Clock
    origins: Mapping[str, str]

    def base_of(self, scope: Mapping[str, Any]) -> str:
        """Give the public address of the app, without a last slash.

        Without ``base_url`` it is taken from the request, on a loopback host only: a developer's machine.

        Args:
            scope: The ASGI scope of the request.

        Raises:
            SettingsError: The host is not a loopback one, so ``base_url`` is needed.
        """
        if self.base_url is not None:
            return self.base_url
        host = next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"), "")
        base = f"{scope.get('scheme', 'http')}://{host}{scope.get('root_path', '').rstrip('/')}"
        if not _is_loopback(base):
            raise SettingsError(
                "the public address of the app is not known, and is not taken from a request",
                hint='set base_url="https://…", the address that browsers see, also where a proxy ends https; only on '
                "localhost it may be left out",
                setting="base_url",
                allowed="https://host, with the path of a mount, if any",
            )
        return base.replace("ws", "http", 1) if base.startswith("ws") else base

    def public_path(self, scope: Mapping[str, Any]) -> str:
        """Give the path under which a browser sees the app: that of ``base_url``, else of the mount; no last slash."""
        if self.base_url is not None:
            return urlsplit(self.base_url).path.rstrip("/")
        return str(scope.get("root_path", "")).rstrip("/")

    def is_secure(self, scope: Mapping[str, Any]) -> bool:
        """Say whether a browser sees the app over https, so that cookies can demand it."""
        return (self.base_url or f"{scope.get('scheme', 'http')}:").startswith("https:")

    def redirect_uri(self, backend: str, *, base: str) -> str:
        """Give the redirect URI of a backend under a public address."""
        return f"{base}{self.prefix}{self.complete_path}/{backend}/"


def checked(settings: Settings, *, environment: Mapping[str, str] | None = None) -> Checked:
    """Check everything that the app wrote.

    Args:
        settings: As given to the middleware or to ``Social``.
        environment: Read for what the app left out; by default the process's own.

    Raises:
        SettingsError: With all faults in ``problems``.
    """
    faults: list[SettingsError] = []
    _check_names(settings, faults)
    settings, origins = _completed(settings, os.environ if environment is None else environment, faults)
    keys = _keys(settings.get("secret_key"), faults)
    base_url = _base_url(settings.get("base_url"), faults)
    prefix = _path(settings.get("prefix", ""), "prefix", faults, empty=True)
    complete_path = _path(settings.get("complete_path", "/complete"), "complete_path", faults, empty=False)
    if complete_path in {"/associate", "/disconnect"}:
        faults.append(_fault("complete_path", "is the path of another door", 'a path such as "/complete"'))
    development = base_url is None or base_url.startswith("http://") or _is_loopback(base_url)
    backends = settings.get("backends")
    if not isinstance(backends, Mapping) or not all(isinstance(values, Mapping) for values in backends.values()):
        faults.append(_fault("backends", "is no table of tables", '{"github": {"client_id": "…", …}}'))
        backends = {}
    clients: dict[str, Client] = {}
    for name, values in backends.items():
        where = f"{base_url or 'http://localhost:8000'}{prefix}{complete_path}/{name}/"
        client = registered(name, values, redirect_uri=where, development=development, faults=faults)
        if client is not None:
            clients[name] = client
    sign_up = settings.get("sign_up", "refuse")
    if sign_up not in ("refuse", "allow"):
        faults.append(_fault("sign_up", f"is {sign_up!r}", "refuse or allow"))
    templates = _folder(settings.get("templates"), faults)
    refresh_every = _seconds(settings.get("refresh_every"), "refresh_every", faults)
    _raise_all(faults)
    return Checked(
        keys=keys,
        backends={name: Renewable(client=client, steps=steps_of(client.provider)) for name, client in clients.items()},
        hooks=Hooks(
            user_id=settings.get("user_id", str),
            current_user=settings.get("current_user"),
            load_user=settings.get("load_user"),
            create_user=settings.get("create_user"),
            embedded=settings.get("embedded_users", False),
        ),
        sign_up=sign_up,
        sign_in_url=settings.get("sign_in_url"),
        prefix=prefix,
        base_url=base_url,
        complete_path=complete_path,
        development=development,
        database=settings.get("database", DEFAULT_DATABASE),
        http_client=settings.get("http_client"),
        on_event=settings.get("on_event"),
        limit_tokens=settings.get("limit_tokens"),
        templates=templates,
        refresh_every=refresh_every,
        clock=settings.get("clock") or SystemClock(),
        origins=origins,
    )


def _check_names(settings: Mapping[str, object], faults: list[SettingsError]) -> None:
    known = list(Settings.__annotations__)
    for name in settings:
        if name not in known:
            new = former_name(name)
            near = f", it is {new!r} here" if new else guess(name, known)
            faults.append(_fault(name, f"is not known{near}", ", ".join(known)))
    for name in ("current_user", "user_id", "load_user", "create_user", "on_event", "limit_tokens"):
        if settings.get(name) is not None and not callable(settings[name]):
            faults.append(_fault(name, f"is a {type(settings[name]).__name__}", "a function"))


def _completed(
    settings: Settings, environment: Mapping[str, str], faults: list[SettingsError]
) -> tuple[Settings, dict[str, str]]:
    """Add what the environment says to what the app wrote, which goes before; and say where each setting is from."""
    written: Mapping[str, Any] = {**settings}
    found: dict[str, Any] = {}
    origins = {name: "code" for name in written if name != "backends"}
    for name in _FROM_ENVIRONMENT:
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
        if name not in written and (text := text_from_environment(environment, variable, faults=faults)):
            found[name] = text.split() if name == "secret_key" else text
            origins[name] = _source(environment, variable)
    backends = written.get("backends")
    if backends is None:
        backends = found["backends"] = backends_from_environment(environment, faults=faults)
        for name, values in backends.items():
            origins |= {
                f"backends.{name}.{setting}": _source(environment, variable_of(name, setting)) for setting in values
            }
    elif isinstance(backends, Mapping):
        tables = {name: values for name, values in backends.items() if isinstance(values, Mapping)}
        origins |= {f"backends.{name}.{setting}": "code" for name, values in tables.items() for setting in values}
    return cast(Settings, {**written, **found}), origins


def _source(environment: Mapping[str, str], variable: str) -> str:
    return variable if environment.get(variable) else f"{variable}_FILE"


def _keys(value: object, faults: list[SettingsError]) -> Keys:
    texts = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else []
    if not texts or not all(isinstance(text, str) and len(text.encode()) >= MIN_KEY_BYTES for text in texts):
        faults.append(
            _fault(
                "secret_key",
                "is missing" if value is None else "is too short, or no text",
                f"at least {MIN_KEY_BYTES} random bytes as text, or a list of such: "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"',
            )
        )
        return Keys([])
    if any(len(set(text)) < 8 or any(word in text.lower() for word in _PLACEHOLDERS) for text in texts):
        faults.append(_fault("secret_key", "can be guessed", "a random text, not a placeholder"))
    return Keys(texts)


def _base_url(value: object, faults: list[SettingsError]) -> str | None:
    if value is None:
        return None
    allowed = "https://host, with the path of a mount, if any; http only on localhost"
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        port = parts.port
    except ValueError:
        faults.append(_fault("base_url", "is no address", allowed))
        return None
    text = str(value)
    # An empty query is none to urlsplit, and would cut the redirect URI all the same; line ends it drops.
    plain = not set("?#\\ ") & set(text) and text.isascii() and text.isprintable() and parts.username is None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not plain or not parts.hostname or port == 0 or not secure:
        faults.append(_fault("base_url", "is not a public https address", allowed))
        return None
    # Spelt as browsers do, because what follows asks whether it starts with "https://".
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.hostname in LOOPBACK and parts.scheme in {"http", "https", "ws", "wss"} and parts.username is None
    except ValueError:
        return False


def _path(value: object, setting: str, faults: list[SettingsError], *, empty: bool) -> str:
    text = value.rstrip("/") if isinstance(value, str) else None
    segments = text.split("/")[1:] if text else []
    good = (text == "" and empty) or (
        text is not None
        and text.startswith("/")
        and all(part not in {"", ".", ".."} and part.isascii() and part.isprintable() for part in segments)
        and not set("?#%\\ ") & set(text)
    )
    if text is None or not good:
        faults.append(_fault(setting, "is no path", 'a path such as "/social"'))
        return ""
    return text


def _folder(value: object, faults: list[SettingsError]) -> str | None:
    if value is None:
        return None
    if isinstance(value, str | PathLike) and Path(value).is_dir():
        return str(Path(value).absolute())
    faults.append(_fault("templates", "is no folder", "the path of a folder, such as Path(__file__).parent / 'social'"))
    return None


def _seconds(value: object, setting: str, faults: list[SettingsError]) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value < float("inf"):
        return float(value)
    faults.append(_fault(setting, f"is {value!r}", "a number of seconds from 1 up, such as 60"))
    return None


def _fault(setting: str, what: str, allowed: str) -> SettingsError:
    return SettingsError(f"the setting {setting} {what}", hint=allowed, setting=setting, allowed=allowed)


def _raise_all(faults: Sequence[SettingsError]) -> None:
    if len(faults) == 1:
        raise faults[0]
    if faults:
        first = faults[0]
        raise SettingsError(
            f"{len(faults)} settings are wrong: " + "; ".join(fault.message for fault in faults),
            hint="; ".join(fault.hint for fault in faults),
            setting=first.setting,
            allowed=first.allowed,
            backend=first.backend,
            problems=faults,
        )
