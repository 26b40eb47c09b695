"""What the engine is checked against: closed forms, and central differences that know nothing of autograd."""

import numpy as np
import torch
from torch.utils import _pytree as pytree

from mamlkit.closed_form import quadratic


def quadratic_loss(theta, A, b):
    return 0.5 * theta @ A @ theta + b @ theta


def random_quadratics(rng, *, num_tasks, dim):
    """Draw positive-definite losses; return closed-form objects, and their (A, b) stacked as tensors."""
    roots = rng.normal(size=(num_tasks, dim, dim)) / dim**0.5
    A, b = roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(dim), rng.normal(size=(num_tasks, dim))
    A = (A + A.transpose(0, 2, 1)) / 2
    return [quadratic.Quadratic(*pair) for pair in zip(A, b, strict=True)], (torch.tensor(A), torch.tensor(b))


def central_differences(function, params, *, step=1e-4):
    """Differentiate the scalar `function(params)` entry by entry, with the five-point formula."""
    leaves, spec = pytree.tree_flatten(params)

    def value(index, entry, shift):
        moved = [leaf.detach().clone() for leaf in leaves]
        moved[index].view(-1)[entry] += shift
        return float(function(pytree.tree_unflatten(moved, spec)))

    gradient = [torch.zeros_like(leaf) for leaf in leaves]
    for index, leaf in enumerate(leaves):
        for entry in range(leaf.numel()):
            near = value(index, entry, step) - value(index, entry, -step)
            far = value(index, entry, 2 * step) - value(index, entry, -2 * step)
            gradient[index].view(-1)[entry] = (8 * near - far) / (12 * step)
    return pytree.tree_unflatten(gradient, spec)


def distance(first, second):
    """Return the largest difference between two pytrees, relative to the largest entry of the second."""
    pairs = list(zip(pytree.tree_leaves(first), pytree.tree_leaves(second), strict=True))
    scale = max(float(b.abs().max()) for _, b in pairs)
    return max(float((a - b).abs().max()) for a, b in pairs) / scale


def plain_autograd(loss_fn, params, support, query, *, inner_lr, num_steps):
    """Return the meta-gradient by `torch.autograd.grad` alone: a loop over tasks, steps and a dict of parameters."""
    theta = {name: value.detach().clone().requires_grad_() for name, value in params.items()}
    total = 0.0
    for task in range(len(pytree.tree_leaves(support)[0])):
        phi = theta
        for _ in range(num_steps):
            loss = loss_fn(phi, *(part[task] for part in support))
            slopes = torch.autograd.grad(loss, list(phi.values()), create_graph=True, materialize_grads=True)
            phi = {name: phi[name] - inner_lr * slope for name, slope in zip(phi, slopes, strict=True)}
        total = total + loss_fn(phi, *(part[task] for part in query))
    total = total / len(pytree.tree_leaves(support)[0])
    return dict(zip(theta, torch.autograd.grad(total, list(theta.values()), materialize_grads=True), strict=True))
