"""MAML on the model: the step written out by hand, columns that do not see one another, what the starts stand for."""

import numpy as np
import pytest
import torch

from mamlkit import engine
from mamlkit.applications import medicine_maml as maml
from mamlkit.applications.medicine import oral, published
from mamlkit.applications.medicine_curves import HOURS, patient_cases
from mamlkit.applications.medicine_data import theophylline
from mamlkit.applications.medicine_fit import map_estimate
from mamlkit.applications.medicine_tasks import each_patient, simulate, weights

RATES = {"mu": 0, "s": 0, "u": 0.1}


def slopes(mu, s, u, times, dose, seen, weight):
    """The gradient of the support loss in u by central differences, in NumPy alone."""

    def loss(u):
        return np.sum(weight * (oral(mu + np.exp(s) * u, times, dose) - seen) ** 2)

    return np.array([(loss(u + e) - loss(u - e)) / 2e-6 for e in 1e-6 * np.eye(3)])


def test_an_inner_step_moves_each_log_parameter_at_its_own_rate():
    rng = np.random.default_rng(0)
    mu, s, u = published("pooled").mean, np.log([0.8, 0.6, 0.3]), 0.1 * rng.normal(size=3)
    times, seen, weight = np.array([1.0, 7.0]), np.array([6.0, 5.0]), np.array([0.5, 0.5])
    by_hand = u
    for _ in range(2):
        by_hand = by_hand - 0.1 * slopes(mu, s, by_hand, times, 4.5, seen, weight)
    params = {"mu": torch.tensor(mu)[None], "s": torch.tensor(s)[None], "u": torch.tensor(u)[None]}
    batch = [row[None] for row in (times, np.array([4.5]), seen, weight)]
    adapted = engine.adapt(maml.model_loss, params, tuple(batch), inner_lr=RATES, num_steps=2)
    assert adapted["u"][0].numpy() == pytest.approx(by_hand, abs=1e-6)
    assert (adapted["mu"] == params["mu"]).all()
    assert (adapted["s"] == params["s"]).all()
    one = engine.adapt(maml.model_loss, params, tuple(batch), inner_lr=RATES, num_steps=1)
    z = mu + np.exp(s) * u
    in_z = slopes(z, np.zeros(3), np.zeros(3), times, 4.5, seen, weight)
    moved = maml.log_parameters(one)[0].numpy() - z
    assert moved == pytest.approx(-0.1 * np.exp(2 * s) * in_z, rel=1e-5)  # rate alpha exp(2 s) on z itself


def test_the_meta_gradient_is_that_of_central_differences():
    tasks = simulate(np.random.default_rng(1), published("pooled"), num_tasks=3)
    params = maml.start(published("pooled"))
    options = {"support": tasks.support, "query": tasks.query, "inner_lr": RATES, "num_steps": 5}
    found = engine.meta_gradient(maml.model_loss, params, **options).gradient
    for name in ("mu", "s", "u"):
        for j in range(3):
            ends = []
            for sign in (1, -1):
                moved = {key: part.clone() for key, part in params.items()}
                moved[name][0, j] += sign * 1e-5
                ends.append(engine.evaluate(maml.model_loss, moved, **options)[-1].mean().item())
            assert found[name][0, j].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-6)


def test_seeds_side_by_side_do_not_see_one_another():
    tasks = simulate(np.random.default_rng(2), published("pooled"), num_tasks=4, num_seeds=2)
    both = maml.start(published("pooled"), 2)
    both["mu"][1] += 0.2
    options = {"inner_lr": RATES, "num_steps": 3}
    together = engine.meta_gradient(maml.model_loss, both, support=tasks.support, query=tasks.query, **options).gradient
    for seed in range(2):
        support, query = ([part[:, seed : seed + 1] for part in group] for group in (tasks.support, tasks.query))
        one = {name: part[seed : seed + 1] for name, part in both.items()}
        alone = engine.meta_gradient(maml.model_loss, one, support=support, query=query, **options).gradient
        for name in one:
            assert together[name][seed] == pytest.approx(alone[name][0], rel=1e-9, abs=1e-12)


def test_networks_side_by_side_are_single_networks():
    nets = [maml.network(torch.Generator().manual_seed(seed)) for seed in range(2)]
    both = {name: torch.cat([net[name] for net in nets]) for name in nets[0]}
    time, dose = torch.tensor([[1.0, 7.0], [2.0, 9.0]]).double(), torch.tensor([[4.0], [5.0]]).double()
    together = maml.network_curve(both, time, dose)
    for seed, net in enumerate(nets):
        x = torch.stack([time[seed] / 12, torch.log(time[seed] + 0.25)], dim=-1)
        for layer in "12":
            x = torch.tanh(x @ net[f"w{layer}"][0] + net[f"b{layer}"][0])
        by_hand = dose[seed] * (x @ net["w3"][0] + net["b3"][0])[:, 0]
        assert together[seed] == pytest.approx(by_hand, rel=1e-12)


def test_errors_are_those_of_the_adapted_curves():
    tasks = simulate(np.random.default_rng(3), published("clinic"), num_tasks=5)
    start = maml.start(published("clinic"), 2)
    found = maml.adapted_errors(start, tasks, inner_lr=0.05, num_steps=3)
    assert found.shape == (2, 5)
    mu, s = published("clinic").mean, np.log(0.3) * np.ones(3)
    for i, (_first, seen, rest, later) in enumerate(each_patient(tasks)):
        on = tasks.support.weight[i, 0] > 0
        u = np.zeros(3)
        for _ in range(3):
            u = u - 0.05 * slopes(mu, s, u, tasks.support.time[i, 0][on], tasks.support.dose[i, 0], seen, 1 / on.sum())
        assert found[:, i] == pytest.approx(np.mean((rest(mu + np.exp(s) * u) - later) ** 2), rel=1e-4)


@pytest.fixture(scope="module")
def cases():
    rows = {name: part.numpy() for name, part in maml.start(published("pooled"), 3).items()}
    return patient_cases(rows, inner_lr=0.1, num_steps=5)


def test_curves_of_the_explorer_without_samples_are_start_and_prior(cases):
    for person in theophylline():
        case = cases["people"][person.subject]
        for schedule in ("early", "spread"):
            for method in ("baseline", "maml"):  # this start is the prior's mean
                assert case["curves"][method][schedule][0] == pytest.approx(
                    oral(published("pooled").mean, HOURS, person.dose)
                )


def test_curves_of_the_explorer_are_map_and_the_inner_loop(cases):
    person = theophylline()[4]
    case = cases["people"][person.subject]
    for schedule, n in (("early", 3), ("spread", 1)):
        on = weights(schedule, n) > 0
        seen, times = person.concentration[:7][on], person.time[:7][on]
        z = map_estimate(lambda z, t=times: oral(z, t, person.dose), seen, published("pooled"))
        assert case["clearance"]["baseline"][schedule][n] == pytest.approx(np.exp(z[1]), rel=1e-3)
        u, mu, s = np.zeros(3), published("pooled").mean, np.log(0.3) * np.ones(3)
        for _ in range(5):
            u = u - 0.1 * slopes(mu, s, u, times, person.dose, seen, 1 / n)
        late = oral(mu + np.exp(s) * u, person.time[7:], person.dose) - person.concentration[7:]
        assert case["errors"]["maml"][schedule][n] == pytest.approx(np.sqrt(np.mean(late**2)), rel=1e-4)
