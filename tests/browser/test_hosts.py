"""The same script in its other hosts: a notebook's widget, and a page that nbconvert wrote."""

import nbformat
import pytest

from mamlkit.explorers.landscape import quadratic_landscape


@pytest.fixture(scope="module")
def explorer():
    return quadratic_landscape()


@pytest.fixture
def widget(explorer, as_widget):
    return as_widget(explorer)


def test_the_figure_sets_the_traits(widget):
    widget.locator("input[data-control=alpha]").press("ArrowRight")
    widget.locator(".mk-handle").press("ArrowUp")
    assert widget.evaluate("kernel.state.alpha") == pytest.approx(0.55)
    assert widget.evaluate("kernel.state.theta") == pytest.approx([0.3, 1.6])
    assert widget.evaluate("kernel.saved") == 2


def test_traits_set_the_figure(widget):
    widget.evaluate("kernel.model.set('num_steps', 5)")
    assert widget.locator("input[data-control=num_steps]:checked").get_attribute("value") == "5"


def test_a_notebook_has_no_link_to_copy(widget):
    does = {button.get_attribute("data-do") for button in widget.get_by_role("button").all()}
    assert "reset" in does
    assert "link" not in does


def test_cleaning_up_stops_listening(widget):
    widget.evaluate("kernel.cleanup()")
    assert not any(widget.evaluate("Object.values(kernel.listeners).map((list) => list.length)"))


def test_it_works_in_html_that_nbconvert_wrote(explorer, open_page, tmp_path):
    exporters = pytest.importorskip("nbconvert.exporters")
    data, metadata = explorer._repr_mimebundle_()
    del data["image/png"], data["application/pdf"]
    output = nbformat.v4.new_output("execute_result", data=data, metadata=metadata, execution_count=1)
    cell = nbformat.v4.new_code_cell("quadratic_landscape()", outputs=[output], execution_count=1)
    # As JupyterLab saves it: without the widgets' state, for which a page would fetch a manager from the network.
    exporter = exporters.HTMLExporter(mathjax_url="", require_js_url="")
    html, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    (tmp_path / "notebook.html").write_text(html, encoding="utf-8")
    page = open_page((tmp_path / "notebook.html").as_uri())
    before = page.locator("[data-readout=outer_loss]").inner_text()
    page.locator("input[data-control=alpha]").press("End")
    assert page.locator("[data-readout=outer_loss]").inner_text() != before
