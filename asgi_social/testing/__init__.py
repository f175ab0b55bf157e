"""What an app's own tests use: a provider that runs in the test, and a clock that the test moves."""

from asgi_social.testing.clock import ManualClock
from asgi_social.testing.fake_faults import Faults
from asgi_social.testing.fake_people import Person
from asgi_social.testing.fake_provider import FakeProvider

__all__ = ["FakeProvider", "Faults", "ManualClock", "Person"]
