"""MAML on the coefficients: the step by hand, columns that do not touch, and R11's prior."""

import numpy as np
import pytest
import torch

from mamlkit import engine
from mamlkit.applications import materials_maml as maml
from mamlkit.applications.materials import QUERY, STRAINS, orthonormal, powers
from mamlkit.applications.materials_tasks import Materials, Samples
from mamlkit.closed_form import gaussian

RNG = np.random.default_rng(0)
X = np.array([-0.06, -0.03, 0.0, 0.02, 0.04, 0.06])
Y = RNG.normal(size=(4, 6))


def batch(y=Y, weight=None):
    n = len(y)
    weight = np.full((n, 6), 1 / 6) if weight is None else weight
    support = Samples(np.tile(X, (n, 1)), np.full((n, 1, 2), 0.5), y, weight)
    return Materials(Samples(*(part[:, None] for part in support)), support)


def a_start(columns=4):
    start = maml.cubic_start(RNG.normal(size=(3, 3)), np.array([0.1, 0.6, 0.0]), columns, rates=3)
    start["s"] = torch.tensor(0.2 * RNG.normal(size=(columns, 3)))
    start["u"] = torch.tensor(RNG.normal(size=(columns, 3)))
    return start


def test_a_step_is_the_preconditioner_times_the_slope():
    start = a_start()
    found = maml.adapted(start, batch(), columns=np.arange(4), inner_lr=0.05, num_steps=2)
    for i in range(4):
        m, s, u = (start[name][i].numpy() for name in ("M", "s", "u"))
        c, p = start["c0"][i].numpy() + m @ (np.exp(s) * u), m @ np.diag(np.exp(2 * s)) @ m.T
        phi = powers(X) - powers(X).mean(axis=0)
        for _ in range(2):
            c = c + 0.05 * p @ (2 / 6 * phi.T @ (Y[i] - Y[i].mean() - phi @ c))
        assert found[i] == pytest.approx(powers(STRAINS[QUERY]) @ c, abs=1e-9)


def test_three_steps_are_the_mode_under_the_prior_of_r11():
    start = maml.cubic_start(0.2 * orthonormal(), np.zeros(3), 1, rates=3)
    found = maml.adapted(start, batch(Y[:1]), columns=np.zeros(1, int), inner_lr=0.1, num_steps=3)[0]
    j = (powers(X) - powers(X).mean(axis=0)) @ (0.2 * orthonormal())
    a = 2 / 6 * j.T @ j
    q = gaussian.implied_prior_precision((a + a.T) / 2, inner_lr=0.1, num_steps=3)
    u = np.linalg.solve(a + q, 2 / 6 * j.T @ (Y[0] - Y[0].mean()))
    assert found == pytest.approx(powers(STRAINS[QUERY]) @ (0.2 * orthonormal() @ u), abs=1e-9)


def test_points_without_weight_are_not_seen():
    weight = np.tile([1 / 3] * 3 + [0] * 3, (4, 1))
    other = Y.copy()
    other[:, 3:] += 100
    one, two = (
        maml.adapted(a, batch(y, weight), columns=np.arange(4), inner_lr=0.05, num_steps=3)
        for a in [a_start()]
        for y in (Y, other)
    )
    assert one == pytest.approx(two)


def test_the_loss_does_not_see_an_offset_and_columns_do_not_touch():
    start, loss = a_start(), maml.loss_of(maml.cubic_curve())
    support = [torch.tensor(part) for part in batch().query._replace(energy=Y)]
    support = [torch.tensor(part[:, 0]) for part in batch().support]
    shifted = [*support[:2], support[2] + torch.arange(4)[:, None], support[3]]
    assert loss(start, *support).item() == pytest.approx(loss(start, *shifted).item())
    alone = sum(
        loss({k: v[i : i + 1] for k, v in start.items()}, *(part[i : i + 1] for part in support)) for i in range(4)
    )
    assert loss(start, *support).item() == pytest.approx(alone.item())


def test_what_is_held_gets_no_gradient_and_the_rest_does():
    start = maml.by_composition(a_start(), 2)
    support = tuple(torch.tensor(part) for part in batch().support)
    for held in (("c0",), ("c0", "M")):
        found = engine.meta_gradient(
            maml.loss_of(maml.cubic_curve(*held)), start, support=support_of(support), query=support_of(support),
            inner_lr=maml.only_u(start, 0.05), num_steps=2,
        ).gradient  # fmt: skip
        for name, part in found.items():
            assert (part.abs().sum() == 0) == (name in held), name


def support_of(support):
    return tuple(part[None, :, 0] if part.ndim > 2 else part[None] for part in support)


def test_composition_moves_the_curve_by_its_features():
    start = maml.by_composition(maml.cubic_start(np.eye(3), np.zeros(3), 1, rates=3), 2)
    start["W"] = torch.tensor(np.arange(9.0).reshape(1, 3, 3))
    share = np.array([0.25, 0.75])
    wanted = np.arange(9.0).reshape(3, 3) @ [0.25, 0.75, 4 * 0.25 * 0.75]
    assert maml.coefficients(start, torch.tensor(share[None, None]))[0].numpy() == pytest.approx(wanted)
