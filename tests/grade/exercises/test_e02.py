"""E2: the references against the closed form of quadratics, and what mutants of the solution are told."""

import numpy as np
import pytest

from mamlkit.closed_form import quadratic
from mamlkit.closed_form.quadratic import Quadratic

from ..conftest import parts

MUTANTS = [
    ("e02.a", "return jacobian.T @ query_gradient", "return query_gradient", "FOMAML"),
    ("e02.a", "B @ phi + d", "B @ theta + d", "taken at theta"),
    ("e02.a", "B @ phi + d", "A @ phi + b", "support loss at phi"),
    ("e02.b", "- alpha * A) @ jacobian", "- alpha * A)", "One factor"),
    ("e02.b", "(A @ phi + b)", "(A @ theta + b)", "at the initialisation"),
    ("e02.c", "reversed(hessians)", "hessians", "wrong order"),
    ("e02.c", "hessian.T", "hessians[0]", "theta_0 for every step"),
    ("e02.a", "(A @ theta + b)", "(A @ theta)", "b of the support loss is missing"),
    ("e02.b", "range(num_steps)", "range(num_steps - 1)", "one inner step too few"),
    ("e02.c", "reversed(hessians)", "reversed(hessians[1:])", "first step is left out"),
]


@pytest.mark.parametrize("part", ["e02.a", "e02.b"])
def test_e02_agrees_with_the_closed_form(part):
    for trial in parts("e02")[part].key(seed=3).trials:
        given = trial.inputs
        gradient = quadratic.meta_gradient(
            given["theta"],
            support=Quadratic(given["A"], given["b"]),
            query=Quadratic(given["B"], given["d"]),
            inner_lr=given["alpha"],
            num_steps=given.get("num_steps", 1),
        )
        np.testing.assert_allclose(trial.expected, gradient, rtol=1e-10)


def test_e02_pull_back_is_the_transposed_product_of_jacobians():
    for trial in parts("e02")["e02.c"].key(seed=3).trials:
        given, jacobian = trial.inputs, np.eye(len(trial.inputs["query_gradient"]))
        for hessian in given["hessians"]:
            jacobian = (np.eye(len(jacobian)) - given["alpha"] * hessian) @ jacobian
        np.testing.assert_allclose(trial.expected, jacobian.T @ given["query_gradient"], rtol=1e-10)
