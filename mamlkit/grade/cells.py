"""What the cells of an exercise are for, and how an answer cell is written."""

from __future__ import annotations

import re
from typing import Any

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MARKER = "# ANSWER {} (keep this line)"
ROLES = {"setup", "answer", "check", "part", "solution"}
REGION = re.compile(rf"^(?P<indent>[ \t]*){BEGIN}\n.*?^[ \t]*{END}[ \t]*$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ .*· (\d+) points?$", re.MULTILINE)


def about(cell: Any) -> dict[str, Any]:
    """Return what the metadata of `cell`, or of a notebook, say to mamlkit; nothing where they say nothing."""
    metadata = cell.get("metadata")
    found = metadata.get("mamlkit", {}) if isinstance(metadata, dict) else {}
    return found if isinstance(found, dict) else {}


def role(cell: Any) -> str:
    """Return what `cell` is for, one of ROLES, or an empty string for text and code that is only shown."""
    return str(about(cell).get("role", ""))


def part_of(cell: Any) -> str:
    """Return the part that `cell` belongs to, or an empty string."""
    return str(about(cell).get("part", ""))


def strip(source: str) -> str:
    r"""Return an answer cell's source with each solution replaced by a line that raises NotImplementedError.

    Examples
    --------
    >>> print(strip('def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION'))
    def f(x):
        raise NotImplementedError("your answer here")
    """
    return REGION.sub(lambda match: f'{match["indent"]}raise NotImplementedError("your answer here")', source)
