"""``asgi-social secret``: a new key, and how it takes the place of the old one."""

import typer

from asgi_social.secret import random_text

HOW = """\
Set it as secret_key. Where there is a key already, put the old one second, for it still opens what it has sealed:
  secret_key=["<the new key>", "<the old key>"]
  ASGI_SOCIAL_SECRET_KEY="<the new key> <the old key>"
Or name a file that holds them, by ASGI_SOCIAL_SECRET_KEY_FILE. What the old key has sealed stays readable while that
key is on the list. A command that seals it anew comes with a later version: until then the old key stays there.
Keep it out of the code, and lose none: stored tokens open with no other."""


def secret() -> None:
    """Make a key; it alone is on standard output, what to do with it on standard error."""
    typer.echo(random_text())
    typer.echo(HOW, err=True)
