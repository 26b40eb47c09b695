"""The network in the page against the engine: the one piece of mathematics that is written twice."""

import base64

import numpy as np
import pytest
import torch

from mamlkit import engine, models
from mamlkit.explorers.web import script
from mamlkit.tasks import sinusoid

SIZES = [1, 40, 40, 1]
GRID = np.linspace(-5, 5, 101)
STEPS = """([sizes, weights, x, y, grid, rate, steps]) => {
  let network = networkFrom(sizes, weights);
  const told = (network) => ({ loss: lossAndGradient(network, x, y).loss, curve: [...predict(network, grid)] });
  const walk = [told(network)];
  for (let k = 0; k < steps; k++) {
    network = gradientStep(network, x, y, rate);
    walk.push(told(network));
  }
  return walk;
}"""


@pytest.fixture
def page(open_page):
    page = open_page("about:blank")
    page.add_script_tag(content=script("network"))
    return page


def travelling(params):
    """The parameters as a page gets them, in base64, and as float64 tensors cast from the same float32 numbers."""
    single = {name: value.detach().float() for name, value in params.items()}
    flat = np.concatenate([value.numpy().ravel() for value in single.values()])
    return base64.b64encode(flat.astype("<f4").tobytes()).decode(), {k: v.double() for k, v in single.items()}


def walk_of_engine(net, params, x, y, *, rate, steps):
    def loss_fn(params, x, y):
        return ((net(params, x) - y) ** 2).mean()

    for k in range(steps + 1):
        adapted = engine.adapt(loss_fn, params, (x, y), inner_lr=rate, num_steps=k, first_order=True)
        yield float(loss_fn(adapted, x, y)), net(adapted, torch.tensor(GRID[:, None]))[:, 0].detach().numpy()


def largest(sizes, rate, steps, tasks, page, seed=0):
    """Largest relative difference of loss and of curve between page and engine, over tasks and steps."""
    params, net = models.mlp(sizes, torch.Generator().manual_seed(seed))
    weights, exact = travelling(params)
    worst = 0.0
    for task in range(len(tasks.amplitude)):
        x, y = (torch.tensor(part[task]) for part in tasks.support)
        walk = page.evaluate(STEPS, [sizes, weights, *(v[:, 0].tolist() for v in (x, y)), GRID.tolist(), rate, steps])
        expected = list(walk_of_engine(net, exact, x, y, rate=rate, steps=steps))
        assert len(walk) == len(expected) == steps + 1
        for told, (loss, curve) in zip(walk, expected, strict=True):
            worst = max(worst, abs(told["loss"] - loss) / loss)
            worst = max(worst, np.abs(np.array(told["curve"]) - curve).max() / np.abs(curve).max())
    return worst


def test_ten_steps_on_twenty_tasks(page):
    tasks = sinusoid.sample(np.random.default_rng(0), num_tasks=20, num_support=10, num_query=1)
    worst = largest(SIZES, 0.01, 10, tasks, page)
    print(f"largest relative difference {worst:.1e}")
    assert worst < 1e-4


@pytest.mark.parametrize("sizes", [[1, 1], [1, 7, 1], [1, 5, 6, 4, 1]])
def test_any_layers(page, sizes):
    tasks = sinusoid.sample(np.random.default_rng(1), num_tasks=3, num_support=4, num_query=1)
    assert largest(sizes, 0.02, 5, tasks, page) < 1e-9


def test_several_inputs_and_outputs(page):
    params, net = models.mlp([3, 8, 2], torch.Generator().manual_seed(2))
    weights, exact = travelling(params)
    x, y = (torch.randn(6, n, generator=torch.Generator().manual_seed(3), dtype=torch.float64) for n in (3, 2))

    def loss_fn(params, x, y):
        return ((net(params, x) - y) ** 2).mean()

    adapted = engine.adapt(loss_fn, exact, (x, y), inner_lr=0.1, num_steps=3, first_order=True)
    found = page.evaluate(
        """([sizes, weights, x, y]) => {
          let network = networkFrom(sizes, weights);
          for (let k = 0; k < 3; k++) network = gradientStep(network, x, y, 0.1);
          return [...network.params];
        }""",
        [[3, 8, 2], weights, x.ravel().tolist(), y.ravel().tolist()],
    )
    assert found == pytest.approx(torch.cat([v.detach().ravel() for v in adapted.values()]).tolist(), rel=1e-10)


def test_the_gradient_is_the_slope_of_the_loss(page):
    """Central differences, which know nothing of the chain rule."""
    weights, _ = travelling(models.mlp([2, 4, 3, 1], torch.Generator().manual_seed(4))[0])
    gap = page.evaluate(
        """([sizes, weights]) => {
          const network = networkFrom(sizes, weights);
          const [x, y] = [[0.3, -1.2, 2.1, 0.4, -0.7, 1.9], [1.5, -0.5, 0.25]];
          const { gradient } = lossAndGradient(network, x, y);
          const lossAt = (i, move) => {
            const params = Float64Array.from(network.params);
            params[i] += move;
            return lossAndGradient({ ...network, params }, x, y).loss;
          };
          return Math.max(...gradient.map((slope, i) => Math.abs(slope - (lossAt(i, 1e-6) - lossAt(i, -1e-6)) / 2e-6)));
        }""",
        [[2, 4, 3, 1], weights],
    )
    assert gap < 1e-8


def test_weights_of_another_network_are_refused(page):
    weights, _ = travelling(models.mlp([1, 3, 1], torch.Generator().manual_seed(5))[0])
    error = "(w) => { try { networkFrom([1, 4, 1], w); } catch (error) { return String(error); } }"
    assert page.evaluate(error, weights) == "RangeError: 10 numbers for layers of 1,4,1"


def test_a_step_takes_less_than_a_frame(page):
    weights, _ = travelling(models.mlp(SIZES, torch.Generator().manual_seed(6))[0])
    ms = page.evaluate(
        """([sizes, weights, x]) => {
          let network = networkFrom(sizes, weights);
          const start = performance.now();
          for (let k = 0; k < 200; k++) network = gradientStep(network, x, x.map(Math.sin), 0.01);
          return (performance.now() - start) / 200;
        }""",
        [SIZES, weights, np.linspace(-5, 5, 20).tolist()],
    )
    print(f"one step of one network on 20 points: {ms:.2f} ms")
    assert ms < 16 / 3
