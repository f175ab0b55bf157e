"""The commands by their names, each with an example; what they do is in the files of their names."""

import typer

from asgi_social.cli.doctor import doctor
from asgi_social.cli.importing import import_allauth, import_social_auth
from asgi_social.cli.migrate import migrate
from asgi_social.cli.providers import list_, overview, search, show
from asgi_social.cli.refresh import refresh
from asgi_social.cli.secret import rotate, secret

# No rich in help, because a box is not plain; and no pretty tracebacks, because they show what variables hold.
app = typer.Typer(
    name="asgi-social",
    help="Look after linked accounts: check an app, read the catalogue, change keys, migrate the database, import.",
    epilog="Example: asgi-social doctor app:app",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_providers = typer.Typer(
    epilog="Example: asgi-social providers show github",
    invoke_without_command=True,
    rich_markup_mode=None,
)
_secret = typer.Typer(
    epilog="Example: asgi-social secret > key.txt",
    invoke_without_command=True,
    rich_markup_mode=None,
)
_import = typer.Typer(
    help="Take over the accounts that another library has linked.",
    epilog="Example: asgi-social import social-auth postgresql://reader@host/app app:app --dry-run",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command(epilog="Example: asgi-social doctor app:app --offline")(doctor)
app.command(epilog="Example: asgi-social migrate app:app --dry-run")(migrate)
app.command(epilog="Example: asgi-social refresh app:app --limit 1000")(refresh)
app.add_typer(_secret, name="secret")
_secret.callback()(secret)
_secret.command(epilog="Example: asgi-social secret rotate app:app")(rotate)
app.add_typer(_providers, name="providers")
_providers.callback()(overview)
_providers.command("list", epilog="Example: asgi-social providers list --renews --pkce")(list_)
_providers.command("search", epilog="Example: asgi-social providers search google")(search)
_providers.command("show", epilog="Example: asgi-social providers show github")(show)
app.add_typer(_import, name="import")
_import.command("social-auth", epilog="Example: asgi-social import social-auth sqlite:///their.db app:app --dry-run")(
    import_social_auth
)
_import.command("allauth", epilog="Example: asgi-social import allauth sqlite:///their.db app:app --dry-run")(
    import_allauth
)
