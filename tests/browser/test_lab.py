"""An explorer in a real JupyterLab: its keys are its own, links of the notebook's text set it, its traits follow,
and a saved notebook keeps it."""

import contextlib
import shutil

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
    nbformat.v4.new_markdown_cell("Now [set α to 0](#compass:alpha=0)."),
    nbformat.v4.new_code_cell("still(explorer.scene())"),
]
READY = 60  # seconds for the cells, on a busy machine


KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.fixture
def lab(jupyterlab):
    """The address of a notebook in a JupyterLab of its own."""
    folder, address = jupyterlab
    nbformat.write(nbformat.v4.new_notebook(cells=CELLS, metadata={"kernelspec": KERNEL}), folder / "t.ipynb")
    return f"{address}/t.ipynb"


@pytest.mark.slow
def test_an_explorer_in_jupyterlab(lab, jupyterlab, chromium):
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
    page.locator(".mk-explorer[data-name=''] svg[role=img]").first.wait_for(timeout=1000 * READY)

    slider.focus()
    for key, value in (("ArrowRight", "11"), ("ArrowDown", "10"), ("x", "10"), ("ArrowRight", "11")):
        page.keyboard.press(key)
        assert slider.input_value() == value
    page.wait_for_timeout(300)
    assert page.locator(".jp-Notebook .jp-Cell").count() == len(CELLS)  # x has cut nothing

    page.locator("a[href='#compass:alpha=0']").click()
    assert slider.input_value() == "0"
    assert page.url.endswith("t.ipynb")

    # Saved and opened again, as another file with a kernel that has run nothing: the figure is there, and alive.
    folder, address = jupyterlab
    page.keyboard.press("Control+s")
    for _attempt in range(READY):
        if "widgets" in nbformat.read(folder / "t.ipynb", as_version=4).metadata:
            break
        page.wait_for_timeout(1000)
    page.context.close()
    shutil.copy(folder / "t.ipynb", folder / "again.ipynb")
    page = chromium.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{address}/again.ipynb?reset")  # without the tab of the other, whose slider would be a hidden one
    slider = page.locator("input[data-control=alpha]")
    slider.wait_for(timeout=1000 * READY)
    assert slider.input_value() == "0"  # as it was left
    slider.press("ArrowRight")
    assert slider.input_value() == "1"
    assert "not found" not in page.locator(".jp-Notebook").inner_text()
    page.context.close()
