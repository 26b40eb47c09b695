"""E4: the references against the closed form, the engine and simulation, and what mutants of the solution are told."""

import numpy as np
import pytest
import torch

from mamlkit import engine
from mamlkit.closed_form import first_order, quadratic
from mamlkit.closed_form.quadratic import Quadratic
from mamlkit.grade.accepted import fits

from ..conftest import parts

MUTANTS = [
    ("e04.a", "maml - fomaml, np", "fomaml - maml, np", "turned round"),
    ("e04.a", "maml = left * fomaml", "maml = (1 - alpha * a) * fomaml", "One factor"),
    ("e04.a", "/ fomaml)", "/ maml)", "share of MAML's"),
    ("e04.b", "np.mean(gradients, axis=0)", "np.sum(gradients, axis=0)", "follows their mean"),
    ("e04.b", "phi = theta  # every", "phi = phi if gradients else theta  # every", "Reset them"),
    ("e04.b", "gradients.append(gradient)", "gradients = [gradient]", "Only the last task"),
    ("e04.b", "if not first_order", "if first_order", "branches are exchanged"),
    ("e04.b", "if not first_order", "if False", "FOMAML whatever"),
    ("e04.b", "theta = theta - beta * np.mean(gradients, axis=0)", "theta -= beta * np.mean(gradients, axis=0)", "-="),
    ("e04.b", "B[t] @ phi + d[t]", "B[t] @ theta + d[t]", "serve for nothing"),
    ("e04.b", "whole.T @ gradient", "factor @ gradient", "One factor"),
    ("e04.b", "phi = theta  # every", "phi = history[0]  # every", "current initialisation"),
    (
        "e04.b",
        "gradients.append(gradient)",
        "theta = theta - beta / len(batch) * gradient; gradients = [0 * theta]",
        "share",
    ),
    ("e04.c", "/ (2 * eps)", "/ eps", "twice too large"),
    (
        "e04.c",
        "rise = outer_loss(theta + nudge) - outer_loss(theta - nudge)",
        "rise = outer_loss(theta - nudge) - outer_loss(theta + nudge)",
        "compare them as they are",
    ),
    ("e04.c", "eps, slopes = 1e-5", "eps, slopes = 0.1", "nudge is so large"),
    ("e04.c", "range(num_steps)", "range(0)", "no adaptation"),
    ("e04.c", "np.linalg.norm(direction - slopes) / true", "abs(claimed - true) / true", "lengths of the two"),
    ("e04.d", "1e-5  #", "0.01  #", "too large"),
    ("e04.d", "(avg_grad - direction(alpha))", "(direction(alpha) - avg_grad)", "turned round"),
    ("e04.d", "(avg_grad_inner @ avg_grad_inner)", "np.linalg.norm(avg_grad_inner)", "length of AvgGradInner"),
    ("e04.d", "(avg_grad - direction(alpha)) / alpha", "(avg_grad - direction(alpha))", "factor alpha"),
    ("e04.d", "return rest @ avg_grad_inner", "return abs(rest @ avg_grad_inner)", "no sign"),
]


def trials(part, seed=3):
    return parts("e04")[part].key(seed=seed).trials


def test_e04_a_the_gap_agrees_with_the_closed_form():
    for trial in trials("e04.a"):
        given = trial.inputs
        task = {"support": diagonal(given["a"]), "query": diagonal(given["d"]), "inner_lr": given["alpha"]}
        task["num_steps"] = given["num_steps"]
        gap = quadratic.first_order_gap(given["theta"], **task)
        fomaml = quadratic.meta_gradient(given["theta"], **task, first_order=True)
        np.testing.assert_allclose(trial.expected, [gap, np.abs(gap / fomaml)], rtol=1e-10)


def diagonal(curvatures):
    return Quadratic(np.diag(curvatures), np.zeros(len(curvatures)))


def test_e04_b_the_loop_follows_the_mean_of_the_closed_form():
    for trial in trials("e04.b"):
        given, theta = trial.inputs, trial.inputs["theta"]
        assert (trial.expected[0] == theta).all()
        for row, batch in enumerate(given["batches"]):
            theta = theta - given["beta"] * sum(one_gradient(theta, t, given) for t in batch) / len(batch)
            np.testing.assert_allclose(trial.expected[row + 1], theta, rtol=1e-10)


def one_gradient(theta, t, given):
    return quadratic.meta_gradient(
        theta,
        support=Quadratic(given["A"][t], given["b"][t]),
        query=Quadratic(given["B"][t], given["d"][t]),
        inner_lr=given["alpha"],
        num_steps=given["num_steps"],
        first_order=given["first_order"],
    )


def log_cosh(theta, x, y):
    return torch.log(torch.cosh(x @ theta - y)).sum()


def test_e04_c_the_verdict_agrees_with_the_engines_gradient():
    for trial in trials("e04.c"):
        tensors = {name: torch.as_tensor(value) for name, value in trial.inputs.items()}
        gradient = engine.meta_gradient(
            log_cosh,
            tensors["theta"],
            support=(tensors["A"][None], tensors["c"][None]),
            query=(tensors["B"][None], tensors["e"][None]),
            inner_lr=trial.inputs["alpha"],
            num_steps=trial.inputs["num_steps"],
        ).gradient
        apart = (tensors["direction"] - gradient).norm() / gradient.norm()
        cosine = torch.cosine_similarity(tensors["direction"], gradient, dim=0)
        np.testing.assert_allclose(trial.expected, [apart, cosine], atol=1e-7)


def test_e04_c_a_one_sided_difference_is_right_as_well():
    key = parts("e04")["e04.c"].key(seed=3)
    for given in (trial.inputs for trial in key.trials):
        center, outer = given["theta"], outer_loss(given)
        slopes = np.array([(outer(center + n) - outer(center)) / 1e-6 for n in 1e-6 * np.eye(len(center))])
        away = np.linalg.norm(given["direction"] - slopes) / np.linalg.norm(slopes)
        expected = next(trial.expected for trial in key.trials if trial.inputs is given)
        assert abs(away - expected[0]) < key.rtol


def outer_loss(given):
    def loss(theta):
        for _ in range(given["num_steps"]):
            theta = theta - given["alpha"] * given["A"].T @ np.tanh(given["A"] @ theta - given["c"])
        return np.log(np.cosh(given["B"] @ theta - given["e"])).sum()

    return loss


@pytest.mark.parametrize("method", first_order.METHODS)
def test_e04_d_the_drawn_methods_have_the_weights_of_the_claim(method):
    """R5b: the accepted interval has its middle at the weight that the package gives the method."""
    powers = {"maml": [6], "fomaml": [3], "reptile": [0, 1, 2], "joint": [0]}[method]
    given = {"h": np.full((1, 1), 0.7), "offset": np.ones((1, 1)), "powers": np.array(powers)}
    accepted = parts("e04")["e04.d"].accepts(**given)
    s = first_order.inner_weight(method, num_steps=3)
    assert fits(s + 0.09, accepted)
    assert not fits(s + 0.11, accepted)
    multiplier = np.mean((1 - 0.2 * 0.7) ** given["powers"])
    assert multiplier == pytest.approx(float(first_order.multiplier(method, 0.14, num_steps=3)))


def test_e04_d_the_solution_and_any_rate_of_the_hint_are_accepted_a_thousand_times():
    part, rng = parts("e04")["e04.d"], np.random.default_rng(0)
    for _ in range(1000):
        given = part.draws(rng)
        accepted = part.accepts(**given)
        assert fits(part.reference(**given), accepted)
        for alpha in (1e-3, 1e-8):
            assert fits(read_at(alpha, **given), accepted)


def read_at(alpha, h, offset, powers):
    plain, inner = np.mean(h * offset, axis=0), np.mean(h**2 * offset, axis=0)
    moved = np.mean([np.mean((1 - alpha * h) ** p * h * offset, axis=0) for p in powers], axis=0)
    return float((plain - moved) @ inner / (alpha * inner @ inner))
