"""What an app's own tests use: a provider that runs in the test, a clock that it moves, a store in memory."""

from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_faults import Faults
from asgi_social.testing.fake_openid2 import FakeOpenID2
from asgi_social.testing.fake_people import Person
from asgi_social.testing.fake_provider import FakeProvider
from asgi_social.testing.fake_saml import FakeIdentityProvider
from asgi_social.testing.fakes import fakes_of, transport_to
from asgi_social.testing.signed_in import SignedIn, user_of

__all__ = [
    "FakeIdentityProvider",
    "FakeOpenID2",
    "FakeProvider",
    "Faults",
    "ManualClock",
    "MemoryRepository",
    "Person",
    "SignedIn",
    "fakes_of",
    "transport_to",
    "user_of",
]
