"""E9: the references against closed forms, normal equations and central differences, and what mutants are told."""

import numpy as np
import pytest

from mamlkit.closed_form import gaussian

from ..conftest import parts, release, right_answers

MUTANTS = [
    ("e09.a", "** num_steps", "", "one step whatever"),
    ("e09.a", "n / noise_var  #", "1 / noise_var  #", "Your loss is a mean"),
    ("e09.a", "data * left / (1 - left)", "data * (1 - left) / left", "a small rate is a weak prior"),
    ("e09.a", "data * left / (1 - left)", "(1 - left) / (data * left)", "variance of the prior"),
    ("e09.a", "        return None", "        pass", "a number where no prior exists"),
    ("e09.a", "not 0 <= left < 1", "alpha * data > 1", "whenever a step overshoots"),
    ("e09.a", "        return None", "        return 0.0", "you return 0"),
    ("e09.b", "mean = intercept / (1 - slope)", "mean = intercept", "intercept as the prior's mean"),
    ("e09.b", "mean = intercept / (1 - slope)", "mean = np.mean(adapted)", "average of the adapted"),
    ("e09.b", "mean, data * (1 - slope) / slope", "data * (1 - slope) / slope, mean", "changed places"),
    ("e09.b", "data = n / noise_var", "data = 1 / noise_var", "number of examples is missing"),
    ("e09.b", "data * (1 - slope) / slope", "1 / slope - data", "slope for the learning rate"),
    ("e09.b", "data * (1 - slope) / slope", "data * slope / (1 - slope)", "upside down"),
    ("e09.b", "polyfit(sample_means, adapted, 1)", "polyfit(sample_means[:2], adapted[:2], 1)", "the first ones"),
    ("e09.c", "errors * (1 - alpha * curvature)", "errors", "lacks a factor"),
    ("e09.c", "- query_means", "- sample_means", "support set judges"),
    ("e09.c", "errors * -slopes", "errors * slopes", "The rate climbs"),
    ("e09.c", "theta - alpha * slopes - query", "theta - query", "before the step"),
    ("e09.c", "np.mean(", "np.sum(", "You sum over the tasks"),
    ("e09.c", "curvature = n / noise_var", "curvature = 1 / noise_var", "inner loss is a mean"),
]


def walked(start, mean, alpha, num_steps, n, noise_var):
    """Where the steps end: the gradient of the summed loss, as the text states it."""
    for _ in range(num_steps):
        start = start - alpha * n * (start - mean) / noise_var
    return start


def test_e09_the_map_estimate_under_the_prior_is_where_the_steps_end():
    found = {True: 0, False: 0}
    for seed in range(4):
        for trial in parts("e09")["e09.a"].key(seed=seed).trials:
            given, precision = trial.inputs, trial.expected
            end = walked(-1.0, 2.0, **given)
            found[precision is None] += 1
            if precision is None:  # beyond the data, or away from them: no weights of 0 or more give this mean
                assert not -1 <= end <= 2
                continue
            n, noise_var = given["n"], given["noise_var"]
            mode = gaussian.map_estimate(-1.0, 2.0, prior_var=1 / precision, noise_var=noise_var, n=n)
            assert float(mode) == pytest.approx(end, rel=1e-9)
    assert min(found.values()) > 5


def test_e09_precision_agrees_with_the_closed_forms():
    compared = 0
    for trial in parts("e09")["e09.a"].key(seed=3).trials:
        given = trial.inputs
        h = given["n"] / given["noise_var"]
        if given["alpha"] * h > 1:
            continue
        implied = gaussian.implied_prior_precision([[h]], inner_lr=given["alpha"], num_steps=given["num_steps"])
        assert trial.expected == pytest.approx(implied[0, 0], rel=1e-8)
        compared += 1
    assert compared > 2


def test_e09_the_flat_prior_is_the_number_0_and_a_point_is_none():
    """As the text says, with numbers that have no rounding: alpha h is 1 and 2."""
    book: dict = {"np": np}
    exec(right_answers("e09")["e09.a"], book)
    for num_steps in (1, 2, 3, 4):
        assert book["prior_behind"](0.25, num_steps, 8, 2.0) == 0
        assert book["prior_behind"](0.5, num_steps, 8, 2.0) is None


def test_e09_recovers_the_prior_that_a_run_without_rounding_acted_on():
    answer: dict = {"np": np}
    exec(right_answers("e09")["e09.b"], answer)
    means = np.array([-2.0, 0.5, 1.0, 4.0])
    for alpha, num_steps in ((0.1, 1), (0.1, 4), (0.25, 2)):
        adapted = walked(1.5, means, alpha, num_steps, 3, 1.2)
        mean, precision = answer["recover_prior"](means, adapted, 3, 1.2)
        implied = gaussian.implied_prior_precision([[3 / 1.2]], inner_lr=alpha, num_steps=num_steps)[0, 0]
        assert (mean, precision) == pytest.approx((1.5, implied), rel=1e-9)


def test_e09_the_line_is_the_one_of_least_squares():
    """Normal equations on the log, solved another way than the answer does."""
    for trial in parts("e09")["e09.b"].key(seed=3).trials:
        x, y = trial.inputs["sample_means"], trial.inputs["adapted"]
        mean, precision = trial.expected
        share = 1 / (1 + precision * trial.inputs["noise_var"] / trial.inputs["n"])
        residuals = y - (1 - share) * mean - share * x
        assert [residuals.sum(), residuals @ x] == pytest.approx([0, 0], abs=1e-7)


def outer_loss(theta, alpha, given):
    phi = walked(theta, given["sample_means"], alpha, 1, given["n"], given["noise_var"])
    return np.mean((phi - given["query_means"]) ** 2) / 2


def test_e09_training_follows_central_differences():
    for trial in parts("e09")["e09.c"].key(seed=3).trials:
        given, e = trial.inputs, 1e-5
        theta, alpha = given["theta"], given["alpha"]
        for _ in range(given["steps"]):
            slopes = [
                (outer_loss(theta + a, alpha + b, given) - outer_loss(theta - a, alpha - b, given)) / (2 * e)
                for a, b in ((e, 0), (0, e))
            ]
            theta, alpha = theta - given["beta_theta"] * slopes[0], alpha - given["beta_alpha"] * slopes[1]
        assert trial.expected == pytest.approx([theta, alpha], rel=1e-6, abs=1e-8)


def test_e09_training_finds_the_true_prior():
    """What the picture shows: the variance that is read off a trained run, against R10a, with a stated error."""
    book: dict = {"np": np}
    for part in ("e09.b", "e09.c"):
        exec(right_answers("e09")[part], book)
    rng, found = np.random.default_rng(5), []
    for _ in range(20):
        world = rng.normal(1.5, 0.5**0.5, size=2000)
        seen, asked = rng.normal(world, 0.5), rng.normal(world, (1 / 40) ** 0.5)
        theta, alpha = book["learn_prior"](0.0, 0.08, seen, asked, 4, 1.0, 0.5, 0.005, 400)
        adapted = walked(theta, seen, alpha, 1, 4, 1.0)
        found.append(1 / book["recover_prior"](seen, adapted, 4, 1.0)[1])
    error = np.std(found, ddof=1) / 20**0.5
    assert error < 0.02
    assert np.mean(found) == pytest.approx(0.5, abs=4 * error)


def test_e09_release_tells_no_formula_of_part_a():
    text = "".join("".join(cell["source"]) for cell in release("e09")["cells"])
    assert "1/\\tau^2 = 1/\\alpha" not in text
    assert "1 - \\alpha" not in text
