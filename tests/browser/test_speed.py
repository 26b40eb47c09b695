"""How a chapter arrives: how much of it, how soon its first figure is alive, and whether anything jumps meanwhile.

The table of all pages is printed (pytest -s). Bytes and jumps are held to their budgets as they stand. Milliseconds
depend on the machine: they are printed, and held to four times the budget, the fastest of two visits on a page whose
files have been read before, so that only a page that does something slow fails.
"""

import functools
import gzip
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from mamlkit.explorers.compass import compass_explorer

from .conftest import BUILT

MOST_BYTES = 1_000_000  # of a first visit, as a server sends them, compressed
MOST_SECONDS = 1.5  # until the first figure can be used
MARGIN = 4  # for a machine that does other things meanwhile
MOST_SHIFT = 0.05  # the sum of all layout shifts, as browsers count them
PACKED = (".woff", ".woff2", ".png", ".jpg")  # are compressed in themselves
PARTS = ("book/principles", "book/today", "book/applications", "exercises")
CHAPTERS = sorted(page.relative_to(BUILT).as_posix() for part in PARTS for page in BUILT.glob(f"{part}/*.html"))
PAGES = ["book/intro.html", *CHAPTERS, "book/reference/claims.html"]
ALIVE = ".mk-explorer svg[role=img] g[clip-path] path"
WATCH = f"""
window.shifts = [];
window.alive = null;
new PerformanceObserver((list) => shifts.push(...list.getEntries().filter((one) => !one.hadRecentInput)
  .map((one) => one.value))).observe({{ type: "layout-shift", buffered: true }});
new MutationObserver(() => {{ if (alive === null && document.querySelector("{ALIVE}")) alive = performance.now(); }})
  .observe(document, {{ childList: true, subtree: true }});
"""


@functools.cache
def sent(path):
    """Bytes of a file as a server sends it."""
    data = (BUILT / path).read_bytes()
    return len(data) if path.endswith(PACKED) else len(gzip.compress(data, 6))


def visit(address, open_page, width=1280):
    """Open a page, wait until nothing more happens, and return it with the paths that it asked for."""
    page = open_page("about:blank", width=width)
    page.add_init_script(WATCH)
    asked = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).path.lstrip("/")))
    page.goto(address)
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.evaluate("() => document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 200)))")
    return page, asked


@pytest.mark.parametrize("path", PAGES)
def test_a_first_visit_is_light_quick_and_still(path, site, open_page):
    """A request to elsewhere is a complaint of `open_page`."""
    page, asked = visit(f"{site}/{path}", open_page)
    weight = sum(map(sent, asked))
    shift = sum(page.evaluate("shifts"))
    alive = page.evaluate("alive")
    if alive is not None:
        alive = min(alive, visit(f"{site}/{path}", open_page)[0].evaluate("alive"))
    when = "no figure" if alive is None else f"{alive:5.0f} ms"
    print(f"\n{path:52} {weight / 1000:5.0f} kB {len(asked):3} requests  alive {when}  shift {shift:.3f}")
    assert weight < MOST_BYTES, sorted(((sent(one), one) for one in asked), reverse=True)[:6]
    assert shift < MOST_SHIFT, page.evaluate("shifts")
    assert (alive is not None) == ('class="mk-explorer' in (BUILT / path).read_text("utf-8"))
    assert alive is None or alive < 1000 * MOST_SECONDS * MARGIN


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_has_its_colours_from_the_first(scheme, site, open_page):
    page = open_page("about:blank", color_scheme=scheme)
    page.add_init_script("""new MutationObserver((_, watch) => document.body
      && (window.first = document.documentElement.dataset.theme, watch.disconnect()))
      .observe(document, { childList: true, subtree: true })""")
    page.goto(f"{site}/{CHAPTERS[0]}")
    assert page.evaluate("first") == scheme


PHONE = ["book/principles/meta-gradient.html", "book/applications/fairness.html", "exercises/e13_capstone.html"]


@pytest.mark.parametrize("path", [*PHONE, "book/reference/claims.html"])
def test_nothing_jumps_on_a_phone(path, site, open_page):
    page, _asked = visit(f"{site}/{path}", open_page, width=390)
    assert sum(page.evaluate("shifts")) < MOST_SHIFT


def test_only_the_icons_that_are_shown_are_sent(published, open_page):
    """All icons of the pages come from the small fonts; were one missing, its page would ask for a whole font."""
    named = [BUILT / "_static" / f"{name}.woff" for name in ("fa-solid-900", "fa-regular-400", "fa-brands-400")]
    assert sum(font.stat().st_size for font in named) < 12_000
    for path in ("book/intro.html", "exercises/e01_the_adapted_loss.html", "search.html", "nowhere.html"):
        _page, asked = visit(f"{published}{path}", open_page)
        assert any(one.endswith("_static/fa-solid-900.woff") for one in asked), path
        assert not [one for one in asked if "webfonts" in one], path


def test_the_index_of_the_search_is_read_by_the_search_alone(site):
    for page in BUILT.rglob("*.html"):
        has = re.search(r'<script[^>]*src="[^"]*searchindex\.js', page.read_text("utf-8")) is not None
        assert has == (page.name == "search.html"), page


@pytest.fixture
def slow_line():
    """The address of a page cut within the data of its second figure, and what sends the rest."""
    whole = compass_explorer().html()
    first, second = (whole.replace('data-name="compass"', f'data-name="{name}"') for name in ("first", "second"))
    script = first[first.rindex("<script data-mk") :]
    cut = second.index('"tables"') + 200
    pieces = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Slow</title><body>{first}{second[:cut]}",
        f"{second[cut:].removesuffix(script)}<p id='below'>What stands below.</p></body></html>",
    ]

    rest = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            for piece in pieces if self.path == "/" else ():
                self.wfile.write(piece.encode())
                self.wfile.flush()
                rest.wait(60)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", rest.set
    server.shutdown()


def test_a_figure_wakes_when_it_is_whole_and_before_what_follows_it(slow_line, open_page):
    address, send_the_rest = slow_line
    page = open_page("about:blank")
    page.add_init_script(WATCH)
    page.goto(address, wait_until="commit")
    page.locator(f"[data-name=first] {ALIVE.split(' ', 1)[1]}").first.wait_for(state="attached")
    assert page.locator("#below").count() == 0  # the page is still on its way
    assert page.locator("[data-name=second] svg[role=img]").count() == 0
    send_the_rest()
    page.locator("#below").wait_for()
    page.locator("[data-name=second] svg[role=img]").first.wait_for()
    page.wait_for_timeout(100)
    assert sum(page.evaluate("shifts")) < 0.01
