"""Which names a piece of Python needs and which it binds: what an answer takes along from other cells."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections.abc import Iterable
from dataclasses import dataclass

MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.]+\?\??[ \t]*)$", re.MULTILINE)


def as_python(source: str) -> str:
    r"""Return `source`; if Jupyter alone understands it, with the lines blanked that are no Python.

    Examples
    --------
    >>> as_python("%%time\n!ls\nx = 1")
    'pass\npass\nx = 1'
    """
    blanked = MAGIC.sub(r"\1pass", source)
    return blanked if blanked != source and not _body(source) and _body(blanked) else source


def _body(source: str) -> list[ast.stmt]:
    """Return the statements in `source`; none where it is no Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


@dataclass(frozen=True)
class Piece:
    """One statement outside functions: its source, the names it binds and the names it needs."""

    source: str
    binds: frozenset[str]
    needs: frozenset[str]


def pieces(source: str) -> list[Piece]:
    """Return the statements of a cell that bind a name; none where it is no Python."""
    text = as_python(source)
    lines = text.split("\n")
    found = [_piece(_source(lines, node)) for node in _body(text)]
    return [piece for piece in found if piece.binds]


def _source(lines: list[str], node: ast.stmt) -> str:
    first = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))])
    return "\n".join(lines[first - 1 : node.end_lineno])


def _piece(source: str) -> Piece:
    """Return a statement with its names, as Python's own compiler sees them: what is local to a function is neither."""
    try:
        module = symtable.symtable(source, "cell", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Piece(source, frozenset(), frozenset())
    symbols = module.get_symbols()
    binds = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    needs = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    scopes = module.get_children()
    while scopes:
        scope = scopes.pop()
        needs |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        scopes.extend(scope.get_children())
    return Piece(source, frozenset(binds), frozenset(needs - set(dir(builtins))))


def closure(wanted: Iterable[str], available: list[Piece]) -> list[Piece]:
    """Return the pieces that bind the `wanted` names and whatever these pieces need in turn, in their order."""
    where: dict[str, list[int]] = {}
    for index, piece in enumerate(available):
        for name in piece.binds:
            where.setdefault(name, []).append(index)
    waiting, taken = list(wanted), set[int]()
    while waiting:
        for index in where.pop(waiting.pop(), []):
            if index not in taken:
                taken.add(index)
                waiting.extend(available[index].needs)
    return [available[index] for index in sorted(taken)]
