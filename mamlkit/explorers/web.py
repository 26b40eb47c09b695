"""The scripts and styles of what lives in a page, joined by plain concatenation.

The files in ``web/`` share one scope and are listed from the helpers to what needs them; together they are one ES
module, which a notebook takes as a widget. A page takes them as a classic script: a module would wait until the whole
page has been read, and what stands below a figure would move when it wakes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

HERE = Path(__file__).parent / "web"


@cache
def script(*names: str) -> str:
    """Return the files ``web/name.js``, joined in this order.

    Examples
    --------
    >>> script("numbers", "page").count("function formatNumber")
    1
    """
    return _joined(names, "js")


@cache
def style(*names: str) -> str:
    """Return the files ``web/name.css``, joined in this order.

    Examples
    --------
    >>> ".mk-explorer" in style("explorer")
    True
    """
    return _joined(names, "css")


def tags(key: str, *, scripts: tuple[str, ...], styles: tuple[str, ...]) -> tuple[str, str]:
    """Return the ``<style>`` and the ``<script>`` element that a figure of the kind `key` brings with it.

    Each figure carries both, so that its HTML can stand alone; ``data-mk`` lets the book keep them once a page.

    Examples
    --------
    >>> tags("figure", scripts=("page",), styles=("explorer",))[1][:39]
    '<script data-mk="figure">(() => {"use s'
    """
    at_once = script(*scripts).replace("export default", "const widget =")
    return (
        f'<style data-mk="{key}">{style(*styles)}</style>',
        f'<script data-mk="{key}">(() => {{"use strict";\n{at_once}\n}})();</script>',
    )


def _joined(names: tuple[str, ...], suffix: str) -> str:
    return "\n".join((HERE / f"{name}.{suffix}").read_text("utf-8") for name in names)
