"""The prior behind alpha and the scenes beside it: what they show, against densities, walks and fits made here."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from mamlkit.explorers.prior import COUNTS, NOISE_VARS, RATES, SAMPLE_MEAN, TOP, prior_explorer, prior_scene
from mamlkit.explorers.shrinkage import rate_scene, stopping_explorer, stopping_scene, weights_scene


def mark(panels, panel, name):
    return next(mark for mark in panels.scenes[panel].marks if mark.name == name)


def said(panels):
    return {readout.name: str(readout) for readout in panels.readouts}


@pytest.mark.parametrize("noise_var", NOISE_VARS)
@pytest.mark.parametrize("n", COUNTS)
def test_the_posterior_is_prior_times_likelihood(n, noise_var):
    """Normalised on a fine grid, at every rate of the slider that has a prior of finite width."""
    for alpha in RATES[RATES > 0]:
        panels = prior_scene(float(alpha), n, noise_var)
        names = [each.name for each in panels.scenes["beliefs"].marks]
        if alpha * n > noise_var * (1 + 1e-9):
            assert "prior" not in names
            assert said(panels)["prior"].startswith("none")
            continue
        if np.isclose(alpha * n, noise_var):
            assert said(panels)["prior"].startswith("flat")
            continue
        shown = mark(panels, "beliefs", "posterior").xy
        fine = np.linspace(-12, 14, 20001)
        prior_var = 1 / (1 / alpha - n / noise_var)
        product = stats.norm.pdf(fine, 0, prior_var**0.5) * stats.norm.pdf(fine, SAMPLE_MEAN, (noise_var / n) ** 0.5)
        exact = product / (product.sum() * (fine[1] - fine[0]))
        assert_allclose(shown[:, 1], np.minimum(np.interp(shown[:, 0], fine, exact), TOP), atol=2e-4)


def test_what_the_prompts_of_the_prior_answer():
    def precision(alpha, n, noise_var=1.0):
        return mark(prior_scene(alpha, n, noise_var), "precision", "here").xy[0, 1]

    assert precision(0.1, 4) > precision(0.15, 4) > precision(0.2, 4)  # narrower where the rate is smaller
    assert said(prior_scene(0.25, 4, 1.0))["prior"] == "flat: φ is the sample mean"
    assert said(prior_scene(0.25, 4, 1.0))["phi"] == "2.00"
    assert said(prior_scene(0.3, 4, 1.0))["prior"].startswith("none")
    assert [precision(0.25, n) for n in (1, 2, 4)] == pytest.approx([3, 2, 0])
    doubled = said(prior_scene(0.25, 4, 2.0))
    assert doubled["prior"].startswith("τ² = 0.50")
    assert doubled["weight"] == "0.50"
    assert said(prior_scene(0.0, 4, 1.0))["prior"].startswith("a point")


@pytest.mark.parametrize("num_steps", [1, 3, 10])
@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0])
def test_the_two_panels_of_early_stopping_tell_one_story(alpha, num_steps):
    """What a walk leaves, step by step, is what the best point under the shown prior keeps: q / (q + h)."""
    panels = stopping_scene(alpha, num_steps)
    for (h, precision), (same, kept) in zip(
        mark(panels, "prior", "prior").xy, mark(panels, "kept", "kept").xy, strict=True
    ):
        left = 1.0
        for _ in range(num_steps):
            left -= alpha * h * left
        assert kept == pytest.approx(left, abs=1e-12)
        assert same == h
        assert precision / (precision + h) == pytest.approx(left, abs=1e-9)


def test_what_the_prompts_of_early_stopping_answer():
    def curve(alpha, num_steps):
        return mark(stopping_scene(alpha, num_steps), "prior", "prior").xy

    line = curve(0.5, 1)
    assert_allclose(line[:, 1], 2 - line[:, 0], atol=1e-12)
    short = curve(0.05, 10)
    assert short[0, 1] == pytest.approx(line[0, 1])
    assert (short[1:, 1] > line[1:, 1]).all()
    thirty = stopping_scene(0.3, 30)
    assert mark(thirty, "kept", "kept").xy[-1, 1] < 1e-3
    assert (mark(thirty, "kept", "ridge_kept").xy[:, 1] > 0.05).all()
    assert mark(stopping_scene(1.0, 2), "prior", "nowhere").xy[0, 0] == 1.0


def test_query_loss_and_likelihood_agree_on_the_rate_and_the_support_loss_does_not():
    """Against 40,000 tasks drawn here: their losses after a step, and the likelihood of their sample means."""
    prior_var, noise_var, n = 0.5, 1.0, 2
    scene = rate_scene(prior_var, noise_var, n)
    curves = {each.name: each.xy for each in scene.marks}
    lowest = {name: xy[xy[:, 1].argmin(), 0] for name, xy in curves.items() if name != "best"}
    assert lowest["query"] == pytest.approx(lowest["baseline"], abs=0.01)
    assert lowest["query"] == pytest.approx(0.25, abs=0.01)
    assert lowest["support"] == curves["support"][-1, 0]

    rng = np.random.default_rng(0)
    means = rng.normal(0, prior_var**0.5, size=40_000)
    samples = rng.normal(means, (noise_var / n) ** 0.5)
    for rate in (0.1, 0.25, 0.4):
        phi = rate * n / noise_var * samples
        assumed = 1 / (1 / rate - n / noise_var) + noise_var / n
        values = {
            "support": (samples - phi) ** 2,
            "query": (means - phi) ** 2,
            "baseline": -stats.norm.logpdf(samples, 0, assumed**0.5) - np.log(2 * np.pi) / 2,
        }
        for name, value in values.items():
            difference = np.interp(rate, *curves[name].T) - np.interp(0.3, *curves[name].T)
            base_phi = 0.3 * n / noise_var * samples
            base_assumed = 1 / (1 / 0.3 - n / noise_var) + noise_var / n
            base = {
                "support": (samples - base_phi) ** 2,
                "query": (means - base_phi) ** 2,
                "baseline": -stats.norm.logpdf(samples, 0, base_assumed**0.5) - np.log(2 * np.pi) / 2,
            }[name]
            error = 4 * (value - base).std() / len(samples) ** 0.5
            assert abs((value - base).mean() - difference) < error + 1e-4


def test_the_weights_cross():
    scene = weights_scene(np.arange(1, 10), inner_lr=0.1, noise_var=1.0, prior_var=0.5)
    learned, likely = (each.xy[:, 1] for each in scene.marks)
    assert_allclose(learned, (1 - 0.1 * np.arange(1, 10)) ** 2 / ((1 - 0.1 * np.arange(1, 10)) ** 2).sum())
    assert (np.diff(learned) < 0).all()
    assert (np.diff(likely) > 0).all()


def test_the_explorers_open_on_what_their_captions_say():
    assert said(prior_explorer().scene())["prior"] == "τ² = 0.17: φ lies between θ and the sample mean"
    assert said(stopping_explorer().scene())["ridge"] == "1.11"
