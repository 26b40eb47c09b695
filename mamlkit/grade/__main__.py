"""``python -m mamlkit.grade`` is the command ``mamlkit-grade``."""

import sys

from mamlkit.grade.cli import main

if __name__ == "__main__":
    sys.exit(main())
