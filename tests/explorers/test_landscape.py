"""The quadratic landscape: what the packed frames say, against losses and differences computed here."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from unpack import Unpacked

from mamlkit.closed_form.quadratic import adapt
from mamlkit.explorers.quadratic import (
    CURVATURES,
    INNER_LRS,
    MAX_CURVATURE,
    NUM_STEPS,
    landscape_tasks,
    quadratic_scene,
    single_factor_gradient,
)


def outer_loss(theta, alpha, curvature, num_steps):
    """J by plain arithmetic: gradient steps on each support loss, then the query loss above its minimum."""
    total = 0.0
    for task in landscape_tasks(curvature):
        phi = np.array(theta, dtype=float)
        for _ in range(num_steps):
            phi = phi - alpha * (task.support.A @ phi + task.support.b)
        gap = phi - np.linalg.solve(task.query.A, -task.query.b)
        total += 0.5 * gap @ task.query.A @ gap
    return total / 2


def central_difference(theta, *state):
    # J is quadratic: a wide step costs no accuracy.
    return np.array([outer_loss(theta + e, *state) - outer_loss(theta - e, *state) for e in 0.5 * np.eye(2)])


@pytest.fixture(scope="module")
def unpacked(landscape):
    return Unpacked(landscape.spec)


def test_the_shown_arrow_is_the_gradient_of_the_outer_loss(unpacked):
    """All over the grid, at a random theta: what the browser shows against central differences of J (R2, R3)."""
    rng = np.random.default_rng(7)
    norm, arrow = unpacked.part("readouts", "norm_maml"), unpacked.part("marks", "maml")
    for alpha, curvature, num_steps in itertools.product(INNER_LRS, CURVATURES, NUM_STEPS):
        frame = unpacked.frame(alpha=alpha, curvature=curvature, num_steps=num_steps)
        share = rng.uniform(size=2)
        theta = np.array([-3.0, -2.4]) + share * [6.0, 4.8]
        exact = central_difference(theta, alpha, curvature, num_steps)
        assert_allclose(unpacked.rows(norm, frame, share)[:, 0], exact, rtol=1e-6, atol=1e-12)
        assert_allclose(unpacked.rows(arrow, frame, share), [theta, -exact], atol=1e-3)


def test_the_grid_reaches_two_over_the_largest_curvature():
    assert INNER_LRS[0] == 0.0
    assert INNER_LRS[-1] == 2.0 / MAX_CURVATURE
    largest = [np.linalg.eigvalsh(task.support.A)[-1] for h in CURVATURES for task in landscape_tasks(h)]
    assert max(largest) == pytest.approx(MAX_CURVATURE)


def test_unpacked_frames_equal_direct_calls(unpacked):
    """Every mark and readout, at both ends and in the middle of every control."""
    rng = np.random.default_rng(8)
    for alpha, curvature, num_steps in itertools.product(INNER_LRS[::10], CURVATURES[[0, 3, 7]], NUM_STEPS):
        frame = unpacked.frame(alpha=alpha, curvature=curvature, num_steps=num_steps)
        for share in [(0, 0), (1, 1), (0, 1), rng.uniform(size=2)]:
            theta = np.array([-3.0, -2.4]) + np.array(share) * [6.0, 4.8]
            scene = quadratic_scene(alpha, curvature, num_steps, theta)
            for mark in scene.marks:
                shown = unpacked.rows(unpacked.part("marks", mark.name), frame, share)
                assert_allclose(shown, mark.xy, atol=3e-3, rtol=1e-6, err_msg=mark.name)
            for readout in scene.readouts:
                shown = unpacked.rows(unpacked.part("readouts", readout.name), frame, share)
                if isinstance(readout.value, str):
                    assert shown == readout.value
                else:
                    assert_allclose(np.ravel(shown), np.ravel(readout.value), rtol=1e-9, atol=1e-11)


def values(scene):
    return {readout.name: readout.value for readout in scene.readouts}


def test_outer_loss_is_what_it_says():
    for state in [(0.0, 0.5, 1), (0.7, 2.0, 2), (1.0, 1.5, 10)]:
        assert values(quadratic_scene(*state, (0.3, -1.1)))["outer_loss"] == pytest.approx(
            outer_loss((0.3, -1.1), *state)
        )


def test_without_inner_learning_all_arrows_are_one():
    shown = values(quadratic_scene(0.0, 2.0, 5, (1.0, 1.0)))
    assert_allclose(shown["norm_maml"], shown["norm_fomaml"])
    assert_allclose(shown["angle_naive"][0], shown["angle_naive"][1])


def test_the_optimum_has_no_gradient():
    optimum = values(quadratic_scene(0.4, 1.5, 2, (0.0, 0.0)))["optimum"]
    assert np.abs(central_difference(optimum, 0.4, 1.5, 2)).max() < 1e-12


def test_where_no_theta_is_best_the_figure_says_so():
    """With alpha = h = 1 a step solves task A wholly and task B along its steep direction: J is a valley."""
    scene = quadratic_scene(1.0, 1.0, 1, (0.0, 2.0))
    assert values(scene)["optimum"] == "everywhere on a line"
    assert not {"optimum", "outer_loss"} & {mark.name for mark in scene.marks}


def test_one_jacobian_for_many_steps_points_the_wrong_way():
    """The bug of R2: the single factor turns the arrow by more than a right angle once alpha h exceeds 1."""
    task = landscape_tasks(2.0)[0]
    theta = np.array([0.4, 1.9])
    wrong = single_factor_gradient(adapt(theta, task.support, inner_lr=0.9, num_steps=2)[-1], task, inner_lr=0.9)

    def loss(point):
        phi = np.array(point)
        for _ in range(2):
            phi = phi - 0.9 * task.support.grad(phi)
        return task.query.value(phi)

    right = np.array([loss(theta + e) - loss(theta - e) for e in 0.5 * np.eye(2)])
    steep = np.linalg.eigh(task.support.A)[1][:, -1]
    assert (steep @ wrong) * (steep @ right) < 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"alpha": -0.1}, ValueError, "alpha must not be negative, got -0.1"),
        ({"curvature": 0.0}, ValueError, "curvature must be positive, got 0.0"),
        ({"num_steps": 1.5}, TypeError, "num_steps must be a whole number, got 1.5"),
        ({"theta": [1.0]}, ValueError, r"theta must have shape \(2,\)"),
    ],
)
def test_bad_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        quadratic_scene(**{"alpha": 0.5, "curvature": 1.0, "num_steps": 1, "theta": [0.0, 0.0], **change})


def components(state, mark):
    """Return an arrow's components along the axes of A, the steep one first."""
    scene = quadratic_scene(**{"curvature": 2.0, "num_steps": 1, "theta": (0.3, 1.5), **state})
    vector = next(m for m in scene.marks if m.name == mark).xy[1]
    return np.linalg.eigh(landscape_tasks(2.0)[0].support.A)[1].T[::-1] @ vector


def test_what_the_prompts_answer():
    """Each statement that a prompt's answer makes, on the state that it sets."""
    at_zero, raised, past = ({"alpha": alpha} for alpha in (0.0, 0.2, 0.8))
    assert_allclose(components(at_zero, "maml"), components(at_zero, "fomaml"))
    shrunk = np.abs(components(raised, "maml")) / np.abs(components(at_zero, "maml"))
    assert shrunk[0] < shrunk[1] < 1
    assert components(past, "fomaml")[0] * components(at_zero, "fomaml")[0] < 0
    assert components(past, "maml")[0] * components(at_zero, "maml")[0] > 0
    ten = {"alpha": 0.5, "num_steps": 10}
    assert np.linalg.norm(components(ten, "maml")) < 0.1 * np.linalg.norm(components(ten, "fomaml"))
    bug = {"alpha": 0.9, "num_steps": 2}
    assert components(bug, "naive") @ components(bug, "maml") < 0
    optimum = next(m for m in quadratic_scene(0.5, 2.0, 1, (0.0, 0.0)).marks if m.name == "optimum").xy[0]
    star = {"alpha": 0.5, "theta": optimum}
    assert np.linalg.norm(components(star, "maml")) < 1e-12
    assert np.linalg.norm(components(star, "fomaml")) > 0.1
