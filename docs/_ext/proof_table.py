"""The table of proofs: for each provider which client token is accepted, how it is proved, and who says so."""

import re
import tomllib
from importlib.resources import files
from urllib.parse import urlsplit

from asgi_social import providers
from asgi_social.protocols.provider import Proof, Provider
from asgi_social.providers.evidence import Source
from docs._ext.provider_sentences import address, conditions
from docs._ext.wording import code, codes, prose, table

HEADING = ("provider", "what is accepted", "how it is proved", "who says so")


def table_of_proofs() -> str:
    """Give the table, and the names of those whose client tokens are refused."""
    living = [one for one in map(providers.provider, providers.names()) if "token" in one.flows]
    rows = [row_of(one, proof) for one in living for proof in one.proofs]
    proved = [one for one in living if one.proofs]
    refused = [one for one in living if not one.proofs]
    return f"""{len(proved)} providers accept client tokens with a proof.

{table(HEADING, rows)}

Those of the other {len(refused)} are refused as `unbound`: {codes(one.name for one in refused)}.
"""


def row_of(provider: Provider, proof: Proof) -> list[str]:
    """Give the row of one proof."""
    page = f"[{prose(provider.title)}](reference/providers/{provider.name}.md) {code(provider.name)}"
    sources = sources_of_proof(provider.name)
    return [page, *_told(provider, proof), "; ".join(map(_source, sources))]


def sources_of_proof(name: str) -> list[Source]:
    """Give the sources that a file names for its proofs; those of the file that it extends, where it names none."""
    if named := [one for one in providers.evidence(name).sources if re.search(r"\bverify\b", one.of)]:
        return named
    text = (files("asgi_social.providers") / f"{name}.toml").read_text(encoding="utf-8")
    return sources_of_proof(tomllib.loads(text)["extends"])


def _told(provider: Provider, proof: Proof) -> tuple[str, str]:
    if proof.kind == "code":
        return "payload", "its signature, or a trade with your secret"
    if proof.kind == "bound" and proof.call is not None:
        return "ticket", f"asking {address(proof.call, provider)} with a key of your app: {conditions(proof).strip()}"
    if proof.call is not None:
        return "access token", f"asking {address(proof.call, provider)}: your app{conditions(proof)}"
    rules = provider.id_token
    algs = f" ({codes(rules.algs, last='or')})" if rules else ""
    nonces = {"off": "", "sha256": ", nonce (as it is or hashed)", "required": ", nonce"}
    nonce = nonces["required" if rules is None else rules.nonce]
    return "ID token", f"its signature{algs}, issuer, audience{nonce} and time"


def _source(source: Source) -> str:
    parts = urlsplit(source.at)
    is_address = parts.scheme == "https" and not re.search(r"[\s,]", source.at)
    named = f"[{parts.hostname}]({source.at})" if is_address else prose(source.at)
    return f"{named} ({source.grade}, {source.read})"
