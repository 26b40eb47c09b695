"""What makes the built pages an edition: addresses from the one setting, descriptions, a front door, a status page.

``{edition}`` lists the versions, the commit and the day of the build; ``{run-times}`` how long each page ran.
"""

from __future__ import annotations

import html
import platform
import re
import subprocess
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinxext import opengraph

ROOT = Path(__file__).parents[1]
MATTERS = ["mamlkit", "numpy", "torch", "matplotlib", "ipywidgets", "anywidget", "nbval", "jupyter-book", "sphinx"]
LENGTH = 240  # of a page's description, in characters
ASIDE = (nodes.Admonition, nodes.table, nodes.container, nodes.figure, nodes.list_item, nodes.definition)
STATUS = "book/reference/status"
MAP = """<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{}</urlset>
"""
DOOR = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="canonical" href="{baseurl}{page}.html">
<link rel="icon" href="_static/favicon.svg">
<meta http-equiv="refresh" content="0; url={page}.html">
</head>
<body><main><p><a href="{page}.html">{title}</a></p></main></body>
</html>
"""


class EditionDirective(SphinxDirective):
    """A list: the commit, the day, and the version of each package that matters."""

    def run(self) -> list[nodes.Node]:
        rows = {"Commit": commit(), "Built on": date.today().isoformat(), "Python": platform.python_version()}
        rows |= {name: version(name) for name in MATTERS}
        lines = "\n".join(f"- {name}: {value}" for name, value in rows.items())
        box = nodes.container()
        self.state.nested_parse(lines.split("\n"), self.content_offset, box)
        self.env.note_reread()  # a status of yesterday is none
        return box.children


class RunTimes(nodes.General, nodes.Element):
    """The place of the list, until every page has run."""


class RunTimesDirective(SphinxDirective):
    """A list: each page with code, in the order of the book, and the seconds that it took to run."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        return [RunTimes()]


class FillRunTimes(SphinxPostTransform):
    """Put the list in its place; MyST-NB keeps the times beside the pages."""

    default_priority = 8  # before references are resolved

    def run(self, **_options: object) -> None:
        for place in list(self.document.findall(RunTimes)):
            place.replace_self(nodes.bullet_list("", *(self.entry(*one) for one in self.times())))

    def times(self) -> list[tuple[str, float]]:
        """Return the pages that ran, in the book's order, and their seconds."""
        data = NbMetadataCollector.get_doc_data(self.env)
        ran = {name: (data.get(name, {}).get("exec_data") or {}).get("runtime") for name in in_order(self.env)}
        return [(name, seconds) for name, seconds in ran.items() if seconds is not None]

    def entry(self, name: str, seconds: float) -> nodes.list_item:
        title = self.env.titles[name].astext()
        where = {"refdoc": self.env.docname, "reftype": "doc", "refdomain": "std", "refexplicit": True}
        link = pending_xref("", nodes.inline("", title), reftarget=f"/{name}", **where)
        return nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(f": {seconds:.0f} s")))


def in_order(env: BuildEnvironment) -> list[str]:
    """Return the pages in the order of the contents."""
    found: list[str] = []

    def walk(name: str) -> None:
        found.append(name)
        for child in env.toctree_includes.get(name, []):
            walk(child)

    walk(env.config.root_doc)
    return found


def commit() -> str:
    """Return the commit that is built, or that none is known, as in an archive."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def addresses(_app: Sphinx, config: Config) -> None:
    """Take every address of the published book from `html.baseurl`, and the footer's version from the package."""
    if not config.html_baseurl.endswith("/"):
        raise ValueError(f"html.baseurl must end in a slash, got {config.html_baseurl!r}")
    config.notfound_urls_prefix = urlparse(config.html_baseurl).path
    config.ogp_site_url = config.html_baseurl
    config.version = config.release = version("mamlkit")


def description(page: nodes.document, *_given: object) -> str:
    """Return the first whole sentences of a page's text that hold no formula, at most `LENGTH` characters if it can."""
    found = ""
    for paragraph in page.findall(nodes.paragraph):
        if is_aside(paragraph) or any(paragraph.findall(nodes.math)):
            continue
        for sentence in re.split(r"(?<=[.!?:])\s+", " ".join(paragraph.astext().split())):
            if found and len(found) + len(sentence) > LENGTH:
                return html.escape(found)
            found = f"{found} {sentence}".strip()
    return html.escape(found)


def is_aside(node: nodes.Node | None) -> bool:
    """Say whether a node stands in a box, a table or a list of links rather than in the running text."""
    while node is not None:
        if isinstance(node, ASIDE):
            return True
        node = node.parent
    return False


def name_edition(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Write the version into the footer of every page, as a link to the page "Status"."""
    link = f'<a href="{context["pathto"](STATUS)}">Edition {app.config.version}</a>.'
    context["theme_extra_footer"] = f"{app.config.html_theme_options['extra_footer']} {link}"


def write_ways_in(app: Sphinx, failure: Exception | None) -> None:
    """Write the front door, which leads visitors of the site's root to the first page, and the map for search engines.

    (An extension for the map exists; it lists only what the last build wrote anew.)
    """
    if failure is None and app.builder.name == "html":
        base = app.config.html_baseurl
        entries = "".join(f"<url><loc>{base}{name}.html</loc></url>\n" for name in sorted(app.env.found_docs))
        Path(app.outdir, "sitemap.xml").write_text(MAP.format(entries), encoding="utf-8")
        values = {"title": app.config.html_title, "language": app.config.language, "baseurl": app.config.html_baseurl}
        page = app.config.root_doc
        Path(app.outdir, "index.html").write_text(DOOR.format(page=page, **values), encoding="utf-8")


# Where the reader has chosen nothing, the theme finds the colours only once its scripts are there, at the page's end.
COLOURS_AT_ONCE = """{
  const root = document.documentElement.dataset;
  if (root.theme === "auto") root.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}"""


def setup(app: Sphinx) -> dict[str, bool]:
    opengraph.get_description = description  # its own cuts sentences and prints formulas as TeX
    app.add_directive("edition", EditionDirective)
    app.add_js_file(None, body=COLOURS_AT_ONCE)
    app.add_js_file("reach.js", loading_method="defer")
    app.add_js_file("paper.js", loading_method="defer")
    app.add_node(RunTimes)
    app.add_directive("run-times", RunTimesDirective)
    app.add_post_transform(FillRunTimes)
    app.connect("config-inited", addresses, priority=1)  # before the extensions that use them
    app.connect("html-page-context", name_edition)
    app.connect("build-finished", write_ways_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
