"""A real Chromium, a localhost server over the built book, and pages that are watched."""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "_build" / "html"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def missing(reason):
    """Skip for this reason; where a browser is required (CI), fail."""
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(f"REQUIRE_BROWSER is set, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("no chromium is on the path")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site():
    """Address of a localhost server over the built book."""
    if not (BUILT / "index.html").exists():
        missing("the book is not built (make html)")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=BUILT))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def published(site, tmp_path_factory):
    """Address of the book as static hosts serve it: below its prefix, with 404.html for what is not there."""
    base = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["html"]["baseurl"]
    prefix = urllib.parse.urlsplit(base).path
    folder = tmp_path_factory.mktemp("host")
    (folder / prefix.strip("/")).symlink_to(BUILT)

    class Host(Quiet):
        def send_head(self):
            if not self.path.endswith("/") and not os.path.exists(self.translate_path(self.path)):
                self.path = f"{prefix}404.html"
            return super().send_head()

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Host, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{prefix}"
    server.shutdown()


@pytest.fixture
def built_page(site):
    """Return the addresses, over http and as a file, of a built page that must hold a certain explorer."""

    def addresses(path, explorer):
        if f'data-name="{explorer}"' not in (BUILT / path).read_text("utf-8"):
            missing(f"the built page {path} has no explorer {explorer}")
        return f"{site}/{path}", (BUILT / path).as_uri()

    return addresses


def is_local(address):
    parts = urllib.parse.urlsplit(address)
    return parts.scheme in ("file", "data", "blob", "about") or parts.hostname in ("localhost", "127.0.0.1")


@pytest.fixture
def open_page(chromium):
    """Open an address in a fresh context; at the end nothing must have gone wrong or left this machine."""
    complaints, contexts = [], []

    def open_(address, *, width=1280, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and complaints.append(f"console: {m.text}"))
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("request", lambda r: is_local(r.url) or complaints.append(f"request: {r.url}"))
        page.on("response", lambda r: r.status >= 400 and complaints.append(f"{r.status}: {r.url}"))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """A folder, and the address at which a JupyterLab of its own opens the files in it."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ip": "127.0.0.1", "port": port, "token": "", "password": "", "root_dir": folder, "allow_root": True}
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": str(ROOT / ".binder"),
    }  # as `make lab` sets it
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", *(f"--ServerApp.{k}={v}" for k, v in options.items())],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _attempt in range(60):  # seconds, on a busy machine
            try:
                json.load(urllib.request.urlopen(f"{address}/api"))
                break
            except OSError:
                time.sleep(1)
        yield folder, f"{address}/lab/tree"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


# What a notebook does: the module renders into an element that is attached to the page afterwards.
RENDER = """async ([source, state]) => {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: widget } = await import(address);
  const listeners = {};
  window.kernel = { state, saved: 0, listeners };
  const model = {
    get: (name) => kernel.state[name],
    set: (name, value) => { kernel.state[name] = value; (listeners[`change:${name}`] ||= []).forEach((f) => f()); },
    save_changes: () => kernel.saved++,
    on: (event, f) => (listeners[event] ||= []).push(f),
    off: (event, f) => (listeners[event] = listeners[event].filter((g) => g !== f)),
  };
  kernel.model = model;
  const el = document.createElement("div");
  kernel.cleanup = await widget.render({ model, el });
  document.body.append(el);
}"""


@pytest.fixture
def as_widget(open_page, tmp_path):
    """Show an explorer as a notebook does; in the page, `kernel.model` stands for the widget's model."""

    def show(explorer, **options):
        blank = tmp_path / "blank.html"
        blank.write_text(
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>Notebook</title><body></body></html>"
        )
        page = open_page(blank.as_uri(), **options)
        state = {name: value for name, value in explorer.get_state().items() if not name.startswith("_")}
        page.evaluate(RENDER, [explorer._esm, json.loads(json.dumps(state, default=str))])  # str: the widget's layout
        page.add_style_tag(content=explorer._css)
        page.locator(".mk-explorer svg[role=img] g[clip-path] path").first.wait_for(state="attached")
        return page

    return show


# Contrast of an element's text with what lies behind it: the nearest ancestor that paints a colour, else the page.
CONTRAST = """(node) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  let behind = node;
  while (behind && /, 0\\)$|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const page = matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff";
  const luminance = (...colours) => {
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
      .map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = behind ? getComputedStyle(behind).backgroundColor : page;
  const [a, b] = [luminance(page, back), luminance(page, back, getComputedStyle(node).color)].sort((a, b) => b - a);
  return (a + 0.05) / (b + 0.05);
}"""


@pytest.fixture(scope="session")
def contrast():
    """Return the contrast of an element's text with what lies behind it."""
    return lambda node: node.evaluate(CONTRAST)


@pytest.fixture(scope="session")
def standalone(tmp_path_factory):
    """A page of its own, with the landscape and, after it, a small explorer to live beside it."""
    from mamlkit.explorers.compass import compass_explorer
    from mamlkit.explorers.landscape import quadratic_landscape

    page = tmp_path_factory.mktemp("page") / "page.html"
    figures = quadratic_landscape().html() + compass_explorer().html()
    page.write_text(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Explorers</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'><style>"
        ":root { color-scheme: light dark } body { font-family: sans-serif; max-width: 46rem; margin: 1rem auto;"
        " padding: 0 .75rem; background: Canvas; color: CanvasText }</style></head>"
        f"<body><h1>Explorers</h1>{figures}</body></html>",
        encoding="utf-8",
    )
    return page.as_uri()
