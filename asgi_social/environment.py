"""What an app leaves to the environment: a variable for each setting, or a file that holds the secret."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from asgi_social import providers
from asgi_social.errors import SettingsError
from asgi_social.providers.table import nearest

ENVIRONMENT_PREFIX = "ASGI_SOCIAL_"


def backends_from_environment(
    environment: Mapping[str, str], *, faults: list[SettingsError] | None = None
) -> dict[str, dict[str, str]]:
    """Read the backends of ``ASGI_SOCIAL_<PROVIDER>_<SETTING>`` variables; an empty one counts as absent.

    Args:
        environment: The variables of the process.
        faults: Each fault is added; None: the first one is raised.

    Raises:
        SettingsError: A client id or secret is of no provider, or the file of a secret cannot be read.

    >>> backends_from_environment({"ASGI_SOCIAL_GITHUB_CLIENT_ID": "abc"})
    {'github': {'client_id': 'abc'}}
    """
    told = [] if faults is None else faults
    prefixes = {variable_of(name, ""): name for name in _known_names(environment)}
    found: dict[str, dict[str, str]] = {}
    for variable in dict.fromkeys(one.removesuffix("_FILE") for one in environment):
        fitting = longest(variable, prefixes)
        if fitting is None:
            _check_provider(variable, told)
        elif value := text_from_environment(environment, variable, faults=told):
            found.setdefault(prefixes[fitting], {})[variable.removeprefix(fitting).lower()] = value
    if faults is None and told:
        raise told[0]
    return found


def _known_names(environment: Mapping[str, str]) -> list[str]:
    """Give the names that a variable may begin with; other packages are looked at only where one needs them."""
    ours = [variable_of(name, "") for name in providers.names()]
    keys = [one for one in environment if one.startswith(ENVIRONMENT_PREFIX) and _names_a_backend(one)]
    return providers.names() if all(longest(one, ours) for one in keys) else providers.all_names()


def _names_a_backend(variable: str) -> bool:
    return variable.removesuffix("_FILE").endswith(("_CLIENT_ID", "_CLIENT_SECRET"))


def variable_of(backend: str, setting: str) -> str:
    """Give the variable of the environment that holds a setting of a backend.

    >>> variable_of("google-oauth2", "client_id")
    'ASGI_SOCIAL_GOOGLE_OAUTH2_CLIENT_ID'
    """
    return f"{ENVIRONMENT_PREFIX}{backend.upper().replace('-', '_')}_{setting.upper()}"


def text_from_environment(environment: Mapping[str, str], variable: str, *, faults: list[SettingsError]) -> str | None:
    """Give a variable's text, or that of the file which ``<variable>_FILE`` names; None where there is neither.

    A file's last line break is no part of the secret. Faults name the variable, and nothing of what is in it.
    """
    text, file = environment.get(variable), environment.get(f"{variable}_FILE")
    if not file:
        return text or None
    if text:
        faults.append(_fault_of(variable, f"is set, and {variable}_FILE too", "one of the two"))
        return None
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a path with a NUL
        allowed = "the path of a file that this process may read, with the secret as UTF-8 text"
        faults.append(
            _fault_of(f"{variable}_FILE", f"names a file that cannot be read: {type(error).__name__}", allowed)
        )
        return None


def longest(text: str, prefixes: Iterable[str]) -> str | None:
    """Give the longest prefix that a text has: GOOGLE_OAUTH2_ before GOOGLE_."""
    return max((prefix for prefix in prefixes if text.startswith(prefix)), key=len, default=None)


def _check_provider(variable: str, faults: list[SettingsError]) -> None:
    """Add a fault for a client id or secret of no provider: it would be lost without a word."""
    setting = next((one for one in ("client_id", "client_secret") if variable.endswith(f"_{one.upper()}")), None)
    if setting is not None and variable.startswith(ENVIRONMENT_PREFIX):
        name = variable.removeprefix(ENVIRONMENT_PREFIX).removesuffix(f"_{setting.upper()}")
        near = nearest(name.lower().replace("_", "-"), providers.all_names())
        what = "is of no provider of the catalogue" + (f", did you mean {variable_of(near, setting)}?" if near else "")
        faults.append(_fault_of(variable, what, "those of a provider that asgi-social providers lists"))


def _fault_of(variable: str, what: str, allowed: str) -> SettingsError:
    return SettingsError(f"the variable {variable} {what}", hint=allowed, setting=variable, allowed=allowed)
