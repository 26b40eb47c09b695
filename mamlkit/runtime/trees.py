"""Nested tensors: taken apart, put together again, and matched with others by their keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree


def as_tensors(name: str, batch: Sequence[Any], like: Tensor) -> tuple[Any, ...]:
    """Return `batch` as a tuple in which NumPy arrays have become tensors; their floats take the type of `like`.

    Examples
    --------
    >>> as_tensors("batch", ({"x": np.ones(2)}, np.arange(2)), torch.zeros(1))
    ({'x': tensor([1., 1.])}, tensor([0, 1]))
    """
    if isinstance(batch, str) or not isinstance(batch, Sequence):
        raise TypeError(f"{name} must be a tuple such as (x, y), got {type(batch).__name__}")

    def convert(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.contiguous()
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must hold tensors or NumPy arrays, got {value!r:.60}")
        if value.dtype.kind not in "biuf":
            raise TypeError(
                f"{name} must hold arrays of numbers, got one of {value.dtype}: rows of different lengths make an "
                "array of objects, so pad them to one length and hand a mask over beside them"
            )
        value = np.require(value, requirements=["C", "W"])
        return torch.as_tensor(value, dtype=like.dtype if value.dtype.kind == "f" else None, device=like.device)

    return tuple(pytree.tree_map(convert, value) for value in batch)


def split(tree: Any) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Any]]:
    """Return the tensors of `tree`, and a function that puts others in their places.

    Examples
    --------
    >>> tensors, rebuild = split({"a": torch.ones(2), "b": 0.0})
    >>> rebuild([2 * tensor for tensor in tensors])
    {'a': tensor([2., 2.]), 'b': 0.0}
    """
    leaves, spec = pytree.tree_flatten(tree)
    places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]

    def rebuild(tensors: Sequence[Tensor]) -> Any:
        filled = dict(enumerate(leaves)) | dict(zip(places, tensors, strict=True))
        return pytree.tree_unflatten(filled.values(), spec)

    return [leaves[index] for index in places], rebuild


def spread(name: str, tree: Any, like: Any) -> list[Any]:
    """Return an entry of `tree` for each leaf of `like`, matched by key; one entry may stand for a whole branch.

    Raises
    ------
    ValueError
        If the keys differ; names them.

    Examples
    --------
    >>> spread("rates", {"head": 1, "body": 2}, {"body": {"w": "?", "b": "?"}, "head": "?"})
    [2, 2, 1]
    """
    leaves, spec = pytree.tree_flatten(tree)
    if spec.is_leaf():
        return [tree] * len(pytree.tree_leaves(like))
    return [leaves[index] for index in _matched(name, _numbered(spec), _numbered(pytree.tree_structure(like)), "")]


def _numbered(spec: pytree.TreeSpec) -> Any:
    """Return a tree with numbers for leaves: PyTorch's walk with paths would hold tensors in memory in a cycle."""
    return pytree.tree_unflatten(range(spec.num_leaves), spec)


def _matched(name: str, tree: Any, like: Any, path: str) -> list[int]:
    theirs, ours = _branches(tree), _branches(like)
    if theirs is None:  # one entry for all that lies below
        return [tree] * len(pytree.tree_leaves(like))
    if ours is None:
        raise ValueError(
            f"{name}{path} must be one number or tensor, as params{path} is a tensor; got {sorted(theirs)}"
        )
    if theirs.keys() != ours.keys():
        difference = differing(theirs.keys(), ours.keys())
        raise ValueError(f"{name}{path} must be a number or have the keys of params{path}: {difference}")
    return [leaf for key in ours for leaf in _matched(name, theirs[key], ours[key], path + key)]


def differing(theirs: Set[str], ours: Set[str]) -> str:
    """Say which keys `theirs` lacks and adds, up to five of each.

    Examples
    --------
    >>> differing({"a", "b"}, {"b", "c"})
    'it lacks c and adds a'
    """
    both = {"lacks": ours - theirs, "adds": theirs - ours}
    return "it " + " and ".join(f"{verb} {', '.join(sorted(keys)[:5])}" for verb, keys in both.items() if keys)


def _branches(tree: Any) -> dict[str, Any] | None:
    """Return what lies one level below `tree`, by key; None if it is a leaf."""
    below = pytree.tree_flatten_with_path(tree, is_leaf=lambda node: node is not tree)[0]
    if len(below) == 1 and not below[0][0]:
        return None
    return {pytree.keystr(path): branch for path, branch in below}
