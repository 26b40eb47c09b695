"""``python -m mamlkit.grade`` is the command ``mamlkit-grade``.

Python puts the current folder first among the places to import from, and submissions may lie there: it is taken out
before anything is imported.
"""

import os
import sys

if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == os.getcwd():
    del sys.path[0]

from mamlkit.grade.cli import main

if __name__ == "__main__":
    sys.exit(main())
