"""E1: the references against the closed form of least squares, and what mutants of the solution are told."""

import numpy as np
import pytest

from mamlkit.closed_form import quadratic
from mamlkit.closed_form.quadratic import Quadratic

from ..conftest import parts

MUTANTS = [
    ("e01.a", "/ len(y)", "", "divide the gradient by the number of rows"),
    ("e01.a", "theta - alpha", "theta + alpha", "uphill"),
    ("e01.a", "alpha * gradient", "gradient", "learning rate is missing"),
    ("e01.b", "phi = theta  #", "phi = theta = theta if not losses else phi  #", "Each task starts from the last"),
    ("e01.b", "residuals =", "X_query, y_query = X, y; residuals =", "on the support set, the data it has just"),
    ("e01.b", "X_query @ phi", "X_query @ theta", "joint training"),
    ("e01.c", "0.5 * curvatures * ", "", "leave the curvature out"),
    ("e01.a", "/ len(y)", "/ len(theta)", "number of columns"),
    ("e01.a", "range(num_steps)", "range(num_steps + 1)", "one step too many"),
    ("e01.a", "(X @ theta - y)", "(X @ theta)", "targets are missing"),
    (
        "e01.b",
        "losses.append(residuals @ residuals / (2 * len(y_query)))\n    return np.mean(losses)",
        "losses.append(residuals)\n    return np.mean(np.concatenate(losses) ** 2) / 2",
        "You pool the query rows",
    ),
    ("e01.c", "adapted**2", "adapted * distances", "missing a power"),
]


def test_e01_agrees_with_the_closed_form_of_least_squares():
    part = parts("e01")["e01.a"]
    for trial in part.key(seed=3).trials:
        given = trial.inputs
        X, y, n = given["X"], given["y"], len(given["y"])
        loss = Quadratic(X.T @ X / n, -X.T @ y / n)
        phi = quadratic.adapt(given["theta"], loss, inner_lr=given["alpha"], num_steps=given["num_steps"])[-1]
        np.testing.assert_allclose(trial.expected, phi, rtol=1e-10)


def test_e01_outer_objective_agrees_with_the_closed_form():
    for trial in parts("e01")["e01.b"].key(seed=3).trials:
        given, losses = trial.inputs, []
        for X, y, Xq, yq in given["tasks"]:
            support, query = (Quadratic(M.T @ M / len(t), -M.T @ t / len(t)) for M, t in ((X, y), (Xq, yq)))
            value = quadratic.outer_loss(
                given["theta"], support=support, query=query, inner_lr=given["alpha"], num_steps=given["num_steps"]
            )
            losses.append(value + yq @ yq / (2 * len(yq)))
        assert trial.expected == pytest.approx(np.mean(losses), rel=1e-10)
