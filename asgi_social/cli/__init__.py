"""The command line: ``asgi-social doctor | providers | secret | migrate``. It is an extra; a server needs none."""


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: Always, with the status of the command.
    """
    try:
        # Here and not above: typer and rich are an extra, and importing this package must not need them.
        from asgi_social.cli.commands import app
    except ModuleNotFoundError as error:
        raise SystemExit(f"asgi-social needs {error.name}: pip install 'asgi-social[cli]'") from None
    app(prog_name="asgi-social")
