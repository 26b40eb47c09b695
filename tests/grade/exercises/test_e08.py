"""E8: the references against the closed form, slopes and walks, and what mutants of the solution are told."""

import numpy as np
import pytest

from mamlkit.closed_form.quadratic import weighted_centre

from ..conftest import parts, release, right_answers

MUTANTS = [
    ("e08.a", "probs * left**2", "probs * np.abs(left)", "A square is missing"),
    ("e08.a", "probs * left**2", "probs * left", "and with it the sign"),
    ("e08.a", "probs * left**2", "left**2", "probabilities are missing"),
    ("e08.a", "probs * left**2", "probs * (1 - left**2)", "favour the tasks that steps bring close"),
    ("e08.a", "** num_steps", "", "one step whatever"),
    ("e08.a", "alpha * curvatures) ** num_steps", "num_steps * alpha * curvatures)", "one long step"),
    ("e08.b", "train(raised, seed)", "train(raised, seed + 1)", "drew different tasks"),
    ("e08.b", " - before", "", "not rises"),
    ("e08.b", "optima.copy()", "optima", "shifts pile up"),
    ("e08.b", " / mean_rise.sum()", " / shift", "training is not finished"),
    ("e08.b", "+= shift", "*= 1 + shift", "in proportion"),
    ("e08.c", "left(fresh_hessians) @ ", "1.0 * ", "before the steps"),
    ("e08.c", "gains.std(ddof=1) / np.sqrt(len(gains))", "gains.std(ddof=1)", "standard deviation"),
    ("e08.c", "ddof=1", "ddof=0", "number of fresh tasks. The text"),
    ("e08.c", "squares = left(hessians) @ left(hessians)", "squares = left(hessians)", "lack a square"),
    ("e08.c", "squares = left(hessians) @ left(hessians)", "squares = left(hessians) ** 2", "entry by entry"),
    ("e08.c", "np.sqrt(len(gains))", "np.sqrt(len(optima))", "number of training tasks"),
    ("e08.c", "np.linalg.matrix_power(step, num_steps)", "step**num_steps", "each entry"),
    ("e08.c", "gains = plain - squared_distances(centre)", "gains = squared_distances(centre) - plain", "sign"),
]


def test_e08_shares_agree_with_the_closed_form():
    for trial in parts("e08")["e08.a"].key(seed=3).trials:
        given = trial.inputs
        centre = weighted_centre(
            np.arange(len(given["probs"]), dtype=float),
            given["curvatures"],
            probs=given["probs"],
            inner_lr=given["alpha"],
            num_steps=given["num_steps"],
        )
        np.testing.assert_allclose(trial.expected, centre.weights, rtol=1e-8, atol=1e-12)
        assert trial.expected.sum() == pytest.approx(1)


def test_e08_text_gives_the_warm_up_rightly():
    """Before and after the third valley gets steeper: the best start at 1.18, then at 5."""
    book: dict = {"np": np}
    exec(right_answers("e08")["e08.a"], book)
    for last, start in ((1.0, 1.25 / 1.06), (1.9, 5.0)):
        found = book["shares"](np.array([0.1, 0.5, last]), np.ones(3) / 3, 1.0, 1)
        assert found @ [0, 5, 10] == pytest.approx(start, rel=1e-12)


def exact_expectation(optima, shift, seeds, curvatures, probs, alpha, num_steps, judge, rounds=60):
    """Each share along the very draws of the seeds: the start is linear, and its slopes follow a recursion."""
    left = (1 - alpha * curvatures) ** num_steps
    sizes = left**2 * (curvatures if judge == "loss" else 1.0)
    rate = 0.2 / (curvatures.max() if judge == "loss" else 1.0)
    slopes = np.zeros((len(seeds), len(optima)))
    for row, seed in zip(slopes, seeds, strict=True):
        for task in np.random.default_rng(seed).choice(len(optima), size=rounds, p=probs):
            row *= 1 - rate * sizes[task]
            row[task] += rate * sizes[task]
    return slopes.mean(axis=0) / slopes.mean(axis=0).sum()


def test_e08_measured_shares_are_the_slopes_of_the_trained_start():
    judges = set()
    for seed in range(3):
        for trial in parts("e08")["e08.b"].key(seed=seed).trials:
            np.testing.assert_allclose(trial.expected, exact_expectation(**trial.inputs), rtol=1e-8, atol=1e-10)
            judges.add(trial.inputs["judge"])
    assert judges == {"distance", "loss"}


def squared_distances(start, optima, hessians, alpha, num_steps):
    found = []
    for optimum, hessian in zip(optima, hessians, strict=True):
        phi = start
        for _ in range(num_steps):
            phi = phi - alpha * hessian @ (phi - optimum)
        found.append(np.sum((phi - optimum) ** 2))
    return np.array(found)


def test_e08_gain_agrees_with_the_closed_form_and_with_walks():
    for trial in parts("e08")["e08.c"].key(seed=3).trials:
        given = dict(trial.inputs)
        fresh, setting = [given.pop("fresh_optima"), given.pop("fresh_hessians")], given
        optima, hessians = setting.pop("optima"), setting.pop("hessians")
        centre = weighted_centre(optima, hessians, inner_lr=setting["alpha"], num_steps=setting["num_steps"]).centre
        plain, chosen = (squared_distances(start, *fresh, **setting) for start in (optima.mean(axis=0), centre))
        mean, error = trial.expected
        assert mean == pytest.approx(np.mean(plain - chosen), rel=1e-8)
        jackknife = [np.delete(plain - chosen, i).mean() for i in range(len(plain))]
        spread = np.sqrt((len(plain) - 1) * np.var(jackknife))  # of a mean, the jackknife is exact
        assert error == pytest.approx(spread, rel=1e-8)
        mean_on_training = [squared_distances(s, optima, hessians, **setting).mean() for s in (centre, optima.mean(0))]
        assert mean_on_training[0] <= mean_on_training[1] + 1e-12


def test_e08_text_reads_its_experiment_rightly():
    """The centre wins every time where curvature and wish are related; where not, it loses more often than it wins."""
    book: dict = {"np": np}
    cells = {cell["id"]: "".join(cell["source"]) for cell in release("e08")["cells"]}
    exec(right_answers("e08")["e08.c"], book)
    exec(cells["e08-experiment"].partition("\n\n\ndef report")[0], book)
    related, unrelated = (np.array([book["compared"](seed, one)[0] for seed in range(100)]) for one in (True, False))
    assert (related > 0).all()
    assert (unrelated < 0).sum() > 55
    assert unrelated.mean() < -2 * unrelated.std(ddof=1) / 10
