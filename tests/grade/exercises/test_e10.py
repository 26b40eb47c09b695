"""E10: the references against closed forms, SciPy and a search, and what mutants of the solution are told."""

import numpy as np
import pytest
from scipy import optimize, stats

from mamlkit.closed_form import evidence, gaussian, quadratic
from mamlkit.closed_form.quadratic import Quadratic

from ..conftest import parts

MUTANTS = [
    ("e10.a", "X.T @ X", "X.T @ X / len(X)", "Hessian of the mean loss"),
    ("e10.a", "(1 - alpha * curvatures) ** num_steps", "1 - num_steps * alpha * curvatures", "subtract K alpha h"),
    ("e10.a", "curvatures * shares / (1 - shares)", "shares / (1 - shares)", "no curvature in it"),
    ("e10.a", "curvatures * shares / (1 - shares)", "1 / (num_steps * alpha) + 0 * shares", "same in every direction"),
    ("e10.a", "* shares / (1 - shares)", "* (1 - shares) / shares", "have changed places"),
    ("e10.a", "np.linalg.eigvalsh(X.T @ X)", "np.linalg.svd(X)[1][::-1]", "singular values"),
    ("e10.b", "phi = theta  #", "phi = phi if losses.any() else theta  #", "Each task walks on"),
    ("e10.b", "X.T @ residual", "X_query.T @ query", "walk on the query set"),
    ("e10.b", "X.T @ residual", "X.T @ residual / len(y)", "mean over rows"),
    ("e10.b", "return losses / len(tasks)", "return losses", "sum over tasks"),
    ("e10.b", "return losses / len(tasks)", "return losses[:, 1:] / len(tasks)", "lacks the start"),
    (
        "e10.c",
        "steps = int",
        "walk_validation, ridge_validation = walk_test, ridge_test; steps = int",
        "You choose on the test tasks",
    ),
    ("e10.c", "std(ddof=1)", "std()", "one less than the number"),
    (
        "e10.c",
        "error = differences.std(ddof=1) / np.sqrt(len(differences))",
        "error = np.sqrt((walk_test[:, steps].var(ddof=1) + ridge_test[:, best].var(ddof=1)) / len(differences))",
        "as if they had met different tasks",
    ),
    ("e10.c", "return steps, penalties[best]", "return steps, best", "position of the penalty"),
    ("e10.d", ") ** 2", ")", "missing a power"),
    ("e10.d", "1 - alpha * n / noise_var", "1 - alpha * n", "noise with variance 1"),
    ("e10.d", "1 / (prior_var + noise_var / n)", "n", "pool all of them"),
    ("e10.d", "1 / (prior_var + noise_var / n)", "prior_var + noise_var / n", "scatters more says less"),
]


def test_e10_shares_and_penalties_are_those_of_the_closed_form():
    for trial in parts("e10")["e10.a"].key(seed=3).trials:
        given, (shares, penalties) = trial.inputs, trial.expected
        steps = {"inner_lr": given["alpha"], "num_steps": given["num_steps"]}
        A = given["X"].T @ given["X"]
        jacobian = quadratic.step_jacobian(Quadratic(A, np.zeros(len(A))), **steps)
        np.testing.assert_allclose(np.sort(shares), np.linalg.eigvalsh(jacobian), rtol=1e-9, atol=1e-12)
        precision = gaussian.implied_prior_precision(A, **steps)
        np.testing.assert_allclose(np.sort(penalties), np.linalg.eigvalsh(precision), rtol=1e-9, atol=1e-9)


def test_e10_ridge_with_the_penalty_ends_where_the_walk_ends():
    """One direction at a time: a search for ridge's lowest point, which knows no formula."""
    given, (shares, penalties) = (trial := parts("e10")["e10.a"].key(seed=3).trials[0]).inputs, trial.expected
    for h, share, penalty in zip(np.linalg.eigvalsh(given["X"].T @ given["X"]), shares, penalties, strict=True):
        found = optimize.minimize_scalar(lambda x, h=h, penalty=penalty: h * x**2 / 2 + penalty * (x - 1) ** 2 / 2)
        assert found.x == pytest.approx(share, abs=1e-6)


def test_e10_curves_are_those_of_the_closed_form():
    for trial in parts("e10")["e10.b"].key(seed=3).trials:
        given, curves = trial.inputs, []
        for X, y, Xq, yq in given["tasks"]:
            support, query = (Quadratic(M.T @ M, -M.T @ t) for M, t in ((X, y), (Xq, yq)))
            walk = quadratic.adapt(given["theta"], support, inner_lr=given["alpha"], num_steps=given["max_steps"])
            pairs = ((support, y), (query, yq))
            curves.append([[loss.value(phi) + t @ t / 2 for phi in walk] for loss, t in pairs])
        np.testing.assert_allclose(trial.expected, np.mean(curves, axis=0), rtol=1e-10)


def test_e10_contest_agrees_with_a_paired_test():
    for trial in parts("e10")["e10.c"].key(seed=3).trials:
        given, (steps, penalty, difference, error) = trial.inputs, trial.expected
        for name, choice in (("walk_validation", steps), ("ridge_validation", list(given["penalties"]).index(penalty))):
            totals = [sum(column) for column in given[name].T]
            assert totals[choice] == min(totals)
        columns = given["walk_test"][:, steps], given["ridge_test"][:, list(given["penalties"]).index(penalty)]
        assert difference / error == pytest.approx(stats.ttest_rel(*columns).statistic, rel=1e-9)
        assert error == pytest.approx(stats.sem(columns[0] - columns[1]), rel=1e-9)


def test_e10_no_draw_leaves_a_choice_to_rounding():
    """Where two columns tie, another order of summing would choose the other."""
    for seed in range(200):
        for trial in parts("e10")["e10.c"].key(seed).trials:
            for name in ("walk_validation", "ridge_validation", "walk_test", "ridge_test"):
                lowest, second = np.sort(trial.inputs[name].mean(axis=0))[:2]
                assert second - lowest > 1e-6


def test_e10_centres_are_those_of_the_closed_form():
    for trial in parts("e10")["e10.d"].key(seed=3).trials:
        given, (start, prior_mean) = trial.inputs, trial.expected
        common = {"noise_var": given["noise_var"], "n": given["n"].astype(int)}
        outer = evidence.outer_centre(given["task_means"], inner_lr=given["alpha"], **common)
        likely = evidence.likelihood_centre(given["sample_means"], prior_var=given["prior_var"], **common)
        np.testing.assert_allclose((start, prior_mean), (outer.centre, likely.centre), rtol=1e-10)


def test_e10_the_outer_centre_is_the_lowest_point_of_simulated_steps():
    """A million support sets; three standard errors of the simulated optimum are about 0.01 here."""
    given, (start, _) = (trial := parts("e10")["e10.d"].key(seed=3).trials[0]).inputs, trial.expected
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(1_000_000, len(given["n"]))) * np.sqrt(given["noise_var"] / given["n"])
    w = given["alpha"] * given["n"] / given["noise_var"]
    rest = given["task_means"] - w * (given["task_means"] + noise)  # what (1 - w) theta should be
    assert np.mean(rest @ (1 - w)) / ((1 - w) ** 2).sum() == pytest.approx(start, abs=0.01)
