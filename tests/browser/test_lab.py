"""An explorer in a real JupyterLab: its keys are its own, links of the notebook's text set it, its traits follow."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
PlaywrightTimeout = playwright.TimeoutError

CELLS = [
    nbformat.v4.new_code_cell(
        "from mamlkit.explorers import still\n"
        "from mamlkit.explorers.compass import compass_explorer\n"
        "explorer = compass_explorer()\n"
        "explorer"
    ),
    nbformat.v4.new_markdown_cell("Now [set α to 0](#compass-scene:alpha=0)."),
    nbformat.v4.new_code_cell("still(explorer.scene())"),
]
READY = 60  # seconds for the server, and for the cells, on a busy machine


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a notebook in a JupyterLab of its own."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("lab")
    nbformat.write(nbformat.v4.new_notebook(cells=CELLS, metadata={"kernelspec": KERNEL}), folder / "t.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ip": "127.0.0.1", "port": port, "token": "", "password": "", "root_dir": folder, "allow_root": True}
    environment = {**os.environ, "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_PREFER_ENV_PATH": "1"}
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", *(f"--ServerApp.{k}={v}" for k, v in options.items())],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _attempt in range(READY):
            try:
                json.load(urllib.request.urlopen(f"{address}/api"))
                break
            except OSError:
                time.sleep(1)
        yield f"{address}/lab/tree/t.ipynb"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(READY)


KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.mark.slow
def test_an_explorer_in_jupyterlab(lab, chromium):
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(lab)
    page.locator(".jp-Notebook .jp-Cell").first.click(timeout=1000 * READY)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=1000 * READY)
    slider = page.locator("input[data-control=alpha]")
    for _attempt in range(READY // 10):  # JupyterLab may lose what is asked of a kernel that is just coming up
        page.get_by_role("menuitem", name="Run").first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        with contextlib.suppress(PlaywrightTimeout):
            slider.wait_for(timeout=10_000)
            break
    page.locator(".mk-explorer[data-name=''] svg[role=img]").wait_for(timeout=1000 * READY)

    slider.focus()
    for key, value in (("ArrowRight", "11"), ("ArrowDown", "10"), ("x", "10"), ("ArrowRight", "11")):
        page.keyboard.press(key)
        assert slider.input_value() == value
    page.wait_for_timeout(300)
    assert page.locator(".jp-Notebook .jp-Cell").count() == len(CELLS)  # x has cut nothing

    page.locator("a[href='#compass-scene:alpha=0']").click()
    assert slider.input_value() == "0"
    assert page.url.endswith("t.ipynb")
    page.context.close()
