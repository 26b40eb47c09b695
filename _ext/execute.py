"""Run the notebooks that the book shows, as many at a time as there are cores, and keep their outputs.

``jupyter-book build`` takes from the same place what it finds there, and runs what it does not find, one notebook after
another. So a notebook that fails here fails there again, with its error.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import yaml
from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor

ROOT = Path(__file__).parents[1]
SETTINGS = """c.InlineBackend.figure_formats = {'png', 'pdf'}
c.HistoryManager.enabled = False
c.IPKernelApp.log_level = 40
"""


def draw_in_vectors(build: Path) -> None:
    """Let kernels that start from now on give each figure of matplotlib as a vector picture too.

    They read these settings in place of those that whoever builds may have at home.
    """
    profile = build / "ipython/profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(SETTINGS, "utf-8")
    os.environ["IPYTHONDIR"] = str(profile.parent)


def main(build: Path) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    draw_in_vectors(build)
    cache = get_cache(build / ".jupyter_cache")
    for folder in ("book", "solutions"):
        for path in sorted((ROOT / folder).rglob("*.ipynb")):
            cache.add_nb_to_project(str(path))
    timeout = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["execute"]["timeout"]
    logger = logging.getLogger("execute")
    logger.setLevel(logging.INFO)  # at this very level jupyter-cache says which notebook runs, and no more
    load_executor("local-parallel", cache, logger).run_and_cache(timeout=timeout)


if __name__ == "__main__":
    main(ROOT / "_build")
