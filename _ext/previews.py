"""Hover previews: what a link to a term, a citation, an equation or a claim leads to, shown beside the link.

Each page carries the content of its own previews, rendered at build time, so they work from a file and offline. The
script `previews.js` shows one while its link is pointed at or focused; Escape closes it.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx

LINK = re.compile(r'<a class="reference internal" href="([^"#]*)#([^"]+)"')
KINDS = (nodes.term, nodes.citation, nodes.math_block, nodes.admonition)


def add_previews(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Append the previews of all links of a page to its body."""
    if doctree is None:
        return
    found = {}
    for address, anchor in LINK.findall(context["body"]):
        target = target_document(app, pagename, address)
        node = previewed(app, target, unquote(anchor)) if target else None
        if node is not None:
            found[unquote(anchor)] = app.builder.render_partial(node)["fragment"]
    previews = "".join(f'<div data-preview="{anchor}">{html}</div>' for anchor, html in found.items())
    if previews:
        context["body"] += f'<div class="previews" hidden>{without_ids(previews)}</div>'


def target_document(app: Sphinx, pagename: str, address: str) -> str | None:
    """Return the name of the document that a relative address on a page leads to."""
    if not address:
        return pagename
    name = posixpath.normpath(posixpath.join(posixpath.dirname(pagename), address)).removesuffix(".html")
    return name if name in app.env.found_docs else None


def previewed(app: Sphinx, document: str, anchor: str) -> nodes.Element | None:
    """Return the node to show for an anchor (a definition, a work, an equation, a claim), None for all others."""
    return targets(app, document).get(anchor)


@lru_cache
def targets(app: Sphinx, document: str) -> dict[str, nodes.Element]:
    """Return what a document holds that is worth a preview, by anchor."""
    tree = app.env.get_and_resolve_doctree(document, app.builder)
    return {name: shown(node) for kind in KINDS for node in tree.findall(kind) for name in anchors(node)}


def anchors(node: nodes.Element) -> list[str]:
    """Return the ids of a node that is worth a preview; admonitions are, if they state a claim."""
    if isinstance(node, nodes.admonition) and "claim" not in node["classes"]:
        return []
    return list(node["ids"])


def shown(node: nodes.Element) -> nodes.Element:
    """Return what stands for `node` in a preview: a copy without what works in its own place alone.

    That is the number of an equation, and links inside the book, whose addresses start from another page.
    """
    copy = (node.parent.next_node(nodes.definition) if isinstance(node, nodes.term) else node).deepcopy()
    for equation in copy.findall(nodes.math_block):
        equation["number"] = None
    for link in list(copy.findall(nodes.reference)):
        if "://" not in link.get("refuri", ""):
            link.replace_self(nodes.inline("", "", *link.children))
    return copy


def without_ids(html: str) -> str:
    """Take ids out of copied content: on one page each may stand once."""
    return re.sub(r'\sid="[^"]*"', "", html)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_previews)
    app.add_js_file("previews.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": False}
