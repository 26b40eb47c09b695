"""A reader's own CSV file, read whole or not at all: every error names the row and the column.

A column has a *kind*: a function from the text of one cell to its value, which raises ValueError where the text is not
of that kind. :func:`number`, :func:`one_of` and :func:`text` are the usual ones.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

Kind = Callable[[str], Any]


class TableError(ValueError):
    """What is wrong with a table, and where.

    Parameters
    ----------
    message : str
    row : int, optional
        As a spreadsheet counts: the header is row 1.
    column : str, optional
    source : str, optional
        Name of the file.

    Examples
    --------
    >>> str(TableError("must be a number, got 'ten'", row=3, column="score"))
    "row 3, column 'score': must be a number, got 'ten'"
    """

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None, source: str = ""):
        self.row, self.column = row, column
        where = [source, f"row {row}" if row else "", f"column {column!r}" if column is not None else ""]
        place = ", ".join(filter(None, where))
        super().__init__(f"{place}: {message}" if place else message)


class Table(dict[str, np.ndarray]):
    """Columns by name, each an array of shape (rows,), and what an error about one of their cells needs.

    Parameters
    ----------
    columns : mapping of str to ndarray
    rows : ndarray of int, shape (rows,)
        Where each entry stands in the file; the header is row 1.
    source : str
        Name of the file, empty where text was given.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], *, rows: np.ndarray, source: str = ""):
        super().__init__(columns)
        self.rows, self.source = rows, source

    def error(self, index: int, column: str, message: str) -> TableError:
        r"""Return the error that entry `index` of a column is wrong; the caller raises it.

        Examples
        --------
        >>> table = read_table("time\n2\n1\n", columns={"time": number()})
        >>> str(table.error(1, "time", "must not be before the row above, got 1"))
        "row 3, column 'time': must not be before the row above, got 1"
        """
        return TableError(message, row=int(self.rows[index]), column=column, source=self.source)

    def check_same(self, column: str) -> Any:
        """Return the one value that a column has in all rows; a column that names the unit is checked so.

        Raises
        ------
        TableError
            At the first row that differs from the first.
        """
        values = self[column]
        for index in np.flatnonzero(values != values[0])[:1]:
            raise self.error(index, column, f"must be {values[0]!s} as in row {self.rows[0]}, got {values[index]!s}")
        return values[0]


def number(low: float = -math.inf, high: float = math.inf, *, above: bool = False, unit: str = "") -> Kind:
    """Return the kind of finite numbers from `low` to `high`.

    Parameters
    ----------
    low, high : float
        Bounds, included.
    above : bool
        If true, `low` itself is excluded: ``number(0, above=True)`` is a positive number.
    unit : str
        Named in errors.

    Examples
    --------
    >>> number(0, unit="mg")(" 4.5 ")
    4.5
    """
    wanted = _wanted(low, high, above, unit)

    def read(cell: str) -> float:
        try:
            value = math.nan if "_" in cell else float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            hint = "; write decimals with a point" if "," in cell else ""
            raise ValueError(f"must be {wanted}, got {cell!r}{hint}")
        if not low <= value <= high or (above and value == low):
            raise ValueError(f"must be {wanted}, got {cell.strip()}")
        return value

    return read


def _wanted(low: float, high: float, above: bool, unit: str) -> str:
    bounds = []
    if low > -math.inf:
        bounds.append(f"above {low:g}" if above else f"of at least {low:g}")
    if high < math.inf:
        bounds.append(f"of at most {high:g}")
    return " ".join(["a number", " and ".join(bounds), f"in {unit}" if unit else ""]).replace("  ", " ").strip()


def text(cell: str) -> str:
    """Return the words of a cell without the blanks around them; a kind for names.

    Examples
    --------
    >>> text(" school 7 ")
    'school 7'
    """
    return cell.strip()


def one_of(*allowed: str) -> Kind:
    """Return the kind of cells that hold one of the words `allowed`, spelt so.

    Examples
    --------
    >>> one_of("yes", "no")("yes")
    'yes'
    """

    def read(cell: str) -> str:
        if cell.strip() not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}; got {cell!r}")
        return cell.strip()

    return read


def read_table(path_or_text: str | PathLike[str], columns: Mapping[str, Kind], *, delimiter: str = ",") -> Table:
    r"""Return the columns that `columns` asks for, as arrays; columns it does not name are left out.

    Parameters
    ----------
    path_or_text : path or str
        A file in UTF-8, or the table itself: a string with a line break is taken as the table.
    columns : mapping of str to kind
        Names as in the header (row 1), and what their cells must be.
    delimiter : str
        What stands between cells.

    Returns
    -------
    Table
        A dict from name to array, shape (rows,). Empty rows are passed over.

    Raises
    ------
    TableError
        If a column is missing or there twice, a row is too short or too long, a cell is empty or not of its kind, or
        there is no row beneath the header. It names the first such place and counts the others.
    OSError
        If there is no such file.

    Examples
    --------
    >>> table = read_table("school,score\nA,12.5\nB,9\n", columns={"school": text, "score": number(0, 25)})
    >>> table["score"]
    array([12.5,  9. ])
    >>> read_table("school,score\nA,12.5\nB,nine\n", columns={"score": number()})
    Traceback (most recent call last):
        ...
    mamlkit.applications.csv_table.TableError: row 3, column 'score': must be a number, got 'nine'
    """
    content, source = _content(path_or_text)
    try:
        lines = list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise TableError(f"is not a table: {error}", source=source) from error
    header = [name.strip() for name in lines[0]] if lines else []
    places = _places(header, columns, delimiter, source)
    rows = {row: line for row, line in enumerate(lines[1:], 2) if any(cell.strip() for cell in line)}
    if not rows:
        raise TableError("there is no row beneath the header", source=source)
    for row, line in rows.items():
        if len(line) != len(header):
            raise TableError(f"has {len(line)} cells, the header has {len(header)}", row=row, source=source)
    found = _cells(rows, columns, places, source)
    return Table({name: np.array(values) for name, values in found.items()}, rows=np.array([*rows]), source=source)


def _content(path_or_text: str | PathLike[str]) -> tuple[str, str]:
    """Return the text of a table and the name of its file."""
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return path_or_text, ""
    path = Path(path_or_text)
    try:
        return path.read_bytes().decode("utf-8-sig"), path.name
    except UnicodeDecodeError as error:
        raise TableError(
            f"is not in UTF-8: byte {error.start} is {error.object[error.start]:#x}", source=path.name
        ) from error


def _places(header: list[str], columns: Mapping[str, Kind], delimiter: str, source: str) -> dict[str, int]:
    """Return where each column stands."""
    for name in columns:
        if header.count(name) == 1:
            continue
        if name in header:
            raise TableError(f"stands {header.count(name)} times in the header", row=1, column=name, source=source)
        hint = next(
            (f"; is it separated by {mark!r}?" for mark in ";\t" if delimiter not in mark and mark in "".join(header)),
            "",
        )
        raise TableError(
            f"is missing; the header has {', '.join(header) or 'nothing'}{hint}", row=1, column=name, source=source
        )
    return {name: header.index(name) for name in columns}


def _cells(
    rows: dict[int, list[str]], columns: Mapping[str, Kind], places: dict[str, int], source: str
) -> dict[str, list[Any]]:
    """Return the value of every cell, or raise for the first that is wrong."""
    found: dict[str, list[Any]] = {name: [] for name in columns}
    wrong = []
    for row, line in rows.items():
        for name, kind in columns.items():
            cell = line[places[name]]
            try:
                if not cell.strip():
                    raise ValueError("is empty")
                found[name].append(kind(cell))
            except ValueError as error:
                wrong.append((row, name, str(error)))
    for row, name, message in wrong[:1]:
        others = f" ({len(wrong) - 1} more like this)" if len(wrong) > 1 else ""
        raise TableError(message + others, row=row, column=name, source=source)
    return found
