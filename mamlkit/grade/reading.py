"""Read the file that a student hands in, whatever has happened to it on the way, or say in a sentence what has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 10 << 20
BEGINNINGS = {
    b"PK\x03\x04": "a ZIP archive: unpack it and hand in the notebook",
    b"%PDF": "a PDF: hand in the notebook itself, File > Download",
    b"\x89PNG": "a picture: hand in the notebook itself, File > Download",
    b"\x1f\x8b": "a compressed file: unpack it and hand in the notebook",
}
CONFLICT = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)


class Unreadable(ValueError):
    """The file is no notebook that can be graded; the message says why, to the student."""


def parse(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """Return the notebook in `data`, in format 4, and notes on what had to be done for that.

    Raises
    ------
    Unreadable
        If it is too large, no text, no JSON, or no notebook.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"The file has {len(data) / 1e6:.0f} MB; clear the outputs and hand it in again.")
    text, notes = _text(data)
    notebook = _json(text)
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise Unreadable("The file is no notebook: it is JSON without a notebook's fields.")
    return _format_4(notebook, notes), notes


def _text(data: bytes) -> tuple[str, list[str]]:
    if not data.strip(b"\0 \r\n\t\xef\xbb\xbf"):
        raise Unreadable("The file is empty, so it is no notebook: save it and hand it in again.")
    for beginning, what in BEGINNINGS.items():
        if data.startswith(beginning):
            raise Unreadable(f"The file is no notebook but {what}.")
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), ["The file is not in UTF-8; it was read as Windows-1252."]
    plain = encoding.startswith("utf-8")
    return text, [] if plain else [f"The file is in {encoding.upper()} and not in UTF-8; it was read all the same."]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Unreadable("The file is no notebook: it is nested too deeply.") from error
    except ValueError as error:
        raise Unreadable(f"The file is no notebook: {_why(text, error)}") from error


def _why(text: str, error: ValueError) -> str:
    """Return what has happened to a file that is no JSON."""
    if found := CONFLICT.search(text):
        row = text.count("\n", 0, found.start()) + 1
        return f"Git has left the marks of a merge conflict in it (line {row}). Resolve it and hand it in again."
    if text.lstrip()[:200].lower().startswith(("<!doctype", "<html")):
        return "it is a web page. Download the raw .ipynb file and hand that in."
    position = getattr(error, "pos", 0)
    if (text.lstrip().startswith("{") and position >= len(text.rstrip()) - 1) or "Unterminated" in str(error):
        return f"it ends in the middle, after {len(text)} characters. It was cut short on the way; hand it in again."
    row = text.count("\n", 0, position) + 1
    return f"it is not JSON from line {row} on ({type(error).__name__}). Open it in Jupyter, save it, hand it in again."


def _format_4(notebook: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the notebook in format 4; an older one is converted, and a text "4" is a 4."""
    shown = str(notebook["nbformat"])[:20]
    try:
        version = int(notebook["nbformat"])
    except (TypeError, ValueError, OverflowError):
        version = 0
    if version >= 4 and isinstance(notebook.get("cells"), list):
        return notebook
    if version == 3 and isinstance(notebook.get("worksheets"), list):
        notes.append("The notebook has format 3; its cells were read as those of format 4.")
        return {"nbformat": 4, "metadata": notebook.get("metadata"), "cells": [*_cells_of_3(notebook["worksheets"])]}
    raise Unreadable(f"The notebook has format {shown}; open it in Jupyter and save it as format 4.")


def _cells_of_3(worksheets: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the cells of format 3; a library would convert more than is wanted, and believe what it reads."""
    for sheet in worksheets:
        cells = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, dict):
                yield {**cell, "source": cell.get("input", cell.get("source", ""))}


def named_exercise(notebook: dict[str, Any]) -> str:
    """Return the exercise that the notebook says it is, or an empty string."""
    metadata = notebook.get("metadata")
    about = metadata.get("mamlkit") if isinstance(metadata, dict) else None
    name = about.get("exercise") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""
