"""The entry point for pytest: the fixtures of ``asgi_social.testing.plugin``, for whoever asks for them.

It stands beside the package and imports nothing of it, because each pytest run of everybody who has the package
installed imports this: the package takes a third of a second, and a project that measures the coverage of it would
miss whatever is imported before it begins to measure.
"""

import pytest

PLUGIN = "asgi_social.testing.plugin"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ways to ask; without either, nothing happens."""
    text = "give the fixtures of asgi_social: fake_provider, signed_in, social_clock and others"
    parser.addini("asgi_social", text, type="bool", default=False)
    parser.getgroup("asgi_social").addoption("--asgi-social", action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures where they are asked for; a ``conftest.py`` that names them too does no harm."""
    if config.getini("asgi_social") or config.getoption("asgi_social"):
        config.pluginmanager.import_plugin(PLUGIN)
