"""What an app's own tests use: a provider that runs in the test, a clock that it moves, a store in memory."""

from asgi_social.storage.memory import MemoryRepository
from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_faults import Faults
from asgi_social.testing.fake_people import Person
from asgi_social.testing.fake_provider import FakeProvider

__all__ = ["FakeProvider", "Faults", "ManualClock", "MemoryRepository", "Person"]
