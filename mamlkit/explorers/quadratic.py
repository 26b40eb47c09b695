"""The quadratic landscape: two tasks, one initialisation, and the arrows of MAML and FOMAML (claims R1, R2, R3).

Task A is an ellipse whose steep curvature the reader sets; task B is a fixed one, turned the other way. The lowest
points of a task's support and query losses lie a little apart, as they do for any finite support set, so that the two
are never confused: paths descend the support losses, the outer loss J judges with the query losses.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_count, as_nonnegative, as_positive, as_vector
from mamlkit.closed_form import quadratic
from mamlkit.closed_form.quadratic import Quadratic, QuadraticTask
from mamlkit.reading import format_number
from mamlkit.scene import ArrowScale, Axes, Mark, Readout, Scene
from mamlkit.text import gettext as _

MAX_CURVATURE = 2.0  # the steepest that task A can be made, hence the steepest of all
MAX_INNER_LR = 2.0 / MAX_CURVATURE  # beyond it the inner loop of the steepest task diverges
CURVATURES = np.arange(1, 9) * MAX_CURVATURE / 8
INNER_LRS = np.arange(21) * MAX_INNER_LR / 20
NUM_STEPS = (1, 2, 5, 10)
XLIM, YLIM = (-3.2, 3.2), (-2.6, 2.6)
TASK_RADII = (0.4, 0.8, 1.2, 1.6)
OUTER_RADII = tuple(np.arange(1, 11) / 10)
DEGREES_OF_A = 65.0  # how far the steep axis of task A is turned
LONGEST_HALF_AXIS = 1e4  # the level sets of a nearly flat loss are cut here, far outside the figure


def landscape_tasks(curvature: float) -> tuple[QuadraticTask, QuadraticTask]:
    """Return tasks A and B in the plane; `curvature` is the curvature of A along its steep direction.

    Examples
    --------
    >>> task_a, task_b = landscape_tasks(2.0)
    >>> np.linalg.eigvalsh(task_a.support.A).round(12), np.linalg.eigvalsh(task_b.support.A).round(12)
    (array([1., 2.]), array([0.25, 1.  ]))
    """
    A = _rotated(as_positive("curvature", curvature), 1.0, degrees=DEGREES_OF_A)
    B = _rotated(0.25, 1.0, degrees=20.0)
    return (
        QuadraticTask(Quadratic.with_minimiser(A, [-1.5, 0.5]), Quadratic.with_minimiser(A, [-1.2, 0.9])),
        QuadraticTask(Quadratic.with_minimiser(B, [1.5, -0.6]), Quadratic.with_minimiser(B, [1.8, -0.9])),
    )


def single_factor_gradient(phi: ArrayLike, task: QuadraticTask, *, inner_lr: float) -> Array:
    """Return the wrong meta-gradient that uses one Jacobian however many steps led to phi: the bug that R2 warns of.

    Examples
    --------
    >>> task = QuadraticTask(Quadratic([[1.0]], [0.0]), Quadratic([[1.0]], [-2.0]))
    >>> phi = quadratic.adapt([0.0], task.support, inner_lr=1.5, num_steps=2)[-1]
    >>> single_factor_gradient(phi, task, inner_lr=1.5)  # (1 - 1.5) (0 - 2): the wrong sign
    array([1.])
    >>> quadratic.meta_gradient([0.0], support=task.support, query=task.query, inner_lr=1.5, num_steps=2)
    array([-0.5])
    """
    return quadratic.step_jacobian(task.support, inner_lr=inner_lr).T @ task.query.grad(phi)


def quadratic_scene(alpha: float, curvature: float, num_steps: int, theta: ArrayLike) -> Scene:
    r"""Return the landscape of both tasks as seen from `theta` (claims R1, R2, R3).

    Parameters
    ----------
    alpha : float
        Inner learning rate, zero or more.
    curvature : float
        Curvature of task A along its steep direction, above zero.
    num_steps : int
        Inner steps K.
    theta : array_like, shape (2,)
        The initialisation.

    Returns
    -------
    Scene
        Arrows are *negative* mean meta-gradients, to one common scale. The losses are taken to be zero at their
        minima, so J is the mean of :math:`L^Q(\phi) - \min L^Q`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of its kind, not finite, or out of range.

    Examples
    --------
    >>> scene = quadratic_scene(alpha=0.5, curvature=2.0, num_steps=1, theta=[0.0, 2.0])
    >>> [str(readout) for readout in scene.readouts if readout.name == "angle_fomaml"]
    ['30.8°']
    """
    alpha, num_steps = as_nonnegative("alpha", alpha), as_count("num_steps", num_steps)
    theta = as_vector("theta", theta, size=2)
    tasks, jacobians, background, optimum = _landscape(alpha, as_positive("curvature", curvature), num_steps)
    walks = [quadratic.adapt(theta, task.support, inner_lr=alpha, num_steps=num_steps) for task in tasks]
    arrows = _gradients([walk[-1] for walk in walks], tasks, jacobians, inner_lr=alpha)
    marks = [
        *background,
        *_axes_of_a(theta),
        *_paths(walks),
        *(_arrow(name, theta, arrows[name]) for name in ("maml", "fomaml", "naive")),
        Mark("points", "theta", "initial", [theta], tag="θ"),
    ]
    readouts = [
        Readout("outer_loss", _("outer loss J(θ)"), _outer_loss(walks, tasks)),
        *_arrow_readouts(arrows),
        Readout("optimum", _("lowest J at θ*"), _("everywhere on a line") if optimum is None else optimum, digits=2),
        Readout("product", _("α × largest curvature"), _product(alpha * max(curvature, 1.0))),
    ]
    axes = Axes(_("first parameter θ₁"), _("second parameter θ₂"), XLIM, YLIM, equal=True)
    alt = _(
        "The plane of two parameters with the elliptic contours of two quadratic tasks, A and B. From the "
        "initialisation θ one inner-loop path runs towards each task's minimum. Arrows at θ show the directions in "
        "which MAML and FOMAML would move it; a star marks the θ with the lowest outer loss."
    )
    return Scene(axes, marks, readouts, alt, arrows=ArrowScale(longest=1.4, full_at=0.25))


def _turn(degrees: float) -> Array:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def _rotated(first: float, second: float, *, degrees: float) -> Array:
    matrix = _turn(degrees) @ np.diag([first, second]) @ _turn(degrees).T
    return (matrix + matrix.T) / 2


class _Landscape(NamedTuple):
    """What does not depend on theta."""

    tasks: tuple[QuadraticTask, ...]
    jacobians: list[Array]
    background: list[Mark]
    optimum: Array | None


@lru_cache(maxsize=4096)
def _landscape(alpha: float, curvature: float, num_steps: int) -> _Landscape:
    tasks = landscape_tasks(curvature)
    jacobians = [quadratic.step_jacobian(task.support, inner_lr=alpha, num_steps=num_steps) for task in tasks]
    try:
        optimum = quadratic.meta_optimum(tasks, inner_lr=alpha, num_steps=num_steps)
    except ValueError:  # no single theta is best: a step solves every task along some direction
        return _Landscape(tasks, jacobians, _task_contours(tasks), None)
    outer = _outer_contours(tasks, jacobians, optimum)
    return _Landscape(tasks, jacobians, [outer[0], *_task_contours(tasks), outer[1]], optimum)


def _task_contours(tasks: tuple[QuadraticTask, ...]) -> list[Mark]:
    contours, lows = [], []
    for letter, (support, query) in zip("ab", tasks, strict=True):
        name, label = f"task_{letter}", _task_label(letter)
        level_sets = [support.minimiser(), *_half_axes(support.A)]
        contours.append(Mark("ellipses", name, name, level_sets, label=label, tag=letter.upper(), radii=TASK_RADII))
        lows.append(Mark("points", f"query_{letter}", "query", [query.minimiser()], label=_("lowest query losses")))
    return contours + lows


def _task_label(letter: str) -> str:
    return {"a": _("A: support loss, path"), "b": _("B: support loss, path")}[letter]


def _outer_contours(tasks: tuple[QuadraticTask, ...], jacobians: list[Array], optimum: Array) -> list[Mark]:
    hessian = np.sum([P.T @ task.query.A @ P for P, task in zip(jacobians, tasks, strict=True)], axis=0)
    corners = np.array([[x, y] for x in XLIM for y in YLIM]) - optimum
    highest = np.einsum("ci,ij,cj->c", corners, hessian, corners).max()  # the outermost ring meets the last corner
    level_sets = [optimum, *_half_axes(hessian / highest)]
    contours, lowest = _("outer loss J"), _("θ*: lowest J")
    return [
        Mark("ellipses", "outer_loss", "outer_loss", level_sets, label=contours, radii=OUTER_RADII),
        Mark("points", "optimum", "optimum", [optimum], label=lowest, tag="θ*"),
    ]


def _half_axes(hessian: Array) -> list[Array]:
    """Return the half axes of the level set where the quadratic form of `hessian` is 1, cut at a great length."""
    values, vectors = np.linalg.eigh(hessian)
    lengths = 1.0 / np.sqrt(np.maximum(values, LONGEST_HALF_AXIS**-2))
    return list(lengths[:, None] * vectors.T)


def _axes_of_a(theta: Array) -> list[Mark]:
    """Return the axes of task A through theta: the directions in which the arrows can be taken apart."""
    return [
        Mark("line", f"axis_{i}", "axes", [theta - 1.6 * way, theta + 1.6 * way], label=_("axes of A"))
        for i, way in enumerate(_turn(DEGREES_OF_A).T)
    ]


def _paths(walks: list[Array]) -> list[Mark]:
    return [
        Mark("path", f"path_{letter}", f"task_{letter}", walk, label=_task_label(letter))
        for letter, walk in zip("ab", walks, strict=True)
    ]


def _gradients(
    ends: list[Array], tasks: tuple[QuadraticTask, ...], jacobians: list[Array], *, inner_lr: float
) -> dict[str, Array]:
    """Return the mean meta-gradients: with all Jacobians (claim R3), without any, and with that of one step."""
    slopes = [task.query.grad(phi) for task, phi in zip(tasks, ends, strict=True)]
    naive = [single_factor_gradient(phi, task, inner_lr=inner_lr) for task, phi in zip(tasks, ends, strict=True)]
    exact = [P.T @ slope for P, slope in zip(jacobians, slopes, strict=True)]
    return {"maml": np.mean(exact, axis=0), "fomaml": np.mean(slopes, axis=0), "naive": np.mean(naive, axis=0)}


def _arrow(name: str, theta: Array, gradient: Array) -> Mark:
    labels = {"maml": _("MAML: −∇J"), "fomaml": _("FOMAML: no Jacobians"), "naive": _("single-factor bug")}
    return Mark("arrow", name, name, [theta, -gradient], label=labels[name], visible=name != "naive")


def _outer_loss(walks: list[Array], tasks: tuple[QuadraticTask, ...]) -> float:
    return float(np.mean([task.query.value(walk[-1]) for task, walk in zip(tasks, walks, strict=True)]))


def _arrow_readouts(arrows: dict[str, Array]) -> list[Readout]:
    maml, angle = arrows["maml"], partial(Readout, rule="angle", unit="°", digits=1)
    return [
        Readout("norm_maml", _("norm, MAML gradient"), maml, rule="norm"),
        Readout("norm_fomaml", _("norm, FOMAML gradient"), arrows["fomaml"], rule="norm"),
        angle("angle_fomaml", _("angle, MAML to FOMAML"), np.array([arrows["fomaml"], maml])),
        angle("angle_naive", _("angle, MAML to bug"), np.array([maml, arrows["naive"]])),
    ]


def _product(product: float) -> str:
    """Say in words what the steepest direction makes of steps with this alpha times curvature."""
    number = format_number(product, 2)
    if product < 1 - 1e-9:
        return _("{product}: steps fall short", product=number)
    if product <= 1 + 1e-9:
        return _("{product}: solved in one step", product=number)
    if product < 2 - 1e-9:
        return _("{product}: steps overshoot", product=number)
    return _("{product}: steps never settle", product=number)
