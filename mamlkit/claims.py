"""The claims of the book: where each is stated, which function computes it, what tests it, who practises it.

The page "Claims" is generated from this table, and a test fails when any of the four does not exist or does not
carry the claim's label.
"""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """One result: `statement` in Markdown with mathematics; the rest are places in the repository."""

    title: str
    statement: str
    chapter: str
    function: str
    test: str
    exercise: str


CLAIMS = {
    "R1": Claim(
        title="the inner step and the outer loss",
        statement=r"One inner step is $\phi = \theta - \alpha \nabla \LS(\theta)$; the outer loss is "
        r"$J(\theta) = \E_{\text{task}} \LQ(\phi)$.",
        chapter="book/principles/learning-to-learn",
        function="mamlkit.closed_form.quadratic.adapt",
        test="tests/closed_form/test_quadratic.py::test_r1_adapt_follows_the_negative_gradient",
        exercise="exercises/e01_the_adapted_loss",
    ),
    "R2": Claim(
        title="the meta-gradient",
        statement=r"The gradient of the outer loss is $P_0^\top P_1^\top \cdots P_{K-1}^\top \nabla \LQ(\phi)$ with "
        r"$P_k = I - \alpha \nabla^2 \LS(\theta_k)$: one factor for each step, each at its own point.",
        chapter="book/principles/meta-gradient",
        function="mamlkit.engine.meta_gradient",
        test="tests/engine/test_meta.py::test_r2_equals_central_differences_on_a_network",
        exercise="exercises/e02_meta_gradient_of_a_quadratic",
    ),
    "R3": Claim(
        title="quadratic tasks, exactly",
        statement=r"With support loss $(A, b)$ and query loss $(B, d)$ the meta-gradient is "
        r"$(I - \alpha A)^{K\top}(B\phi + d)$.",
        chapter="book/principles/meta-gradient",
        function="mamlkit.closed_form.quadratic.meta_gradient",
        test="tests/closed_form/test_quadratic.py::test_r2_r3_meta_gradient_is_the_slope_of_the_outer_loss",
        exercise="exercises/e02_meta_gradient_of_a_quadratic",
    ),
    "R4": Claim(
        title="no Hessian is ever formed",
        statement=r"Reverse mode through the inner loop costs one Hessian-vector product for each step: in units of "
        r"one forward pass MAML takes about $9K + 3$, FOMAML $3K + 3$, a plain gradient $3$.",
        chapter="book/principles/meta-gradient",
        function="mamlkit.cost.measure",
        test="tests/test_cost.py::test_arithmetic_and_memory_follow_the_theory",
        exercise="exercises/e03_maml_by_automatic_differentiation",
    ),
}
