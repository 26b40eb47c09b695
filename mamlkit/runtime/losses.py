"""A loss as a pure function of tensors, of one task and of many at once; what it must not do is named."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils import _pytree as pytree

Loss = Callable[..., Tensor]


class Unbatched(Exception):
    """A function that runs for one task cannot be batched over tasks."""


def scalar(loss_fn: Loss) -> Loss:
    """Wrap `loss_fn` so that it raises unless it takes the batch and returns a scalar."""

    def wrapped(params: Any, *batch: Any) -> Tensor:
        try:
            loss = loss_fn(params, *batch)
        except TypeError as error:
            if miscalled := _miscalled(loss_fn, batch):
                raise miscalled from error
            raise
        if not isinstance(loss, Tensor) or loss.ndim:
            got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
            raise ValueError(f"loss_fn must return a scalar tensor, one number for the whole batch, got {got}")
        return loss

    return wrapped


def _miscalled(loss_fn: Loss, batch: tuple[Any, ...]) -> TypeError | None:
    """Return what to say if `loss_fn` does not take the entries of `batch`."""
    try:
        inspect.signature(loss_fn).bind(None, *batch)
    except TypeError as error:
        return TypeError(
            f"loss_fn must take params and the {len(batch)} entries of each batch, as loss_fn(params, *batch), but "
            f"its signature is {inspect.signature(loss_fn)}: {error}"
        )
    except ValueError:  # a function written in C has none
        pass
    return None


def pure(losses: Loss) -> Loss:
    """Wrap `losses` so that it raises unless it leaves its arguments as they were."""

    def wrapped(*arguments: Any) -> Tensor:
        tensors = [leaf for leaf in pytree.tree_leaves(arguments) if isinstance(leaf, Tensor)]
        versions = [tensor._version for tensor in tensors]
        in_place = ValueError("loss_fn must not change its arguments in place: write x = x * 2, not x.mul_(2)")
        try:
            result = losses(*arguments)
        except RuntimeError as error:
            raise (in_place if any(sign in str(error) for sign in ("in-place", "written-to")) else error) from error
        if versions != [tensor._version for tensor in tensors]:
            raise in_place
        return result

    return wrapped


def batched(function: Loss) -> Loss:
    """Return `function` of one task as a function of all, batched by vmap.

    Raises
    ------
    Unbatched
        If that fails, and one task alone does not.
    """
    many = vmap(function, randomness="different")

    def wrapped(*arguments: Any) -> Tensor:
        try:
            return many(*arguments)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            with torch.random.fork_rng(devices=[]):
                function(*pytree.tree_map(lambda leaf: leaf[0].clone(), arguments))  # raises what is no fault of vmap
            raise Unbatched(str(error).strip().split(". ")[0].splitlines()[0]) from error

    return wrapped


def refuse_strangers(loss: Tensor, given: Any, loss_fn: Loss) -> None:
    """Raise if `loss` depends on a leaf that requires a gradient and is not in `given`: nobody would learn it."""
    tensors = [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, Tensor)]
    known = {id(tensor) for tensor in tensors}
    for leaf in _leaves(loss, {tensor.grad_fn for tensor in tensors}):
        if id(leaf) not in known:
            raise ValueError(
                f"loss_fn uses {_name(leaf, loss_fn)}, of shape {tuple(leaf.shape)}, which requires a gradient and is "
                "not in params: put it there and take it from there, or detach it if it is to stay as it is"
            )


def _leaves(loss: Tensor, stop: set[Any]) -> Iterator[Tensor]:
    """Yield the leaves that `loss` is computed from, going back no further than the nodes in `stop`."""
    waiting, seen = [loss.grad_fn], set(stop)
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting.extend(before for before, _ in node.next_functions)


def _name(leaf: Tensor, loss_fn: Loss) -> str:
    """Return the name by which `loss_fn` knows `leaf`, as far as it can be seen from outside."""
    function = inspect.unwrap(loss_fn)
    held = inspect.getclosurevars(function) if inspect.isfunction(function) else None
    for name, value in {**held.globals, **held.nonlocals}.items() if held else ():
        if value is leaf:
            return name
        if isinstance(value, nn.Module):
            for path, parameter in value.named_parameters():
                if parameter is leaf:
                    return f"{name}.{path}"
    return "a tensor"
