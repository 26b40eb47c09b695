"""``{api} mamlkit.engine`` documents a module: first a table of what it offers, then each part in full."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class ModuleDirective(SphinxDirective):
    """The public members of a module, or those of them that are named."""

    required_arguments = 1
    option_spec: ClassVar = {"members": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        members = self.options.get("members", "").replace(",", " ").split() or public_members(name)
        table = ["```{eval-rst}", f".. currentmodule:: {name}", "", ".. autosummary::", "", *indented(members), "```"]
        full = ["```{eval-rst}", f".. automodule:: {name}", f"   :members: {', '.join(members)}", "```"]
        container = nodes.container()
        self.state.nested_parse([*table, "", *full], self.content_offset, container)
        return container.children


def public_members(name: str) -> list[str]:
    """Return the functions and classes that a module defines, or that it offers in ``__all__``, in its own order."""
    module = import_module(name)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    found = {key: part for key, part in vars(module).items() if inspect.isfunction(part) or inspect.isclass(part)}
    return [key for key, part in found.items() if part.__module__ == name and not key.startswith("_")]


def indented(lines: list[str]) -> list[str]:
    return [f"   {line}" for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("api", ModuleDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
