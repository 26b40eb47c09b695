"""What the built book knows and a notebook does not: addresses, titles, numbers, works and measured values."""

from __future__ import annotations

import ast
import json
import posixpath
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from bs4 import BeautifulSoup
from pybtex.database import Entry, parse_file
from sphinx.util.inventory import InventoryFile


@dataclass
class Book:
    """What a notebook in plain form takes from the built book.

    `places` holds an address for each name of a kind: `page`, `label`, `term`, `object`. `numbers` says "Fig. 1" or
    "(1)" for a label, `glued` the measured values of each page.
    """

    macros: dict[str, str] = field(default_factory=dict)
    source: str = ""  # where the files of the repository are shown
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    works: dict[str, Entry] = field(default_factory=dict)
    glued: dict[str, dict[str, str]] = field(default_factory=dict)


def read_book(root: Path) -> Book:
    """Read the book that was built in `_build` below `root`.

    Raises
    ------
    FileNotFoundError
        If it has not been built.
    """
    settings = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    built, address = root / "_build/html", settings["html"]["baseurl"]
    if not (built / "objects.inv").is_file():
        raise FileNotFoundError(f"no built book in {built}: run make html first")
    config, repository = settings["sphinx"]["config"], settings["repository"]
    book = Book(
        macros=config["mathjax3_config"]["tex"]["macros"],
        source=f"{repository['url']}/blob/{repository['branch']}",
        works={
            key: entry for path in config["bibtex_bibfiles"] for key, entry in parse_file(root / path).entries.items()
        },
    )
    read_inventory(book, built, address)
    for page in book.titles:
        read_numbers(book, (built / f"{page}.html").read_text("utf-8"), posixpath.join(address, f"{page}.html"))
        book.glued[page] = glued_values(root / f"_build/jupyter_execute/{page}.glue.json")
    return book


def read_inventory(book: Book, built: Path, address: str) -> None:
    """Note where pages, labels, terms and the package's objects stand, and how pages are titled."""
    with (built / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, address, posixpath.join)
    for kind, names in inventory.items():
        if kind.startswith("py:"):
            kind = "object"
        places = book.places.setdefault({"std:doc": "page"}.get(kind, kind.removeprefix("std:")), {})
        places.update({name: place for name, (_, _, place, _) in names.items()})
    book.titles = {name: title for name, (_, _, _, title) in inventory["std:doc"].items()}


def read_numbers(book: Book, html: str, address: str) -> None:
    """Note the numbers of a page's equations and figures, and where its equations stand."""
    page = BeautifulSoup(html, "html.parser")
    for number in page.select("div.math[id^=equation-] > span.eqno"):
        label = number.parent["id"].removeprefix("equation-")
        book.numbers[label] = number.get_text().removesuffix("#")
        book.places.setdefault("label", {})[label] = f"{address}#{number.parent['id']}"
    for number in page.select("figure[id] span.caption-number"):
        book.numbers[number.find_parent("figure")["id"]] = number.get_text().strip()


def glued_values(path: Path) -> dict[str, str]:
    """Return the text of each value that a page's code handed to its prose; MyST-NB keeps them beside the notebook."""
    outputs = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {name: ast.literal_eval(output["data"]["text/plain"]) for name, output in outputs.items()}
