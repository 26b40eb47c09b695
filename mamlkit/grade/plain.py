"""The one place where text from outside becomes text that can be stored, printed and sent anywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

_LINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # what moves a terminal's cursor or rings its bell
    "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"  # what turns the reading direction round
    "\ud800-\udfff\ufffe\uffff]"  # what is half a letter, or none
)
_FORMULA = re.compile(r"^[\s'\"]*[=+\-@＝＋－＠|]")


def plain(text: object, limit: int = 2000) -> str:
    r"""Return `text` as valid Unicode without control characters but line breaks, and at most `limit` letters.

    Examples
    --------
    >>> plain("\x1b[2Jred\r\nline \ud800")
    '�[2Jred\nline �'
    """
    kept = str(text)
    kept = kept if len(kept) <= limit else kept[: limit - 1] + "…"
    return _CONTROLS.sub("\ufffd", _LINES.sub("\n", kept).replace("\t", "    "))


def few(texts: Iterable[str], most: int = 30) -> list[str]:
    """Return each text once, with how often it was there, and at most `most` of them.

    Examples
    --------
    >>> few(["a", "b", "a", "c"], most=2)
    ['a (2 times)', 'b', 'There were 1 more notes.']
    """
    counted = Counter(texts)
    shown = [text if count == 1 else f"{text} ({count} times)" for text, count in counted.items()]
    return [*shown[:most], f"There were {len(shown) - most} more notes."] if len(shown) > most else shown


def line(text: object, limit: int = 200) -> str:
    """Return :func:`plain` text on one line."""
    return " ".join(plain(text, limit).split())


def cell(value: Any) -> Any:
    """Return `value` as a field of a CSV file that no spreadsheet splits or takes for a formula.

    Examples
    --------
    >>> cell("=1+1"), cell("a;=b"), cell(7)
    ("'=1+1", 'a,=b', 7)
    """
    if not isinstance(value, str):
        return value
    text = line(value, 2000).replace(";", ",")
    return f"'{text}" if _FORMULA.match(text) else text


def all_plain(data: Any) -> Any:
    """Return `data`, dictionaries and lists of plain values, with every text in it made plain."""
    if isinstance(data, str):
        return plain(data, 20_000)
    if isinstance(data, list | tuple):
        return [all_plain(item) for item in data]
    if isinstance(data, dict):
        return {plain(key): all_plain(item) for key, item in data.items()}
    return data
