"""One task and its context: what attention, the delta rule, gradient steps and Bayes make of it (claims R16, R17).

What a reader would not have guessed: more gradient steps on a context are not always better. With about as many tokens
as dimensions, from a good start, they fit the noise, and the one step that a layer of attention takes is ahead of 64.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array
from mamlkit.closed_form.attention import gradient_step_weights, linear_attention, query_tokens
from mamlkit.closed_form.delta import best_rates, delta_rule, posterior_means
from mamlkit.closed_form.one_step import best_inner_lr
from mamlkit.scene import Axes, Mark, Panels, Readout, Scene
from mamlkit.text import gettext as _

if TYPE_CHECKING:
    from mamlkit.explorers.controls import Prompt
    from mamlkit.explorers.explorer import Explorer

D, LENGTH = 4, 16
MEAN = np.array([[1.6, 0.4, -1.2, 0.8]])  # of the tasks: a row, as states are
SPREAD, NOISE = 0.8, 0.4
TASKS, STEPS = (1, 2, 3), (1, 4, 64)
GRID = np.linspace(-np.pi, np.pi, 37)
TOP = 3.7
METHODS = {"attention": "attention", "delta": "stream", "steps": "maml", "bayes": "bayes"}


def features(x: ArrayLike) -> Array:
    """Return the keys (cos x, sin x, cos 2x, sin 2x) / sqrt(2), shape (n, 4): unit vectors for every x.

    Examples
    --------
    >>> features([0.0]).round(3)
    array([[0.707, 0.   , 0.707, 0.   ]])
    """
    x = np.asarray(x, dtype=float)
    return np.column_stack([np.cos(x), np.sin(x), np.cos(2 * x), np.sin(2 * x)]) / np.sqrt(2)


class Context:
    """A task of the explorer: its weights (1, 4), and the inputs (16,) and noisy values (16, 1) of its tokens."""

    def __init__(self, task: int) -> None:
        rng = np.random.default_rng(task)
        self.weights = MEAN + SPREAD * rng.normal(size=MEAN.shape)
        self.x = rng.uniform(-np.pi, np.pi, size=LENGTH)
        self.keys = features(self.x)
        self.values = self.keys @ self.weights.T + NOISE * rng.normal(size=(LENGTH, 1))


@lru_cache(maxsize=64)
def estimates(task: int, start: str, num_steps: int) -> Mapping[str, Array]:
    """Return what each method takes the task to be after 0, 1, ..., 16 tokens, shape (17, 1, 4).

    Parameters
    ----------
    task : int
        1, 2 or 3.
    start : {"zero", "learned"}
        Where the three walks begin. Bayes knows the mean of the tasks, their spread and the noise in either case.
    num_steps : int
        Steps of the walk over the whole context.

    Notes
    -----
    Attention is `linear_attention` with the weights of one step of the rate that is best for the start and the number
    of tokens; the walk takes steps of rate 1, which never overshoot on keys of length one, but its single step is
    attention's; the delta rule has the best rate for each token (R17a).
    """
    context = Context(task)
    init = MEAN if start == "learned" else np.zeros_like(MEAN)
    spread = SPREAD**2 + float(((init - MEAN) ** 2).mean())
    rates = best_rates(D * spread, d=D, noise_var=NOISE**2, length=LENGTH)
    found: dict[str, list[Array]] = {"attention": [init], "steps": [init]}
    for n in range(1, LENGTH + 1):
        keys, values = context.keys[:n], context.values[:n]
        rate = best_inner_lr(n=n, d=D, noise_var=NOISE**2, task_var=spread, unit=True)
        found["attention"].append(_attended(init, keys, values, rate))
        found["steps"].append(_walked(init, keys, values, rate if num_steps == 1 else 1.0, num_steps))
    return {
        **{name: np.array(states) for name, states in found.items()},
        "delta": delta_rule(init, context.keys, context.values, rates=rates),
        "bayes": posterior_means(MEAN, context.keys, context.values, prior_var=SPREAD**2, noise_var=NOISE**2),
    }


def _attended(init: Array, keys: Array, values: Array, rate: float) -> Array:
    """Ask the layer at the four axes: its answers are the entries of the weights that it works with."""
    weights = gradient_step_weights(init, inner_lr=rate, n=len(keys))
    asked = query_tokens(init, np.eye(D))
    return -linear_attention(weights, np.column_stack([keys, values]), queries=asked)[:, D:].T


def _walked(init: Array, keys: Array, values: Array, rate: float, num_steps: int) -> Array:
    state = init
    for _step in range(num_steps):
        state = state - rate / len(keys) * (state @ keys.T - values.T) @ keys
    return state


def in_context_scene(length: int, task: int, start: str, num_steps: int) -> Panels:
    """Return a task with its context and four guesses at it, and beside them the error of each as the context grows.

    Parameters
    ----------
    length : int
        Tokens that are read, 0 to 16.
    task, start, num_steps
        As in :func:`estimates`.

    Examples
    --------
    >>> panels = in_context_scene(length=0, task=1, start="zero", num_steps=1)
    >>> len({str(readout) for readout in panels.readouts[:3]})  # nothing read: all three walks are at the start
    1
    """
    length = int(length)
    context, found = Context(task), estimates(task, start, num_steps)
    errors = {name: ((states - context.weights) ** 2).mean(axis=(1, 2)) for name, states in found.items()}
    return Panels(
        {"task": _curves(context, found, length), "error": _errors(errors, length)},
        widths=(1.15, 1.0),
    )


def _labels() -> dict[str, str]:
    return {
        "attention": _("linear attention"),
        "delta": _("delta rule, a step a token"),
        "steps": _("K gradient steps"),
        "bayes": _("Bayes"),
    }


def _curves(context: Context, found: Mapping[str, Array], length: int) -> Scene:
    keys = features(GRID)

    def line(name: str, role: str, weights: Array, label: str) -> Mark:
        return Mark("line", name, role, np.column_stack([GRID, (keys @ weights.T)[:, 0]]), label=label)

    marks = [line("truth", "truth", context.weights, _("the task"))]
    marks += [line(name, role, found[name][length], _labels()[name]) for name, role in METHODS.items()]
    if length:
        tokens = np.column_stack([context.x, context.values[:, 0]])[:length]
        marks.append(Mark("points", "context", "support", tokens, label=_("tokens read")))
    alt = _("A curve, the tokens read from it so far, and four guesses at the curve.")
    return Scene(Axes(_("input x"), _("target y"), (-np.pi, np.pi), (-4.2, 4.2)), marks, [], alt)


def _errors(errors: Mapping[str, Array], length: int) -> Scene:
    marks = [Mark("line", "here", "guide", [[length, 0.0], [length, TOP]])]
    readouts = []
    names = {
        "attention": _("squared error, attention"),
        "delta": _("squared error, delta rule"),
        "steps": _("squared error, K steps"),
        "bayes": _("squared error, Bayes"),
    }
    for name, role in METHODS.items():
        path = np.column_stack([np.arange(LENGTH + 1), errors[name]])
        marks.append(Mark("line", f"{name}_error", role, path))
        marks.append(Mark("points", f"{name}_here", role, path[[length]]))
        readouts.append(Readout(name, names[name], errors[name][length]))
    axes = Axes(_("tokens read"), _("squared error of the guess"), (-0.4, LENGTH + 0.4), (0.0, TOP))
    alt = _("The squared error of each guess, averaged over inputs, against the number of tokens read.")
    return Scene(axes, marks, readouts, alt)


def reading_scene(curves: Mapping[str, ArrayLike], trained: ArrayLike) -> Scene:
    """Return errors against the number of tokens read: curves of formulas, and dots of what training has found.

    Parameters
    ----------
    curves : mapping of str to array_like, shape (L + 1,)
        By "zero", "learned", "rates" and "bayes": the delta rule from zero, from the mean of the tasks, the same with
        a rate for each token, and Bayes.
    trained : array_like, shape (num_seeds, L + 1)
        Errors of trained states and rates.

    Examples
    --------
    >>> curves = {name: [2.0, 1.0] for name in ("zero", "learned", "rates", "bayes")}
    >>> len(reading_scene(curves, [[2.0, 1.0], [2.0, 1.1]]).marks)
    6
    """
    trained = as_array("trained", trained, ndim=2)
    looks = {
        "zero": ("scratch", _("delta rule from zero")),
        "learned": ("stream", _("from the mean of the tasks")),
        "rates": ("maml", _("the same, a rate for each token")),
        "bayes": ("bayes", _("Bayes")),
    }
    tokens = np.arange(trained.shape[1])
    marks = [
        Mark("line", name, role, np.column_stack([tokens, curves[name]]), label=label)
        for name, (role, label) in looks.items()
    ]
    marks += [
        Mark("points", f"seed_{seed}", "stream", np.column_stack([tokens, row]), label=_("trained, three seeds"))
        for seed, row in enumerate(trained)
    ]
    top = 1.05 * max(np.max(curves["zero"]), trained.max())
    axes = Axes(_("tokens read"), _("squared error of the state"), (-0.4, tokens[-1] + 0.4), (0.0, top))
    alt = _(
        "Errors that fall as tokens are read: highest from a zero start; from the mean of the tasks much lower, with "
        "the dots of trained states on that line; lowest for Bayes."
    )
    return Scene(axes, marks, [], alt)


def in_context_explorer() -> Explorer:
    """Return the explorer of :func:`in_context_scene`: a slider for the length of the context, with choices beside."""
    from mamlkit.explorers.controls import Choice, Slider
    from mamlkit.explorers.explorer import Explorer

    return Explorer(
        in_context_scene,
        title=_("What was read so far"),
        name="in-context",
        prompts=_prompts(),
        length=Slider(range(LENGTH + 1), 3, _("tokens read"), digits=0, play=True),
        task=Choice(TASKS, 1, _("task")),
        start=Choice(("zero", "learned"), "zero", _("start"), names=(_("zero"), _("learned"))),
        num_steps=Choice(STEPS, 4, _("gradient steps K")),
    )


def _prompts() -> list[Prompt]:
    from mamlkit.explorers.controls import Prompt

    return [
        Prompt(
            _("Nothing is read yet. Why are three of the guesses the line at zero, and one is a curve?"),
            state={"length": 0, "task": 1, "start": "zero"},
            answer=_(
                "They begin at zero. Bayes begins at the mean of the tasks. From the learned start all four agree."
            ),
        ),
        Prompt(
            _("Let the walk take a single step. Where has its line gone?"),
            state={"length": 6, "num_steps": 1},
            answer=_("It lies on that of linear attention, at every length. A layer is one step."),
        ),
        Prompt(
            _("Task 1 from the learned start, five tokens. Is one step better, or are 64?"),
            state={"length": 5, "task": 1, "start": "learned", "num_steps": 64},
            answer=_("One: 0.21 against 0.64. Many steps fit the noise in directions that five tokens hardly show."),
        ),
        Prompt(
            _("Sixteen tokens of task 1. Whose error still depends on the start? Change it and compare."),
            state={"length": 16, "task": 1, "start": "zero", "num_steps": 64},
            answer=_(
                "Attention's most: 0.60 from zero, 0.14 from the learned start. After 64 steps it is 0.11 for both."
            ),
        ),
        Prompt(
            _("Task 3 from zero. Read the third token. Does everyone gain by it?"),
            state={"length": 3, "task": 3, "start": "zero", "num_steps": 4},
            answer=_("No. Attention's error rises from 2.60 to 2.89. On one task a token may mislead."),
        ),
    ]
