"""E15: the references against other derivations, lattice constants of families without number, and mutants."""

import numpy as np
import pytest

from mamlkit.applications import materials
from mamlkit.closed_form import gaussian
from mamlkit.grade.accepted import error, fits
from mamlkit.grade.parts import rng

from ..conftest import parts

MUTANTS = [
    ("e15.a", "-f / (2 * g)", "-f / g", "The 2 is missing"),
    ("e15.a", "(4 * V0)", "V0", "cube with one atom"),
    ("e15.a", "energy / 1000", "energy", "thousand times too large"),
    ("e15.a", "GPA * B", "B", "Multiply by GPA"),
    ("e15.a", "8 / 9 * g", "4 / 9 * g", "half of the right one"),
    ("e15.b", "phi, y = phi - phi.mean(axis=0), energy - energy.mean()", "y = energy", "shift is still in"),
    ("e15.b", "phi - phi.mean(axis=0), energy", "phi, energy", "not the columns"),
    ("e15.b", "(y - phi @ mu)", "y", "counted twice"),
    ("e15.b", "np.linalg.inv(covariance)", "covariance", "Precisions add up"),
    ("e15.b", "sigma**2", "sigma", "one over the variance"),
    ("e15.c", "alpha * P @ slope", "alpha * slope", "preconditioner is missing"),
    ("e15.c", "/ len(y)", "", "loss is their mean"),
    ("e15.c", "        c = start  #", "        c = c if 'c' in locals() else start  #", "walk on from"),
    ("e15.c", "int(losses.argmin())", "max_steps", "you take the last step"),
    ("e15.c", "losses = losses / len(support)", "pass", "Their mean is asked for"),
    (
        "e15.c",
        "        y, target = seen - seen.mean(), unseen - unseen.mean()",
        "        phi_query = powers(query_strain) - powers(strain).mean(axis=0)\n"
        "        y, target = seen - seen.mean(), unseen - seen.mean()",
        "support's mean",
    ),
    ("e15.c", "losses = losses / len(support)", "losses = losses[1:] / len(support)", "max_steps losses, one too few"),
    ("e15.c", "losses = losses / len(support)", "losses = losses[:-1] / len(support)", "look once more"),
    ("e15.d", "bottom(c)) **", "bottom(centre)) **", "mean of the others for every alloy"),
    ("e15.d", "4 * guess", "guess", "four atoms"),
    ("e15.d", "sigma**2", "1.0", "taken for 1 whatever sigma is"),
]


def test_e15_fit_returns_the_numbers_that_made_the_curve():
    """Energies by the package's own equation of state, with B' = 4, for which a parabola is exact."""
    answer, strain = parts("e15")["e15.a"].reference, np.array([-0.06, -0.01, 0.05])
    for V0, B in ((10.0, 80.0), (16.5, 76.3), (11.2, 210.0)):
        unit = B / 160.2176634 * V0 / 200  # of which the package's coefficients are multiples
        energy = 1000 * unit * (materials.powers(strain) @ materials.birch_murnaghan(1.0, 1.0, 4.0)) + 12.0
        np.testing.assert_allclose(answer(volume=V0 * (1 + strain), energy=energy), [(4 * V0) ** (1 / 3), B], rtol=1e-7)


def test_e15_estimate_is_gaussian_conditioning():
    """The shift as a fourth unknown with a wide prior, conditioned on the samples in their own space."""
    for trial in parts("e15")["e15.b"].key(seed=3).trials:
        given = trial.inputs
        columns = np.column_stack([materials.powers(given["strain"]), np.ones(len(given["strain"]))])
        prior = np.zeros((4, 4))
        prior[:3, :3], prior[3, 3] = np.cov(given["others"].T), 1e6
        mean = np.append(given["others"].mean(axis=0), 0.0)
        of_samples = columns @ prior @ columns.T + given["sigma"] ** 2 * np.eye(len(columns))
        found = mean + prior @ columns.T @ np.linalg.solve(of_samples, given["energy"] - columns @ mean)
        np.testing.assert_allclose(found[:3], trial.expected, atol=1e-4)


def _variance(strain, energy, c):
    return np.var(energy - materials.powers(strain) @ c)


def _walked(given, seen, num_steps, eps=1e-5):
    """Return the coefficients after some steps, by central differences of the variance of the residual."""
    c = given["start"]
    for _ in range(num_steps):
        rises = [
            _variance(given["strain"], seen, c + e) - _variance(given["strain"], seen, c - e) for e in eps * np.eye(3)
        ]
        c = c - given["alpha"] * given["P"] @ np.array(rises) / (2 * eps)
    return c


def test_e15_losses_on_the_way_are_variances_of_residuals():
    for trial in parts("e15")["e15.c"].key(seed=3).trials:
        given, (best, losses) = trial.inputs, trial.expected
        for k in (0, 1, given["max_steps"]):
            pairs = zip(given["support"], given["query"], strict=True)
            mean = np.mean([_variance(given["query_strain"], y, _walked(given, seen, k)) for seen, y in pairs])
            assert losses[k] == pytest.approx(mean, rel=1e-5)
        assert losses[best] == min(losses)


def test_e15_a_walk_is_the_posterior_mode_that_r11_names():
    """Four samples, so that all three directions are seen; the rates are those of a whitened preconditioner."""
    answer, strain = parts("e15")["e15.c"].reference, np.array([-0.06, -0.02, 0.03, 0.06])
    phi = materials.powers(strain)
    phi = phi - phi.mean(axis=0)
    hessian, P = 2 * phi.T @ phi / 4, np.diag([0.5, 0.4, 0.3])
    root = P**0.5
    A = root @ hessian @ root
    start, energy = np.array([0.1, 0.6, 0.0]), np.array([2.0, 0.4, 0.3, 1.2])
    Q = gaussian.implied_prior_precision((A + A.T) / 2, inner_lr=0.3, num_steps=4)
    pull = root @ (2 * phi.T @ (energy - energy.mean() - phi @ start) / 4)
    mode = start + root @ np.linalg.solve(A + Q, pull)
    query = np.linspace(-0.1, 0.1, 9)
    losses = answer(
        strain=strain, support=energy[None], query_strain=query, query=np.zeros((1, 9)), start=start, P=P, alpha=0.3,
        max_steps=4,
    )[1]  # fmt: skip
    assert losses[4] == pytest.approx(_variance(query, np.zeros(9), mode), rel=1e-8)


def _gradings(seeds):
    """Yield the families of a grading, as the grader draws them: what students see, and what is accepted."""
    part = parts("e15")["e15.d"]
    for seed in seeds:
        generator = rng(seed, part.name)
        drawn = [part.draws(generator) for _ in range(part.trials)]
        yield [(given, part.accepts(**given, **kept)) for given, kept in drawn]


@pytest.mark.slow
def test_e15_the_solution_is_accepted_in_a_thousand_gradings():
    """And so far inside that chance misses less than once in 10,000: the worst of 5,000 families keeps a margin."""
    part, shares = parts("e15")["e15.d"], {True: [], False: []}
    for families in _gradings(range(1000)):
        for given, accepted in families:
            found = part.reference(**given)
            assert fits(found, accepted)
            shares[given["sigma"] < 0.01].append(error(found, accepted.target) / accepted.at_most)
    for clean_or_noisy in shares.values():
        assert np.mean(clean_or_noisy) + 8 * np.std(clean_or_noisy) < 1
        assert max(clean_or_noisy) < 0.9


def _passed(answer, seeds=range(60)):
    return sum(all(fits(answer(given), accepted) for given, accepted in families) for families in _gradings(seeds))


def _fit(given):
    shift = np.ones(3)
    columns = np.column_stack([shift, materials.powers(given["strain"])[:, :2]])
    c = np.linalg.solve(columns, given["energies"].T)[1:].T
    t = -c[:, 0] / (2 * np.maximum(c[:, 1], 0.05))
    return (4 * given["guess"] * (1 + 0.05 * np.clip(t, -2.5, 2.5)) ** -1.5) ** (1 / 3)


def test_e15_one_way_for_all_noises_is_not_enough():
    """Neither the fit, nor the others alone, nor the guess, nor one noise for all families gets through."""
    reference = parts("e15")["e15.d"].reference
    by_luck = 60 // 8  # a grading draws anew where all families are of one kind; here one in 16 is
    assert _passed(_fit) <= by_luck
    assert _passed(lambda given: (4 * given["guess"]) ** (1 / 3)) == 0
    assert _passed(lambda given: reference(**{**given, "energies": 0 * given["energies"], "sigma": 1e3})) == 0
    assert _passed(lambda given: reference(**{**given, "sigma": 0.09})) <= by_luck


def test_e15_fit_where_clean_and_prior_where_noisy_is_enough():
    reference = parts("e15")["e15.d"].reference
    own = {True: lambda given: reference(**{**given, "sigma": 0.001}), False: lambda given: reference(**given)}
    assert _passed(lambda given: own[given["sigma"] < 0.01](given)) == 60
