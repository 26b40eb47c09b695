"""Read the packed frames as the browser does, written again from the description in pack.py."""

import base64

import numpy as np

DTYPES = {"u2": "<u2", "f4": "<f4", "f8": "<f8"}


def table_of(entry):
    rows = np.frombuffer(base64.b64decode(entry["data"]), dtype=DTYPES[entry["dtype"]]).astype(float)
    rows = rows.reshape(-1, entry["columns"])
    return rows * entry["step"] + entry["low"] if "low" in entry else rows


def nodal_basis(share, nodes):
    """Weights by solving for the polynomial through the nodes, not by a formula."""
    s, t = np.array([(0, 0), (1, 0), (0, 1), (0.5, 0), (0, 0.5), (0.5, 0.5)])[:nodes].T
    columns = {1: lambda x, y: [x**0], 3: lambda x, y: [x**0, x, y], 6: lambda x, y: [x**0, x, y, x * x, x * y, y * y]}
    basis = columns[nodes]
    vandermonde = np.array(basis(s, t)).T
    return np.linalg.solve(vandermonde.T, np.array(basis(np.array(share[0]), np.array(share[1])), dtype=float))


class Unpacked:
    """Parts of a spec by frame and share: `marks` and `readouts` map a name to its rows, its words or None."""

    def __init__(self, spec):
        self.spec = spec
        self.tables = {name: table_of(entry) for name, entry in spec["tables"].items()}
        self.steps = [control for control in spec["controls"] if control["kind"] != "point"]

    def frame(self, **values):
        index = 0
        for control in self.steps:
            index = index * len(control["values"]) + list(control["values"]).index(values[control["name"]])
        return index

    def rows(self, part, frame, share=(0.0, 0.0)):
        count, start = np.cumsum(part["counts"])[frame], np.cumsum(part["starts"])[frame]
        if count < 0:
            return None if count == -1 else part["words"][-2 - count]
        nodes = part["nodes"]
        stack = self.tables[part["table"]][start * nodes : (start + count) * nodes].reshape(count, nodes, -1)
        return np.einsum("n,rnc->rc", nodal_basis(share, nodes), stack)

    def part(self, kind, name):
        marks = [mark for panel in self.spec["panels"] for mark in panel["marks"]]
        return next(part for part in {"marks": marks, **self.spec}[kind] if part["name"] == name)
