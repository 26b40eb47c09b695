"""Which names a piece of Python needs and which it binds: what an answer takes along from other cells."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = re.compile(r"^([ \t]*)(?:%time[ \t]+(\S.*)|[%!?].*|[\w.]+\?\??[ \t]*)$", re.MULTILINE)
STAR = "*"
"""What ``from module import *`` binds: nobody knows which names."""
EVERYWHERE = {*dir(builtins), "display", "get_ipython"}
"""What a kernel knows without any import."""


def as_python(source: str) -> str:
    r"""Return `source`; if Jupyter alone understands it, with the lines blanked that are no Python.

    Examples
    --------
    >>> as_python("%%time\n!ls\n%time x = 1")
    'pass\npass\nx = 1'
    """
    blanked = MAGIC.sub(lambda found: found[1] + (found[2] or "pass"), source)
    return blanked if blanked != source and not _body(source) and _body(blanked) else source


def _body(source: str) -> list[ast.stmt]:
    """Return the statements in `source`; none where it is no Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


@dataclass(frozen=True)
class Piece:
    """One statement outside functions: its source, the names it binds, needs, imports, and whose values it changes."""

    source: str
    binds: frozenset[str]
    needs: frozenset[str]
    imports: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()

    @property
    def gives(self) -> frozenset[str]:
        """The names whose values the statement has a part in."""
        return self.binds | self.changes


def pieces(source: str) -> list[Piece]:
    """Return the statements of a cell that bind a name or change what it stands for; none where it is no Python."""
    text = as_python(source)
    lines = text.split("\n")
    found = [_piece(_source(lines, node), node) for node in _body(text)]
    return [piece for piece in found if piece.gives]


def _source(lines: list[str], node: ast.stmt) -> str:
    first = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))])
    return "\n".join(lines[first - 1 : node.end_lineno])


def _piece(source: str, node: ast.stmt) -> Piece:
    """Return a statement with its names, as Python's own compiler sees them: what is local to a function is neither."""
    try:
        module = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Piece(source, frozenset(), frozenset())
    symbols = module.get_symbols()
    imports = {symbol.get_name() for symbol in symbols if symbol.is_imported()} | _star(node)
    binds = {symbol.get_name() for symbol in symbols if symbol.is_assigned()} | imports
    needs = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    scopes = module.get_children()
    while scopes:
        scope = scopes.pop()
        needs |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        scopes.extend(scope.get_children())
    return Piece(source, frozenset(binds), frozenset(needs), frozenset(imports), frozenset(_changed(node)))


def _star(node: ast.stmt) -> set[str]:
    return {STAR} if isinstance(node, ast.ImportFrom) and node.names[0].name == STAR else set()


def _changed(node: ast.AST) -> set[str]:
    """Return the names whose values a statement changes: ``x[0] = 1``, ``x.y = 1``, ``x.append(1)``, also in loops."""
    found, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.add(_base(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.add(_base(node.value.func) if isinstance(node.value.func, ast.Attribute) else "")
        waiting.extend(ast.iter_child_nodes(node))
    return found - {""}


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def closure(wanted: Iterable[str], available: list[Piece], known: Iterable[str] = ()) -> list[Piece]:
    """Return the pieces that give the `wanted` names, and whatever these need in turn but the `known`, in their order.

    What is only done to a module, such as drawing a plot, is left out; ``import *`` comes along where a name is needed
    that no piece binds.
    """
    where: dict[str, list[int]] = {}
    imported = {name for piece in available for name in piece.imports}
    for index, piece in enumerate(available):
        for name in piece.binds | (piece.changes - imported):
            where.setdefault(name, []).append(index)
    waiting, taken, seen = list(wanted), set[int](), set(known)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for index in where.get(name, [] if name in EVERYWHERE else where.get(STAR, [])):
            if index not in taken:
                taken.add(index)
                waiting.extend(available[index].needs)
    return [available[index] for index in sorted(taken)]
