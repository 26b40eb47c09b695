"""Recorded graphs are rewritten for speed, and their numbers stay."""

import pytest
import torch

from mamlkit.runtime.record import aten, record

GENERATOR = torch.Generator().manual_seed(0)
A, B, C, D = (torch.randn(3, 4, 4, generator=GENERATOR, dtype=torch.float64) for _ in range(4))


def used_transposed(a, b, c, d):
    return [(2 * (a.mT @ b).mT + c.mT @ d).mT.sum(0)]


def twice_transposed(a, b, c, d):
    return [(a @ b).mT.mT - c]


def needed_both_ways(a, b, c, d):
    product = a @ b
    return [product.mT + c, product]


def changed_in_place(a, b, c, d):
    """The product is taken before its factor changes, and its transpose after."""
    a = a.clone()
    product = a @ b
    a.mul_(2)
    return [product.mT + c @ d, a]


def changed_itself(a, b, c, d):
    product = a @ b
    product.add_(c)
    turned = product.mT
    turned.mul_(3)
    return [turned + d]


def changed_through_a_view(a, b, c, d):
    """The transposed view is read after the product has changed, though by another name."""
    product = a @ b
    product.view(-1).mul_(2)
    return [product.mT + c]


def changed_through_a_part(a, b, c, d):
    product = a @ b
    product[:1].mul_(2).mT  # noqa: B018
    return [product]


def never_used(a, b, c, d):
    a.mT  # noqa: B018
    (b @ c).mT  # noqa: B018
    return [d + 1]


def other_shapes(a, b, c, d):
    return [a.view(3, 2, 8) + 1, b.expand(1, 3, 4, 4), c[0].expand(3, 4, 4), d.transpose(0, 1).reshape(3, 4, 4)]


def turned_in_place(a, b, c, d):
    before = a + 1
    before.detach().transpose_(1, 2).mul_(2)
    return [before + b]


def broadcast(a, b, c, d):
    return [(a @ b + c[:1]).mT + (a @ b + 1).mT, (a @ b - c[0, 0]).mT, torch.add(a @ b, c, alpha=3).mT]


def with_a_constant(a, b, c, d):
    return [(a @ torch.eye(4, dtype=a.dtype).expand(3, 4, 4) + torch.ones_like(a)).mT]


@pytest.mark.parametrize(
    "function",
    [
        used_transposed,
        twice_transposed,
        needed_both_ways,
        changed_in_place,
        changed_itself,
        changed_through_a_view,
        changed_through_a_part,
        never_used,
        other_shapes,
        turned_in_place,
        broadcast,
        with_a_constant,
    ],
)
def test_the_numbers_stay(function):
    graph = record(function, (A, B, C, D))
    torch.testing.assert_close(graph(A, B, C, D), function(A, B, C, D), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(graph(B, C, D, A), function(B, C, D, A), rtol=1e-13, atol=1e-13)


def test_what_is_added_up_lies_in_memory_alike():
    """Both terms are products as they come; the one transpose that each needs is of its factors."""
    graph = record(used_transposed, (A, B, C, D))
    total = next(node for node in graph.graph.nodes if node.target is aten.sum.dim_IntList)
    doubled, product = total.args[0].args
    assert [doubled.target, doubled.args[0].target] == [aten.mul.Tensor, aten.bmm.default]
    assert product.target is aten.bmm.default


def test_idle_views_are_dropped():
    graph = record(lambda x: [x.view(3, 4, 4).expand(3, 4, 4).detach().view(3, 16)], (A,))
    assert [node.target for node in graph.graph.nodes if node.op == "call_function"] == [aten.reshape.default]


@pytest.mark.parametrize("shapes", [((3, 4, 1), (3, 1, 4)), ((3, 4, 5), (3, 5, 1)), ((3, 0, 4), (1, 4, 5))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
def test_products_of_every_shape_and_type(shapes, dtype):
    a, b = (torch.full(shape, 3, dtype=dtype) for shape in shapes)
    expected = [torch.matmul(a, b), torch.bmm(a, b.expand(3, *b.shape[1:]))]
    found = record(lambda a, b: [torch.matmul(a, b), torch.bmm(a, b.expand(3, *b.shape[1:]))], (a, b))(a, b)
    torch.testing.assert_close(found, expected)
