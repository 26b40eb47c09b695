"""Pack the frames of a grid into the compact form that the scripts in ``web/`` read.

Numbers lie in tables: one for each mark, one for all readouts that need the same number of nodes. Equal stretches are
stored once, and a stretch that another begins with is stored inside it (five inner steps within ten). Coordinates of
marks are kept in 16 bits, far finer than a pixel; numbers that are read out keep eleven digits.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mamlkit._check import Array
from mamlkit.explorers.grid import Grid, Key, Part, node_count, numbers, pattern_of
from mamlkit.reading import ticks
from mamlkit.roles import ROLES
from mamlkit.scene import Axes, Mark, Scene


def pack(grid: Grid) -> dict[str, Any]:
    """Return all frames of `grid` as what JSON can hold: numbers, texts, tables in base64."""
    tracks = {key: _track(key, part, grid) for key, part in grid.patterns.items()}
    tables = {name: _store(together, grid) for name, together in _by_table(tracks).items()}
    parts = {key: {**pattern_of(part), **_pack_track(tracks[key])} for key, part in grid.patterns.items()}
    marks = [part for (kind, *_), part in parts.items() if kind == "mark"]
    return {
        "controls": [_pack_control(name, grid) for name in grid.controls],
        "panels": [
            {
                **_pack_panel(name, scene),
                "width": width,
                "marks": [part for (kind, panel, _), part in parts.items() if (kind, panel) == ("mark", name)],
            }
            for (name, scene), width in zip(grid.default.scenes.items(), grid.default.widths, strict=True)
        ],
        "roles": {mark["role"]: ROLES[mark["role"]]._asdict() for mark in marks},
        "readouts": [part for (kind, *_), part in parts.items() if kind == "readout"],
        "tables": tables,
    }


def _pack_control(name: str, grid: Grid) -> dict[str, Any]:
    control = grid.controls[name]
    return {"name": name, "kind": type(control).__name__.lower(), **vars(control), "panel": grid.panels[name]}


def _pack_panel(name: str, scene: Scene) -> dict[str, Any]:
    axes = scene.axes
    return {
        "name": name,
        "axes": {**vars(axes), "xticks": ticks(*axes.xlim), "yticks": ticks(*axes.ylim)},
        "arrows": scene.arrows and scene.arrows._asdict(),
        "alt": scene.alt,
    }


class _Track(NamedTuple):
    """One part in all frames: its stack of nodes (or None), its number of rows, and where its rows start."""

    table: str
    panel: str
    nodes: int
    stacks: list[Array | None]
    counts: list[int]
    words: list[str]
    starts: list[int]


def _by_table(tracks: dict[Key, _Track]) -> dict[str, list[_Track]]:
    tables: dict[str, list[_Track]] = {}
    for track in tracks.values():
        tables.setdefault(track.table, []).append(track)
    return tables


def _track(key: Key, part: Part, grid: Grid) -> _Track:
    """Collect a part from all frames; -1 rows where it is absent, -2 - i where it is the words number i."""
    stacks: list[Array | None] = []
    counts: list[int] = []
    words: list[str] = []
    for nodes in grid.frames:
        contents = [numbers(parts[key]) for parts in nodes[: node_count(part)] if key in parts]
        if contents and isinstance(contents[0], str) and contents[0] not in words:
            words.append(contents[0])
        if not contents or isinstance(contents[0], str):
            stacks.append(None)
            counts.append(-2 - words.index(str(contents[0])) if contents else -1)
        else:
            stacks.append(np.stack(contents, axis=1))  # rows first: a longer path then begins with the shorter
            counts.append(len(contents[0]))
    stacks = _without_still_nodes(stacks)
    nodes_kept = next((stack.shape[1] for stack in stacks if stack is not None), 1)
    table = f"mark {key[1]}/{key[2]}" if isinstance(part, Mark) else f"readouts {nodes_kept}"
    return _Track(table, key[1], nodes_kept, stacks, counts, words, [])


def _without_still_nodes(stacks: list[Array | None]) -> list[Array | None]:
    """Keep only the first node of a part that never depends on the dragged point."""
    if all(stack is None or (stack == stack[:, :1]).all() for stack in stacks):
        return [None if stack is None else np.ascontiguousarray(stack[:, :1]) for stack in stacks]
    return stacks


def _pack_track(track: _Track) -> dict[str, Any]:
    lists = {"starts": _differences(track.starts), "counts": _differences(track.counts)}
    return {"table": track.table, "nodes": track.nodes, "words": track.words, **lists}


def _differences(values: Sequence[int]) -> list[int]:
    """Return the first value and then the changes, which compress far better than the values."""
    return np.diff(np.asarray(values, dtype=int), prepend=0).tolist()


def _store(tracks: list[_Track], grid: Grid) -> dict[str, Any]:
    """Share the rows of `tracks`, note where each frame's rows start, and return the table in base64."""
    starts, table = _share([stack for track in tracks for stack in track.stacks])
    for index, track in enumerate(tracks):
        size = len(track.stacks)
        track.starts.extend(starts[index * size : (index + 1) * size])
    if not tracks[0].panel or len(grid.frames) == 1:  # a single frame is small: nothing is rounded
        return _typed(_shortened(table), "<f8")
    return _quantised(table, grid.default.scenes[tracks[0].panel].axes)


def _share(stacks: Sequence[Array | None]) -> tuple[list[int], Array]:
    """Return the row where each stack starts in one table in which nothing is stored twice."""
    shape = next((stack.shape[1:] for stack in stacks if stack is not None), (1, 1))
    keys = [b"" if stack is None else stack.tobytes() for stack in stacks]
    hosts: dict[bytes, bytes] = {}
    host = b""
    for key in sorted(set(keys), reverse=True):  # what begins with a key comes just before it
        host = host if host.startswith(key) else key
        hosts[key] = host
    places: dict[bytes, int] = {b"": 0}
    table = [np.empty((0, *shape))]
    rows = 0
    for key in keys:
        if hosts[key] not in places:
            places[hosts[key]] = rows
            table.append(np.frombuffer(hosts[key]).reshape(-1, *shape))
            rows += len(table[-1])
    return [places[hosts[key]] if key else 0 for key in keys], np.concatenate(table)


def _quantised(table: Array, axes: Axes) -> dict[str, Any]:
    """Store coordinates in 16 bits between their least and greatest, or in 32 if the rounding could be seen."""
    low, high = table.min(axis=(0, 1)), table.max(axis=(0, 1))
    step, span = (high - low) / 65535, np.array([np.ptp(axes.xlim), np.ptp(axes.ylim)])
    if (step > span / 4000).any():
        return _typed(table, "<f4")
    whole = np.rint((table - low) / np.where(step > 0, step, 1.0))
    return {**_typed(whole, "<u2"), "low": low.tolist(), "step": step.tolist()}


def _shortened(table: Array) -> Array:
    """Clear the last 16 of 52 bits: nobody reads them, and zeros compress."""
    return (np.ascontiguousarray(table).view(np.uint64) & ~np.uint64(0xFFFF)).view(np.float64)


def _typed(table: Array, dtype: str) -> dict[str, Any]:
    columns = table.shape[-1]
    return {"dtype": dtype[1:], "columns": columns, "data": base64.b64encode(table.astype(dtype).tobytes()).decode()}
