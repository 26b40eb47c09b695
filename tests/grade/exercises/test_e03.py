"""E3: the references against explicit Hessians and central differences, and what mutants are told."""

import torch

from ..conftest import parts

MUTANTS = [
    ("e03.a", "(g * w).sum() for", "(g * g).sum() / 2 for", "g . g / 2"),
    ("e03.b", "create_graph=True", "create_graph=False", "FOMAML"),
    (
        "e03.b",
        "loss = loss_fn(phi",
        "phi = leaves = [p.detach().requires_grad_() for p in phi]; loss = loss_fn(phi",
        "Only the last inner step",
    ),
    ("e03.b", "loss_fn(phi, *query), leaves", "loss_fn(phi, *support), leaves", "query set does the judging"),
    ("e03.c", "reversed(trajectory[:-1])", "trajectory[:-1]", "wrong order"),
    ("e03.c", "reversed(trajectory[:-1])", "reversed(trajectory[1:])", "shifted by one"),
    (
        "e03.c",
        "alpha * hvp(theta, vector)",
        "alpha * sum(w * hvp(theta, e) for w, e in zip(vector, torch.eye(len(vector))))",
        "You have built the Hessians",
    ),
]


def _flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


def _network_loss(flat, hidden, x, y):
    w1, b1, w2, b2 = flat.split([2 * hidden, hidden, hidden, 1])
    w1, w2 = w1.reshape(2, hidden), w2.reshape(hidden, 1)
    return ((torch.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2).mean()


def test_e03_product_agrees_with_the_explicit_hessian():
    given, expected = (trial := parts("e03")["e03.a"].key(seed=3).trials[0]).inputs, trial.expected
    hidden = len(given["params"][1])
    hessian = torch.autograd.functional.hessian(
        lambda flat: _network_loss(flat, hidden, given["x"], given["y"]), _flat(given["params"])
    )
    torch.testing.assert_close(_flat(expected), hessian @ _flat(given["v"]), rtol=1e-9, atol=1e-12)


def test_e03_meta_gradient_agrees_with_central_differences():
    given, expected = (trial := parts("e03")["e03.b"].key(seed=3).trials[0]).inputs, trial.expected
    start, hidden = _flat(given["params"]), len(given["params"][1])

    def outer(flat):
        for _ in range(given["num_steps"]):
            flat = flat - given["alpha"] * torch.func.grad(_network_loss)(flat, hidden, *given["support"])
        return _network_loss(flat, hidden, *given["query"]).item()

    eps = 1e-5 * torch.eye(len(start), dtype=torch.float64)
    slopes = [(outer(start + step) - outer(start - step)) / 2e-5 for step in eps]
    torch.testing.assert_close(_flat(expected), torch.tensor(slopes, dtype=torch.float64), rtol=1e-6, atol=1e-8)


def test_e03_sweep_is_the_transposed_product_of_jacobians():
    """The product is measured over a short step, so the agreement is one of the first digits."""
    given, (gradient, calls) = (trial := parts("e03")["e03.c"].key(seed=3).trials[0]).inputs, trial.expected
    jacobian = identity = torch.eye(len(gradient), dtype=torch.float64)
    for theta in given["trajectory"][:-1]:
        hessian = torch.autograd.functional.hessian(
            lambda point: torch.log(torch.cosh(given["A"] @ point - given["c"])).sum(), theta
        )
        jacobian = (identity - given["alpha"] * hessian) @ jacobian
    torch.testing.assert_close(gradient, jacobian.T @ given["query_gradient"], rtol=0.02, atol=0.005)
    assert calls == len(given["trajectory"]) - 1
