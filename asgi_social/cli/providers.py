"""``asgi-social providers``: what the catalogue holds, read from its data."""

from collections.abc import Iterable
from typing import Annotated

import typer

from asgi_social import providers
from asgi_social.cli.printing import console, print_table
from asgi_social.cli.summary import SUMMARY, is_renewed, summary
from asgi_social.errors import SettingsError
from asgi_social.protocols.provider import Proof, Protocol, Provider
from asgi_social.providers.brand import text_on

HEADING = ("name", "title", "protocol", "renews", "client tokens", "PKCE")
_PKCE = {"supported": "yes", "required": "required"}
HOST = "https://<your host>"
_WORDS = {"#000000": "black", "#ffffff": "white"}


def overview(
    context: typer.Context,
    *,
    counts: Annotated[bool, typer.Option("--summary", help="Numbers in place of the list.")] = False,
) -> None:
    """Read the catalogue of providers: list all, or count them."""
    if context.invoked_subcommand is not None:
        return
    if counts:
        print_table(console(), SUMMARY, summary())
    else:
        print_table(console(), HEADING, [row_of(one) for one in _every()])


def list_(
    *,
    protocol: Annotated[Protocol | None, typer.Option(help="Those that speak it.")] = None,
    renewing: Annotated[
        bool | None, typer.Option("--renews/--no-renews", help="Those whose tokens are renewed, or not.")
    ] = None,
    tokens: Annotated[
        bool | None,
        typer.Option("--client-tokens/--no-client-tokens", help="Those whose client tokens can be proved, or not."),
    ] = None,
    pkce: Annotated[bool | None, typer.Option("--pkce/--no-pkce", help="Those to which PKCE is sent, or not.")] = None,
) -> None:
    """List the providers of the catalogue: all, or those that meet every condition."""
    rows = [
        row_of(one) for one in _every() if meets(one, protocol=protocol, renewing=renewing, tokens=tokens, pkce=pkce)
    ]
    print_table(console(), HEADING, rows)


def search(text: Annotated[str, typer.Argument(help="A part of a name or title.")]) -> None:
    """List the providers whose name or title holds a text."""
    rows = [row_of(one) for one in found(text)]
    if not rows:
        typer.echo(f"no provider holds {text!r}; any that follows the standards works as oidc or oauth2", err=True)
        raise typer.Exit(1)
    print_table(console(), HEADING, rows)


def show(
    name: Annotated[str, typer.Argument(help="As the list has it.")],
    base_url: Annotated[str, typer.Option(help="The public address of your app, for the redirect URI.")] = HOST,
) -> None:
    """Show what is known of one provider."""
    try:
        provider = providers.provider(name)
    except SettingsError as error:
        typer.echo(f"{error.message}; {error.hint}", err=True)
        raise typer.Exit(1) from None
    out = console()
    for label, lines in facts(provider, sources=sources_of(name), base_url=base_url):
        out.print(f"{label}: {lines[0]}" if len(lines) == 1 else "\n  - ".join([f"{label}:", *lines]))


def meets(
    provider: Provider, *, protocol: str | None, renewing: bool | None, tokens: bool | None, pkce: bool | None
) -> bool:
    """Say whether a provider meets every condition; None is none."""
    return (
        protocol in {None, provider.protocol}
        and renewing in {None, renews(provider) == "yes"}
        and tokens in {None, client_tokens(provider) != "no"}
        and pkce in {None, has_pkce(provider)}
    )


def found(text: str) -> list[Provider]:
    """Give the providers whose name or title holds a text, whatever its case."""
    return [one for one in _every() if text.casefold() in f"{one.name}\n{one.title}".casefold()]


def row_of(provider: Provider) -> tuple[str, ...]:
    """Give a provider's row, in the order of ``HEADING``."""
    return (
        provider.name,
        provider.title,
        provider.protocol,
        renews(provider),
        client_tokens(provider),
        _PKCE[provider.authorize.pkce] if has_pkce(provider) else "no",
    )


def has_pkce(provider: Provider) -> bool:
    """Say whether PKCE is sent: by protocols that know it, to whom it does not trouble."""
    knows = provider.protocol in {"oauth2", "oidc"} and provider.retired is None
    return knows and provider.authorize.pkce != "off"


def renews(provider: Provider) -> str:
    """Say whether tokens are renewed."""
    if provider.retired is not None:
        return f"shut down {provider.retired}"
    if provider.refresh.never_expires:
        return "not needed"
    return "yes" if is_renewed(provider) else "no"


def client_tokens(provider: Provider) -> str:
    """Say which tokens of a phone or a page can be proved to be an app's own."""
    kinds = {one.kind for one in provider.proofs} if "token" in provider.flows else set()
    names = {"lookup": "access token", "bound": "ticket", "id_token": "ID token", "code": "payload"}
    return ", ".join(names[kind] for kind in names if kind in kinds) or "no"


def facts(provider: Provider, *, sources: list[str], base_url: str = HOST) -> Iterable[tuple[str, list[str]]]:
    """Give what ``show`` prints: a label and its lines; what a provider has nothing of is left out."""
    every = [
        ("name", [f"{provider.name} ({provider.title}, {provider.protocol})"]),
        ("console", [provider.console or ""]),
        ("manual", [provider.docs or ""]),
        ("shut down", [f"since {provider.retired}; what is linked can be unlinked" if provider.retired else ""]),
        ("redirect URI", [f"{base_url.rstrip('/')}/complete/{provider.name}/" if provider.retired is None else ""]),
        ("brand", [f"{provider.color}, with {_WORDS[text_on(provider.color)]} text on it" if provider.color else ""]),
        ("settings of its own", sorted({one.setting for one in provider.variables.values()})),
        ("scope", [" ".join(provider.authorize.scope) or "none of its own"]),
        ("renewal", [_renewal(provider)]),
        ("proof of client tokens", [_proof(one) for one in provider.proofs] or ["none, so that they are refused"]),
        ("quirks", list(provider.quirks)),
        ("sources", sources),
    ]
    return [(label, lines) for label, lines in every if any(lines)]


def sources_of(name: str) -> list[str]:
    """Give where a provider's facts are from, in words."""
    return [f"{one.at}: {one.of} ({one.grade}, {one.read})" for one in providers.evidence(name).sources]


def _renewal(provider: Provider) -> str:
    if not is_renewed(provider):
        return "not needed, its tokens last" if provider.refresh.never_expires else "none"
    spent = provider.refresh.with_token.replace("_", " ")
    rotates = ", which may be good only once" if provider.refresh.rotates else ", which stays good"
    return f"with the {spent}{rotates}"


def _proof(proof: Proof) -> str:
    if proof.kind == "code":
        return "payload of its widget or frame, by its signature"
    if proof.call is None or proof.call.url is None:
        return "ID token, by its signature"
    what = "ticket, with a key of the app" if proof.kind == "bound" else "access token"
    return f"{what}, by asking {proof.call.url.source}"


def _every() -> list[Provider]:
    return [providers.provider(name) for name in providers.all_names()]
