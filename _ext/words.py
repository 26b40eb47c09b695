"""Babel's eyes in a notebook: the sentences that its code cells draw.

As in the package, ``_("...")`` marks a sentence. Questions and prompts take plain strings, which they translate
themselves: whatever string stands in such a call is a sentence, save names.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import IO, Any

SPEAKERS = {"Answer", "Prompt", "choice", "number"}  # functions whose every string is read by readers
NAMED = {"choice", "number"}  # those whose first argument is a name
NAMES = {"name", "state"}  # arguments that name things

Message = tuple[int, str, str, list[str]]


def extract_notebook(file: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Message]:
    """Yield the sentences of all code cells, as Babel wants them: line, function, sentence, comments."""
    for cell in json.load(file)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not source.startswith("%%"):
            yield from sentences(ast.parse(without_magics(source)), set(keywords))


def without_magics(source: str) -> str:
    """Return the source with IPython's ``%line`` and ``!shell`` commands made into ``pass``."""
    lines = source.split("\n")
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass" if line.lstrip()[:1] in ("%", "!") else line for line in lines
    )


def sentences(tree: ast.AST, keywords: set[str]) -> Iterator[Message]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = getattr(call.func, "id", getattr(call.func, "attr", ""))
        said = call.args[:1] if function in keywords else []
        if function in SPEAKERS:
            said = [
                *call.args[function in NAMED :],
                *(given.value for given in call.keywords if given.arg not in NAMES),
            ]
        for text in (text for node in said for text in strings(node)):
            yield text.lineno, "_", text.value, []


def strings(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the string constants of an expression, not those of calls within it: these speak for themselves."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.strip():
        yield node
    if not isinstance(node, (ast.Call, ast.JoinedStr)):
        for child in ast.iter_child_nodes(node):
            yield from strings(child)
