"""``{api} mamlkit.engine`` documents a module: first a table of what it offers, then each part in full."""

from __future__ import annotations

import inspect
from collections import namedtuple
from importlib import import_module
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FIELD = type(namedtuple("Pair", "field").field)  # type: ignore[attr-defined]


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
    parts = {key: inspect.unwrap(part) if callable(part) else part for key, part in vars(module).items()}
    found = {key: part for key, part in parts.items() if inspect.isfunction(part) or inspect.isclass(part)}
    return [key for key, part in found.items() if part.__module__ == name and not key.startswith("_")]


def indented(lines: list[str]) -> list[str]:
    return [f"   {line}" for line in lines]


def leave_out_fields(_app: Sphinx, _what: str, _name: str, part: object, *_options: object) -> bool | None:
    """Leave out the fields of a tuple, which the signature names and the text above them describes."""
    return True if isinstance(part, FIELD) else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("api", ModuleDirective)
    app.connect("autodoc-skip-member", leave_out_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
