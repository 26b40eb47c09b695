"""Notebooks run ahead of the build: what they show is kept with vector figures; what fails is left to the build."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache

ROOT = Path(__file__).parents[2]
RUN = "import pathlib, sys, execute; execute.ROOT = pathlib.Path(sys.argv[1]); execute.main(execute.ROOT / '_build')"
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"


@pytest.mark.slow
def test_what_runs_is_kept_and_what_fails_is_not(tmp_path):
    (tmp_path / "_config.yml").write_text("execute: {timeout: 60}")
    notebooks = {"book/right.ipynb": PLOT, "solutions/wrong.ipynb": "1 / 0"}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    for path, source in notebooks.items():
        (tmp_path / path).parent.mkdir()
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / path)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "_ext")}
    done = subprocess.run([sys.executable, "-c", RUN, tmp_path], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ZeroDivisionError" in done.stderr
    cache = get_cache(tmp_path / "_build/.jupyter_cache")
    (record,) = cache.list_cache_records()
    assert Path(record.uri).name == "right.ipynb"
    outputs = cache.get_cache_bundle(record.pk).nb.cells[0].outputs
    assert {"image/png", "application/pdf"} <= set(outputs[-1]["data"])
