"""The book's Sphinx glue: directives that tie the text to the code.

``{claim} R1`` states one claim in a chapter, ``{claims}`` lists all of them; ``{promises}`` lists what the grader
promises.

A claim's box ends in links to the function that computes it, the test that checks it and the exercise, so that a
reader who doubts a line can follow it to its proof.
"""

from __future__ import annotations

import ast
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mamlkit.claims import CLAIMS, TO_COME, Claim
from mamlkit.grade.promises import PROMISES, Promise

ROOT = Path(__file__).parents[1]


class ClaimDirective(SphinxDirective):
    """A box with the claim's label and title, the text of the directive, and its evidence."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        label = self.arguments[0]
        if label not in CLAIMS:
            raise self.error(f"no claim {label!r} in mamlkit.claims")
        box = nodes.admonition(classes=["claim"], ids=[label.lower()], names=[label.lower()])
        self.state.document.note_explicit_target(box, box)
        box += nodes.title("", f"{label} · {CLAIMS[label].title}")
        self.state.nested_parse(self.content, self.content_offset, box)
        box += self.parse_markdown(evidence(label, CLAIMS[label], source(self.config)), "claim-evidence")
        return [box]

    def parse_markdown(self, text: str, css_class: str) -> nodes.Node:
        container = nodes.container(classes=[css_class])
        self.state.nested_parse([text], self.content_offset, container)
        return container


class ClaimsDirective(ClaimDirective):
    """All claims, one after the other, each with its statement, chapter and evidence."""

    required_arguments = 0
    has_content = False

    def run(self) -> list[nodes.Node]:
        return [self.entry(label, claim) for label, claim in CLAIMS.items()]

    def entry(self, label: str, claim: Claim) -> nodes.Node:
        where = f"{{ref}}`chapter <{label.lower()}>` · {evidence(label, claim, source(self.config))}"
        lines = [f"**{label}** · {claim.title}", "", claim.statement, "", where]
        entry = nodes.container(classes=["claim-entry"])
        self.state.nested_parse(lines, self.content_offset, entry)
        return entry


class PromisesDirective(SphinxDirective):
    """What the grader promises, one after the other, each with where it holds and a link to its test."""

    def run(self) -> list[nodes.Node]:
        return [self.entry(label, promise) for label, promise in PROMISES.items()]

    def entry(self, label: str, promise: Promise) -> nodes.Node:
        file, name = promise.test.split("::")
        test = f'[test]({source(self.config)}/tests/grade/{file} "{name}")'
        lines = [f"**{label}** · {promise.says}", "", f"{promise.where} · {test}"]
        entry = nodes.container(classes=["claim-entry"])
        self.state.nested_parse(lines, self.content_offset, entry)
        return entry


def source(config) -> str:
    """Return the address at which the files of the repository are shown."""
    options = config.html_theme_options
    return f"{options['repository_url']}/blob/{options['repository_branch']}"


def evidence(label: str, claim: Claim, source: str) -> str:
    """Return Markdown links to the function, the test and the exercise of a claim; `source` shows the files."""
    file, test = claim.test.split("::")
    links = [
        f"{{py:obj}}`{claim.function.removeprefix('mamlkit.')} <{claim.function}>`",
        f'[test]({source}/{file}#L{line_of(file, test)} "{test}")',
    ]
    if claim.exercise:
        links.append(f"[exercise](/{claim.exercise}.ipynb)")
    elif label in TO_COME:
        links.append("exercise to come")
    return " · ".join(links)


def line_of(file: str, function: str) -> int:
    """Return the line of a file of the repository at which a function begins."""
    for node in ast.parse((ROOT / file).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return node.lineno
    raise ValueError(f"{file} has no function {function!r}")


def unname_proofs(_app: Sphinx, page: nodes.document) -> None:
    """Take away the id that sphinx-proof gives to every proof alike: on one page each id may stand once."""
    for box in page.findall(nodes.admonition):
        if box["ids"] == ["proof"]:
            box["ids"] = []


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", unname_proofs)
    app.setup_extension("live")
    app.add_directive("claim", ClaimDirective)
    app.add_directive("claims", ClaimsDirective)
    app.add_directive("promises", PromisesDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
