"""The experiments on glyphs in reduced size: they run, they learn, and their parts agree with other ways to compute."""

import copy

import numpy as np
import pytest
import torch

from mamlkit.engine import adapt
from mamlkit.experiments import _convnet, _moments, adapting, glyphs, load, norms, reuse
from mamlkit.experiments._glyph_training import Setting, inner_rates, train

TINY = {"seeds": 2, "shrink": 0.003}


@pytest.fixture(scope="module")
def small():
    """One setting for each method and few steps, so that a whole experiment takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glyphs, "CANDIDATES", {name: some[:1] for name, some in glyphs.CANDIDATES.items()})
        patch.setattr(glyphs, "STEPS", 2)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def found(small, folder):
    return glyphs.run(folder, **TINY)


def keys(tree):
    return {name: keys(branch) for name, branch in tree.items()} if isinstance(tree, dict) else None


def test_the_committed_result_has_the_form_of_a_fresh_one(found):
    assert keys(load("glyphs")) == keys(found)


def test_norms_reuse_and_adapting_too(found, folder, small):
    assert keys(load("norms")) == keys(norms.run(folder, **TINY))
    assert keys(load("reuse")) == keys(reuse.run(folder, **TINY))
    fresh = adapting.run(folder, shrink=TINY["shrink"])
    assert [keys(one) for one in fresh] == [keys(one) for one in load("adapting")]


def test_a_minute_less_of_training_still_learns():
    setting = Setting("MAML", iterations=60)
    judge = glyphs.episodes("validation", 5, 1, 40)
    before = glyphs.accuracies(setting, _convnet.start(0, 5), judge, steps=1, rate=0.4)
    after = glyphs.accuracies(setting, train(setting, 0).params, judge, steps=1, rate=0.4)
    assert after[1].mean() > before[1].mean() + 0.1
    assert abs(after[0].mean() - 0.2) < 0.1  # before a step it guesses


def test_accuracy_against_a_loop_over_tasks():
    params, tasks, setting = _convnet.start(3, 5), glyphs.episodes("validation", 5, 1, 20), Setting("ANIL")
    found = glyphs.accuracies(setting, params, tasks, steps=2, rate=0.4)[2]
    loss_fn, rates = _convnet.classifier(glyphs.NORM), inner_rates(params, setting)
    for task in (0, 7):
        support = tuple(torch.as_tensor(part[task]) for part in tasks.support)
        phi = adapt(loss_fn, params, support, inner_lr=rates, num_steps=2)
        assert torch.equal(phi["2.weight"], params["2.weight"])  # ANIL leaves the body alone
        z = _convnet.features(phi, torch.as_tensor(tasks.query.x[task]), glyphs.NORM)
        best = (z @ phi["head.weight"] + phi["head.bias"]).argmax(1).numpy()
        assert found[task] == pytest.approx((best == tasks.query.y[task]).mean(), abs=1e-6)


def test_prototypes_without_steps_are_nearest_class_means():
    """Pre-training's head before fine-tuning, by a loop in NumPy."""
    params, tasks = _convnet.start(4, 7), glyphs.episodes("validation", 5, 5, 20)
    found = glyphs.accuracies(Setting("joint"), params, tasks, steps=1, rate=0.1)[0]
    with torch.no_grad():
        z, asked = (
            _convnet.features(params, torch.as_tensor(part.x[0]), glyphs.NORM).numpy()
            for part in (tasks.support, tasks.query)
        )
    centres = np.stack([z[tasks.support.y[0] == c].mean(0) for c in range(5)])
    cosines = (asked @ centres.T) / np.linalg.norm(centres, axis=1)  # the norm of the asked does not matter
    assert found[0] == pytest.approx((cosines.argmax(1) == tasks.query.y[0]).mean(), abs=1e-6)


def test_batch_norm_with_all_three_kinds_of_statistics():
    z = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 + 1
    plain = torch.nn.functional.batch_norm(z, None, None, training=True)
    assert torch.allclose(_moments.batch_norm(slice(None))(z, 1), plain, atol=1e-5)
    mean, var = _moments.moments(z[:2])
    expected = (z - mean) / (var + 1e-5).sqrt()
    assert torch.allclose(_moments.batch_norm(slice(0, 2))(z, 1), expected, atol=1e-5)
    steady = [(torch.ones(3, 1, 1), 4 * torch.ones(3, 1, 1))]
    assert torch.allclose(_moments.batch_norm(slice(None), steady, 0.0)(z, 1), (z - 1) / (4 + 1e-5) ** 0.5, atol=1e-5)
    half = _moments.batch_norm(slice(0, 2), steady, 0.5)(z, 1)
    assert torch.allclose(half, (z - (mean + 1) / 2) / ((var + 4) / 2 + 1e-5).sqrt(), atol=1e-5)


def test_r13_moments_of_all_tasks_together_are_those_of_all_images():
    recorder, params = _moments.Recorder(), _convnet.start(0, 5)
    x = torch.rand(2, 5, 20, 20, generator=torch.Generator().manual_seed(1))
    for task in x:
        recorder.see(params, task)
    first = torch.nn.functional.conv2d(x.flatten(0, 1)[:, None], params["1.weight"], stride=2, padding=1)
    mean, var = recorder.overall()[0]
    assert torch.allclose(mean[:, 0, 0], first.mean(dim=(0, 2, 3)), atol=1e-5)
    assert torch.allclose(var[:, 0, 0], first.var(dim=(0, 2, 3), correction=0), atol=1e-5)


def test_r13_the_error_of_a_support_mean_is_that_of_its_classes():
    """Sampling without replacement within classes: what is measured is what the formula says, in every layer."""
    errors = _moments.mean_errors(_convnet.start(0, 5), 5, 150)
    ratio = np.array(errors["measured"]) / np.array(errors["within"])
    assert np.abs(ratio - 1).max() < 0.2
    assert (np.array(errors["iid"]) > 1.1 * np.array(errors["within"])).all()


def test_the_ceiling_of_fixed_directions():
    """Against points: a classifier that knows w and sees two directions of x, on 200,000 tasks of one point."""
    assert reuse.ceiling(8) == pytest.approx(1.0)
    rng = np.random.default_rng(5)
    w, x = rng.normal(size=(2, 200_000, 8))
    best = np.sign((w[:, :2] * x[:, :2]).sum(1)) == np.sign((w * x).sum(1))
    assert reuse.ceiling(2) == pytest.approx(best.mean(), abs=0.005)


def test_settings_are_not_changed_by_a_run(found):
    before = copy.deepcopy(glyphs.CANDIDATES)
    glyphs.tuned("MAML", None, shrink=0.003)
    assert before == glyphs.CANDIDATES
