"""Every exercise: the solution earns everything, nothing earns nothing, each misconception is called by its name."""

import re

import numpy as np
import pytest
import torch

from mamlkit.closed_form import quadratic
from mamlkit.closed_form.quadratic import Quadratic
from mamlkit.grade.judge import Key, answers, judge

from .conftest import NAMES, PROMISED, assignment, fill, parts, points, release, right_answers

MUTANTS = [
    ("e01.a", "/ len(y)", "", "divide the gradient by the number of rows"),
    ("e01.a", "theta - alpha", "theta + alpha", "uphill"),
    ("e01.a", "alpha * gradient", "gradient", "learning rate is missing"),
    ("e01.b", "phi = theta  #", "phi = theta = theta if not losses else phi  #", "Each task starts from the last"),
    ("e01.b", "residuals =", "X_query, y_query = X, y; residuals =", "on the support set, the data it has just"),
    ("e01.b", "X_query @ phi", "X_query @ theta", "joint training"),
    ("e01.c", "0.5 * curvatures * ", "", "leave the curvature out"),
    ("e02.a", "return jacobian.T @ query_gradient", "return query_gradient", "FOMAML"),
    ("e02.a", "B @ phi + d", "B @ theta + d", "taken at theta"),
    ("e02.a", "B @ phi + d", "A @ phi + b", "support loss at phi"),
    ("e02.b", "- alpha * A) @ jacobian", "- alpha * A)", "One factor"),
    ("e02.b", "(A @ phi + b)", "(A @ theta + b)", "at the initialisation"),
    ("e02.c", "reversed(hessians)", "hessians", "wrong order"),
    ("e02.c", "hessian.T", "hessians[0]", "theta_0 for every step"),
    ("e03.a", "(g * w).sum() for", "(g * g).sum() / 2 for", "g . g / 2"),
    ("e01.a", "/ len(y)", "/ len(theta)", "number of columns"),
    ("e01.a", "range(num_steps)", "range(num_steps + 1)", "one step too many"),
    ("e01.a", "(X @ theta - y)", "(X @ theta)", "targets are missing"),
    ("e01.b", "losses.append(residuals @ residuals / (2 * len(y_query)))\n    return np.mean(losses)",
     "losses.append(residuals)\n    return np.mean(np.concatenate(losses) ** 2) / 2", "You pool the query rows"),
    ("e01.c", "adapted**2", "adapted * distances", "missing a power"),
    ("e02.a", "(A @ theta + b)", "(A @ theta)", "b of the support loss is missing"),
    ("e02.b", "range(num_steps)", "range(num_steps - 1)", "one inner step too few"),
    ("e02.c", "reversed(hessians)", "reversed(hessians[1:])", "first step is left out"),
    ("e03.b", "create_graph=True", "create_graph=False", "FOMAML"),
    ("e03.b", "loss = loss_fn(phi", "phi = leaves = [p.detach().requires_grad_() for p in phi]; loss = loss_fn(phi",
     "Only the last inner step"),
    ("e03.b", "loss_fn(phi, *query), leaves", "loss_fn(phi, *support), leaves", "query set does the judging"),
    ("e03.c", "reversed(trajectory[:-1])", "trajectory[:-1]", "wrong order"),
    ("e03.c", "reversed(trajectory[:-1])", "reversed(trajectory[1:])", "shifted by one"),
    ("e03.c", "alpha * hvp(theta, vector)",
     "alpha * sum(w * hvp(theta, e) for w, e in zip(vector, torch.eye(len(vector))))",
     "You have built the Hessians"),
]  # fmt: skip


@pytest.mark.parametrize("name", PROMISED)
def test_the_solution_earns_every_point(grader, name):
    result = grader(name, fill(name, right_answers(name)))
    total = sum(part.points for part in parts(name).values())
    assert (result.status, result.points, result.out_of, result.notes) == ("graded", total, total, [])


@pytest.mark.parametrize("name", PROMISED)
def test_the_untouched_release_earns_nothing(grader, name):
    result = grader(name, release(name))
    assert result.points == 0
    assert {part.kind for part in result.parts} == {"unanswered"}


@pytest.mark.parametrize("name", PROMISED)
def test_each_part_alone_earns_its_own_points(grader, name):
    for part, source in right_answers(name).items():
        result = grader(name, fill(name, {part: source}))
        assert {key: value for key, value in points(result).items() if value} == {part: parts(name)[part].points}


@pytest.mark.parametrize("hollow", ["None", "0.0", "np.zeros(3)", "[]", "args", "'right'", "float('nan')", "True"])
def test_hollow_answers_earn_nothing(hollow):
    for name in PROMISED:
        for part in parts(name).values():
            key = part.key(seed=1)
            values = answers(lambda **args: eval(hollow, {"np": np, "args": args}), key)
            assert not judge(values, key).right


@pytest.mark.parametrize("name", PROMISED)
def test_every_declared_misconception_gets_its_own_advice(name):
    for part in parts(name).values():
        key = part.key(seed=2)
        assert len(part.misconceptions) >= 3
        for advice, function in part.misconceptions:
            verdict = judge(answers(function, key), key)
            assert (verdict.right, verdict.kind, verdict.advice) == (False, "misconception", advice)


def verdicts(name, answered):
    """Return the verdict on each part as in a class; its cells are run here, since no kernel is under test."""
    namespace, found = {}, {}
    keys = {key["part"]: key for key in assignment(name).keys}

    def check(part, function):
        outcomes = answers(function, Key.from_json(keys[part]))
        found[part] = judge(outcomes, Key.from_json(keys[part], tensors=False), reveal=False)

    for cell in assignment(name).exercise.cells:
        exec(answered[cell.part] if cell.role == "answer" else cell.source, namespace)
        namespace["check"] = check
    return found


@pytest.mark.parametrize(("part", "old", "new", "advice"), MUTANTS)
def test_a_mutant_of_the_solution_is_told_what_is_wrong(part, old, new, advice):
    name = part[:3]
    source = right_answers(name)[part]
    assert old in source
    found = verdicts(name, {**right_answers(name), part: source.replace(old, new)})
    assert re.search(advice, found[part].advice), found[part].advice
    assert [one for one in found if not found[one].right] == [part]


@pytest.mark.parametrize("seed", range(5))
def test_any_seed_draws_inputs_that_tell_the_misconceptions_apart(seed):
    for name in NAMES:
        for part in parts(name).values():
            part.key(seed)


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


def test_numpy_exercises_do_not_load_torch():
    assert assignment("e01").exercise.preload == assignment("e02").exercise.preload == ()
