"""A pure function recorded as a graph of operators, in a form that a CPU runs fast: the same numbers, to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node
from torch.fx.experimental.proxy_tensor import make_fx

from mamlkit.runtime.sound import Unsound, blind, refuse_shapes_from_values

aten = torch.ops.aten
VIEWS = (aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.detach.default)
ENTRY_BY_ENTRY = (aten.add.Tensor, aten.sub.Tensor, aten.neg.default, aten.mul.Tensor, aten.mul.Scalar)


def record(function: Callable[..., list[Tensor]], tensors: tuple[Tensor, ...]) -> Any:
    """Return a `torch.fx.GraphModule` that computes ``function(*tensors)`` for tensors of these shapes and types.

    Raises
    ------
    Unsound
        If the function takes values out of its tensors, or has shapes that depend on them: a graph would keep them.

    Examples
    --------
    >>> graph = record(lambda x: [x.view(2) * 2 + 1], (torch.ones(2),))
    >>> graph(torch.zeros(2)), [node.name for node in graph.graph.nodes]
    ([tensor([1., 1.])], ['x_1', 'mul', 'add', 'output'])
    """
    rules: dict[Any, Any] = {aten.bmm.default: _batched_product, aten.max_pool2d_with_indices.default: _pooled}
    try:
        module = make_fx(function, rules, tracing_mode="fake", _allow_non_fake_inputs=True)(*tensors)
    except Exception:  # PyTorch cannot record some operators without numbers, `abs` under vmap among them
        module = _record_real(blind(function), rules, tensors)
    refuse_shapes_from_values(module.graph)
    _drop_idle_views(module.graph)
    _turn_products(module.graph)
    _loosen_views(module.graph)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def _record_real(function: Any, rules: dict[Any, Any], tensors: tuple[Tensor, ...]) -> Any:
    try:
        return make_fx(function, rules, tracing_mode="real")(*tensors)
    except RuntimeError as error:
        if "_local_scalar_dense" in str(error):
            raise Unsound("an operator takes values out of a tensor") from error
        raise


def _batched_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply (n, i, j) by (n, j, k) in the form that a CPU does fastest; the library's own call where that is it."""
    if a.device.type != "cpu" or not a.is_floating_point():
        return NotImplemented
    if a.shape[2] == 1:
        return a * b
    if b.shape[2] == 1:
        return (a * b.mT).sum(2, keepdim=True)
    if b.stride(0) == 0:  # all tasks share one matrix, as at the first inner step: one large product
        return (a.reshape(-1, a.shape[2]) @ b[0]).view(*a.shape[:2], b.shape[2])
    return torch.bmm(b.mT, a.mT).mT if a.shape[1] > b.shape[2] else NotImplemented  # wide results are faster


def _pooled(images: Tensor, *arguments: Any) -> Any:
    """Pool (n, channels, height, width) with channels last, which is several times faster on a CPU."""
    if images.device.type != "cpu" or images.ndim != 4 or images.is_contiguous(memory_format=torch.channels_last):
        return NotImplemented
    images = images.contiguous(memory_format=torch.channels_last)
    return tuple(found.contiguous() for found in aten.max_pool2d_with_indices.default(images, *arguments))


def _drop_idle_views(graph: Graph) -> None:
    """Take out the views that change nothing, and that nothing changes."""
    node: Any
    for node in graph.nodes:
        if node.target in VIEWS and not _is_changed(node):
            before, after = (n.meta.get("val") for n in (node.args[0], node))
            if before is not None and (before.shape, before.stride()) == (after.shape, after.stride()):
                node.replace_all_uses_with(node.args[0])
                graph.erase_node(node)


def _is_changed(node: Any) -> bool:
    """Say whether an operator changes `node` in place."""
    return any(isinstance(n.target, torch._ops.OpOverload) and n.target._schema.is_mutable for n in node.users)


def _turn_products(graph: Graph) -> None:
    """Compute (A B)' as B' A' where only that is asked for: then all terms of a sum lie in memory alike."""

    def transpose(node: Any) -> Any:
        if not isinstance(node, Node):
            return node
        turned = graph.call_function(aten.transpose.int, (node, 1, 2))
        turned.meta["val"] = node.meta["val"].mT
        waiting.append(turned)
        return turned

    def turn(node: Any) -> Any:
        """Return another way to the transpose of `node`, with the transposes further back, where it is better."""
        if _is_transpose(node):
            return node.args[0]
        if len(node.users) > 1:
            return None
        shapes = {getattr(n.meta.get("val"), "shape", None) for n in (node, *node.all_input_nodes)}
        if node.target is aten.bmm.default and node.meta["val"].shape[1] >= node.meta["val"].shape[2]:
            return graph.call_function(node.target, tuple(map(transpose, reversed(node.args))))  # tall ones are slower
        if node.target in ENTRY_BY_ENTRY and len(shapes) == 1:
            return graph.call_function(node.target, tuple(map(transpose, node.args)), node.kwargs)
        return None

    waiting: list[Any] = list(filter(_is_transpose, graph.nodes))
    while waiting:
        node = waiting.pop()
        inner = node.args[0]
        with graph.inserting_before(inner):  # where nothing that it reads can have been changed in place
            turned = turn(inner) if node.users else None
        if turned:
            turned.meta.setdefault("val", node.meta["val"].contiguous())
            node.replace_all_uses_with(turned)
        if not node.users:
            graph.erase_node(node)
        if not inner.users and inner.target in (aten.bmm.default, *ENTRY_BY_ENTRY):  # what has no other effect
            graph.erase_node(inner)


def _loosen_views(graph: Graph) -> None:
    """Let views be copies where products that were turned lie in memory in another order, and nothing changes them."""
    for node in graph.nodes:
        if node.target is aten.view.default and not _is_changed(node):
            node.target = aten.reshape.default


def _is_transpose(node: Any) -> bool:
    return node.target is aten.transpose.int and node.meta["val"].ndim == 3 and {n % 3 for n in node.args[1:]} == {1, 2}
