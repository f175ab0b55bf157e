"""What Sphinx does besides: it writes what is made of data, keeps anchors as written, and finds public names."""

import inspect
import re
from pathlib import Path
from typing import Any, cast

from docutils import nodes  # type: ignore[import-untyped]  # it carries no types
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

import asgi_social
import asgi_social.dependencies
import asgi_social.testing
from docs._ext.proof_table import table_of_proofs
from docs._ext.provider_pages import pages

PAGES = Path("reference") / "providers"
# No page, but a part of client_tokens.md.
PROOFS = Path("_build") / "made" / "proofs.md"
PUBLIC = {
    **{name: f"asgi_social.{name}" for name in asgi_social.__all__},
    **{name: f"asgi_social.testing.{name}" for name in asgi_social.testing.__all__},
}
_OURS = re.compile(r"asgi_social\.(testing\.|dependencies\.)?[A-Za-z]\w*")
_WRITTEN = re.compile(r"[a-z]+(_[a-z]+)+")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Hang what is in this file into the build."""
    app.connect("builder-inited", write_provider_pages)
    app.connect("builder-inited", write_proof_table)
    # Before the table of contents is collected, which takes the first id of each section.
    app.connect("doctree-read", keep_anchors, priority=100)
    app.connect("missing-reference", public_name)
    app.connect("autodoc-process-docstring", whole_sentence, priority=900)  # after napoleon
    for field in cast(Any, PythonDomain.directives["class"]).doc_field_types:
        if field.name == "variable":  # the sections "Attributes" of our docstrings
            field.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_provider_pages(app: Sphinx) -> None:
    """Write the page of each provider; one that did not change is left alone, so that a second build is quick."""
    folder = Path(app.srcdir) / PAGES
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for old in folder.glob("*.md"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        _write(folder / name, text)


def write_proof_table(app: Sphinx) -> None:
    """Write the table of proofs."""
    file = Path(app.srcdir) / PROOFS
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(file, table_of_proofs())


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def keep_anchors(_: Sphinx, doctree: nodes.document) -> None:
    """Let the anchor of a heading such as ``token_refused`` be just that: docutils would make it ``token-refused``."""
    for section in doctree.findall(nodes.section):
        title = section[0].astext()
        if _WRITTEN.fullmatch(title):
            section["ids"] = [title, *(one for one in section["ids"] if one != title)]


def public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | nodes.TextElement | None:
    """Find a public name by its last part, for annotations name the file in which it is written.

    What is not ours, or private, is named and not linked: a look-up in other manuals would need the network.
    """
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or _OURS.fullmatch(target):
        return None
    public = PUBLIC.get(target.rpartition(".")[2])
    if public is None:
        return content
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, content)


def whole_sentence(_: Sphinx, what: str, _name: str, value: object, _options: object, lines: list[str]) -> None:
    """Give a property its sentence back, of which napoleon takes what stands before a colon for a type."""
    if what == "property" and any(line.startswith(":type:") for line in lines):
        lines[:] = (inspect.getdoc(value) or "").splitlines()
