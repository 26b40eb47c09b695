"""E11: the references against the formula of R13, PyTorch's layer and chance, and what mutants are told."""

import numpy as np
import pytest
import torch

from mamlkit.closed_form.normalisation import best_mixture, crossing, mean_error
from mamlkit.grade.accepted import fits

from ..conftest import parts

MUTANTS = [
    ("e11.a", "support.mean(axis=0)", "query.mean(axis=0)", "query set's own statistics"),
    ("e11.a", "support.mean(axis=0)", "np.vstack([support, query]).mean(axis=0)", "query set's own statistics"),
    ("e11.a", "support.mean(axis=0)", "support.mean()", "average over units"),
    ("e11.a", "(1 - weight) * running_mean + weight * own", "weight * running_mean + (1 - weight) * own", "shares"),
    ("e11.a", "running_var + eps", "support.var(axis=0) + eps", "spread of the support set"),
    ("e11.a", "np.sqrt(running_var + eps)", "(np.sqrt(running_var) + eps)", "under the root"),
    ("e11.b", "(bias**2).mean()", "bias.mean() ** 2", "before you square it"),
    ("e11.b", "estimates.var(axis=0).mean()", "estimates.var()", "all estimates at once"),
    ("e11.b", "estimates.var(axis=0)", "estimates.var(axis=1)", "along the tasks"),
    ("e11.b", "estimates.mean(axis=0) - task_means", "estimates - task_means", "mean squared error"),
    ("e11.b", "estimates.var(axis=0).mean()", "((estimates - task_means) ** 2).mean()", "measured from the true means"),
    ("e11.c", "recordings.mean(axis=1).var(ddof=1)", "(recordings.mean(axis=1) ** 2).mean()", "scatter around 0"),
    ("e11.c", "within / n_support)", "within / recordings.shape[1])", "sets of N"),
    ("e11.c", "return within / between", "return np.ceil(within / between)", "not rounded"),
    ("e11.c", " - noise", "", "Take that noise out"),
    ("e11.c", "axis=1, ddof=1).mean()", "axis=1).mean()", "N - 1 free ones"),
    ("e11.c", "recordings.var(axis=1, ddof=1).mean()", "recordings.var()", "is wrong on|all activations at once"),
    ("e11.c", "return within / between", "return between / within", "upside down"),
    ("e11.c", "return ", "within, between = within**0.5, between**0.5; return ", "variances weigh"),
    ("e11.c", "within / n_support)", "within)", "does not know n_support"),
]


def test_e11_layer_is_pytorchs_with_the_mixture_as_running_mean():
    for trial in parts("e11")["e11.a"].key(seed=3).trials:
        given = {name: torch.tensor(value, dtype=torch.float64) for name, value in trial.inputs.items()}
        mean = given["running_mean"].lerp(given["support"].mean(dim=0), given["weight"])
        expected = torch.nn.functional.batch_norm(
            given["query"], mean, given["running_var"], training=False, eps=trial.inputs["eps"]
        )
        np.testing.assert_allclose(trial.expected, expected.numpy(), rtol=1e-10)


def test_e11_bias_and_variance_add_up_to_the_error_of_each_estimate():
    for trial in parts("e11")["e11.b"].key(seed=3).trials:
        given, errors = trial.inputs, []
        for of_one_draw in given["support"]:
            for examples, mean in zip(of_one_draw, given["task_means"], strict=True):
                guess = given["global_mean"] + given["weight"] * (sum(examples) / len(examples) - given["global_mean"])
                errors.append((guess - mean) ** 2)
        assert sum(trial.expected) == pytest.approx(np.mean(errors), rel=1e-10)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_e11_bias_and_variance_of_many_tasks_are_those_of_the_claim(weight):
    """4,000 tasks with 40 support sets each: the standard errors are below two percent."""
    rng = np.random.default_rng(0)
    means = 0.5 + 0.8 * rng.normal(size=4000)
    support = means[:, None] + 1.5 * rng.normal(size=(40, 4000, 3))
    found = parts("e11")["e11.b"].reference(support, means, 0.5, weight)
    exact = mean_error(weight, n_support=3, between_std=0.8, within_std=1.5)
    expected = (exact.bias + exact.variance / 40, exact.variance * 39 / 40)  # what R = 40 draws leave of each
    assert found == pytest.approx(expected, rel=0.08, abs=1e-12)


def test_e11_what_is_accepted_lies_around_the_claim():
    part = parts("e11")["e11.c"]
    for trial in part.key(seed=3).trials:
        given = trial.inputs
        for row, (between, within) in enumerate(zip(given["between"], given["within"], strict=True)):
            spreads = {"between_std": between, "within_std": within}
            truth = crossing(**spreads), best_mixture(n_support=given["n_support"], **spreads)
            assert np.all(trial.expected.low[row] < truth)
            assert np.all(truth < trial.expected.high[row])
            assert trial.expected.low[row, 0] == pytest.approx(truth[0] / 1.25)
            assert trial.expected.high[row, 0] == pytest.approx(truth[0] / 0.75)


@pytest.mark.slow
def test_e11_a_right_answer_is_accepted_in_a_thousand_runs():
    """And by a wide margin: five standard deviations of the estimated ratio fit into what is accepted."""
    part, rng, off = parts("e11")["e11.c"], np.random.default_rng(1), []
    for _ in range(1000):
        given = part.draws(rng)
        answer = np.array(part.reference(**given))
        assert fits(answer, part.accepts(**given))
        off.append(1 / answer[:, 0] / (given["between"] / given["within"]) ** 2 - 1)
    spread = np.std(off, axis=0)
    assert np.all(np.abs(np.mean(off, axis=0)) < 4 * spread / 1000**0.5)  # no bias
    assert np.all(0.25 / spread > 5)


@pytest.mark.slow
def test_e11_another_right_way_is_accepted():
    """The covariance of the means of two halves of a row, in which the noise does not appear."""

    def by_halves(recordings, n_support):
        halves = recordings[:, :2].mean(axis=1), recordings[:, 2:].mean(axis=1)
        between = np.cov(*halves)[0, 1]
        within = recordings.var() - between
        return within / between, between / (between + within / n_support)

    part, rng = parts("e11")["e11.c"], np.random.default_rng(2)
    space = part.reference.__globals__
    original = space["crossing_and_weight"]
    space["crossing_and_weight"] = by_halves
    try:
        for _ in range(300):
            given = part.draws(rng)
            assert fits(np.array(part.reference(**given)), part.accepts(**given))
    finally:
        space["crossing_and_weight"] = original
