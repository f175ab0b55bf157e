"""Associate accounts at other services, accept client tokens, keep stored tokens alive: for any ASGI app."""

from asgi_social.account import Account
from asgi_social.association import Association
from asgi_social.backend import Backend
from asgi_social.errors import (
    AccountTaken,
    AssociationGone,
    CannotRenew,
    ConsentDenied,
    FlowRefused,
    LastAssociation,
    NeedsReauth,
    NotSignedIn,
    ProviderBroken,
    ProviderError,
    ProviderRefused,
    ProviderRetired,
    ProviderUnreachable,
    Refused,
    SettingsError,
    SocialError,
    StorageError,
    TokenRefused,
    TooManyRequests,
    UnknownBackend,
)
from asgi_social.events import Event
from asgi_social.middleware import SocialMiddleware
from asgi_social.one_tap import one_tap_credential
from asgi_social.pages.problems import error_response
from asgi_social.refresh.sweep import Swept
from asgi_social.social import RequestSocial, Social
from asgi_social.users import User

__all__ = [
    "Account",
    "AccountTaken",
    "Association",
    "AssociationGone",
    "Backend",
    "CannotRenew",
    "ConsentDenied",
    "Event",
    "FlowRefused",
    "LastAssociation",
    "NeedsReauth",
    "NotSignedIn",
    "ProviderBroken",
    "ProviderError",
    "ProviderRefused",
    "ProviderRetired",
    "ProviderUnreachable",
    "Refused",
    "RequestSocial",
    "SettingsError",
    "Social",
    "SocialError",
    "SocialMiddleware",
    "StorageError",
    "Swept",
    "TokenRefused",
    "TooManyRequests",
    "UnknownBackend",
    "User",
    "error_response",
    "one_tap_credential",
]
