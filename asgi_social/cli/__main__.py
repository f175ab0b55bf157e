"""The same by ``python -m asgi_social.cli``."""

from asgi_social.cli import main

main()
