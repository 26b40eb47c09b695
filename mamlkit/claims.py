"""The claims of the book: where each is stated, which function computes it, what tests it, who practises it.

The page "Claims" is generated from this table, and a test fails when any of the four does not exist or does not
carry the claim's label.
"""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """One result: `statement` in Markdown with mathematics; the rest are places in the repository.

    `exercise` is empty for a smaller result, whose label ends in a letter, if no exercise practises it.
    """

    title: str
    statement: str
    chapter: str
    function: str
    test: str
    exercise: str


# Claims whose exercise is not written yet; the page says so.
TO_COME: set[str] = set()

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
    "R1a": Claim(
        title="the best start is the worst average model",
        statement=r"On the compass, with tasks $\delta > 90°$ to either side of north and "
        r"$\alpha = \delta / \sin\delta$, north has the largest mean loss $1 - \cos\delta\cos\theta$ of all "
        r"headings, and $J = 0$ after one step.",
        chapter="book/principles/learning-to-learn",
        function="mamlkit.closed_form.compass.outer_loss",
        test="tests/closed_form/test_compass.py::test_r1a_the_best_initialisation_is_the_worst_average_model",
        exercise="exercises/e01_the_adapted_loss",
    ),
    "R1b": Claim(
        title="the average wave",
        statement=r"The average of all waves $a \sin(x - p)$, with mean height $\bar a$ and shifts even from $0$ to "
        r"$\pi$, is $-\tfrac{2}{\pi}\,\bar a \cos x$: the best fixed answer.",
        chapter="book/principles/learning-to-learn",
        function="mamlkit.tasks.sinusoid.mean_curve",
        test="tests/tasks/test_sinusoid.py::test_r1b_the_average_of_many_waves",
        exercise="",
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
    "R2a": Claim(
        title="a bound on the meta-gradient's length",
        statement=r"On one task the meta-gradient is at most $\prod_k \max_j |1 - \alpha h_j(\theta_k)|$ times as long "
        r"as FOMAML's; while every $\alpha h_j$ lies between 0 and 2 it is never longer.",
        chapter="book/principles/meta-gradient",
        function="mamlkit.closed_form.quadratic.shrinkage",
        test="tests/closed_form/test_quadratic.py::test_r2a_no_meta_gradient_is_longer_than_the_bound",
        exercise="",
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
    "R5": Claim(
        title="the gap that the shortcut leaves",
        statement=r"Two inner steps on curvature $a$ with query loss $\tfrac d2 \theta^2$: MAML's gradient minus "
        r"FOMAML's is $d\,\theta_2\,\big((1 - \alpha a)^2 - 1\big)$.",
        chapter="book/principles/first-order",
        function="mamlkit.closed_form.quadratic.first_order_gap",
        test="tests/closed_form/test_quadratic.py::test_r5_gap_of_two_steps_in_one_dimension",
        exercise="exercises/e04_the_first_order_gap",
    ),
    "R5a": Claim(
        title="where the gap is widest, and where it vanishes",
        statement=r"With $\theta_2 = (1 - \alpha a)^2 \theta_0$ the absolute gap is widest at "
        r"$\alpha a = 1 \mp 1/\sqrt 2$, a quarter of the plain gradient, and vanishes at $0$, $1$ and $2$. Only the "
        r"relative gap grows, and only on $0 < \alpha a < 1$.",
        chapter="book/principles/first-order",
        function="mamlkit.closed_form.first_order.gap",
        test="tests/closed_form/test_first_order.py::test_r5a_two_steps_the_whole_way",
        exercise="exercises/e04_the_first_order_gap",
    ),
    "R5b": Claim(
        title="one family",
        statement=r"To first order in $\alpha$ the mean direction of each method is "
        r"$\text{AvgGrad} - \alpha\, s\, \text{AvgGradInner}$, with $s = 2K$ for MAML, $K$ for FOMAML, $(K - 1)/2$ for "
        r"Reptile (divided by $\alpha K$) and $0$ for joint training.",
        chapter="book/principles/first-order",
        function="mamlkit.closed_form.first_order.inner_weight",
        test="tests/closed_form/test_first_order.py::test_r5b_the_remainder_of_the_expansion_is_of_second_order",
        exercise="exercises/e04_the_first_order_gap",
    ),
    "R6": Claim(
        title="turning a feature",
        statement=r"With inputs $x \sim N(0, I)$, score $v\,(w \cdot x)$, logistic loss and the task "
        r"$y = \operatorname{sign}(x_2)$, the feature $w = (1, 0)$ has the slope "
        r"$\partial L / \partial w_2 = -v / \sqrt{2\pi}$: a step turns it the right way, unless $v = 0$. Frozen, it "
        r"leaves the accuracy at $\tfrac12$.",
        chapter="book/principles/geometry",
        function="mamlkit.closed_form.geometry.feature_gradient",
        test="tests/closed_form/test_geometry.py::test_r6_the_gradient_by_quadrature",
        exercise="exercises/e05_turn_the_feature",
    ),
    "R7": Claim(
        title="alignment and the length of a step",
        statement=r"With distance $D$ to the optimum, gradient length $g$ and alignment $c$, one step leaves "
        r"$\|\phi - \theta^\star\|^2 = D^2 - 2 \alpha g D c + \alpha^2 g^2$.",
        chapter="book/principles/geometry",
        function="mamlkit.closed_form.geometry.distance_after_step",
        test="tests/closed_form/test_geometry.py::test_r7_the_distance_of_a_step_that_is_taken",
        exercise="exercises/e06_aim_and_reach",
    ),
    "R7a": Claim(
        title="the worst alignment on a quadratic",
        statement=r"On a quadratic with condition number $\kappa$ the alignment is nowhere below "
        r"$2\sqrt\kappa / (\kappa + 1)$; there the best step leaves $(\kappa - 1)/(\kappa + 1)$ of the distance.",
        chapter="book/principles/geometry",
        function="mamlkit.closed_form.geometry.worst_alignment",
        test="tests/closed_form/test_geometry.py::test_r7a_the_worst_place_on_a_quadratic",
        exercise="exercises/e06_aim_and_reach",
    ),
    "R8": Claim(
        title="the best start of linear regressions",
        statement=r"With $n$ support rows, one inner step and $T = I - \tfrac{\alpha}{n} X_S^\top X_S$, the outer loss "
        r"is lowest at $[\sum M]^{-1} \sum v$ with $M = T^\top X_Q^\top X_Q T$ and "
        r"$v = T^\top X_Q^\top (y_Q - \tfrac{\alpha}{n} X_Q X_S^\top y_S)$; where the sum is singular, the shortest of "
        r"all lowest points is the one that descent from zero reaches.",
        chapter="book/principles/the-compromise",
        function="mamlkit.closed_form.linear.optimal_init",
        test="tests/closed_form/test_linear.py::test_r8_no_search_finds_a_better_start",
        exercise="exercises/e07_the_closed_form_start",
    ),
    "R8a": Claim(
        title="minimax is a weight",
        statement=r"Of two group losses, quadratics with a single lowest point each, the start with the lowest "
        r"$\max(L_1 - c_1, L_2 - c_2)$ minimises $(1 - w) L_1 + w L_2$ for the $w$ at which both sides are equal, or "
        r"for $w = 0$ or $1$ where one group is worse off even when it alone is served.",
        chapter="book/applications/fairness",
        function="mamlkit.closed_form.groups.minimax_start",
        test="tests/closed_form/test_groups.py::test_r8a_no_search_finds_a_start_that_serves_the_worse_off_better",
        exercise="exercises/e17_what_the_mean_hides",
    ),
    "R8b": Claim(
        title="a step and the gap between groups",
        statement=r"A step from $\theta$ to $\phi$ changes the gap between two groups' mean errors by "
        r"$(\bar x_2 - \bar x_1) \cdot (\phi - \theta)$: what moves all answers of a task alike leaves it as it was.",
        chapter="book/applications/fairness",
        function="mamlkit.closed_form.groups.gap_after_step",
        test="tests/closed_form/test_groups.py::test_r8b_the_gap_moves_only_with_what_the_groups_differ_in",
        exercise="exercises/e17_what_the_mean_hides",
    ),
    "R9": Claim(
        title="the weighted centre",
        statement=r"The start that minimises $\sum_i p_i \|\phi_i - \theta_i^\star\|^2$ over quadratics is the mean of "
        r"the optima with weights $p_i (I - \alpha H_i)^{2K}$: what steps solve has no say.",
        chapter="book/principles/the-compromise",
        function="mamlkit.closed_form.quadratic.weighted_centre",
        test="tests/closed_form/test_quadratic.py::test_r9_r9a_no_search_finds_a_better_centre",
        exercise="exercises/e08_the_weighted_centre",
    ),
    "R9a": Claim(
        title="the loss as judge",
        statement=r"If the loss judges in place of the distance, the weights are $p_i H_i (I - \alpha H_i)^{2K}$. In "
        r"one dimension, for $0 \le \alpha h \le 1$, the greatest belongs to $\alpha h = 1/(2K+1)$; at $\alpha = 0$ "
        r"this is joint training, which follows the steep tasks.",
        chapter="book/principles/the-compromise",
        function="mamlkit.closed_form.quadratic.weighted_centre",
        test="tests/closed_form/test_quadratic.py::test_r9_r9a_no_search_finds_a_better_centre",
        exercise="",
    ),
    "R10": Claim(
        title="one step is a posterior mode",
        statement=r"For Gaussian tasks with $n$ examples of variance $s^2$ one step on the summed loss from $\mu$ is "
        r"the MAP estimate under the prior $\mathcal N(\mu, \tau^2)$ if and only if "
        r"$\tfrac1{\tau^2} = \tfrac1\alpha - \tfrac n{s^2}$, with $0 < \alpha \le s^2/n$.",
        chapter="book/principles/hierarchical-bayes",
        function="mamlkit.closed_form.gaussian.prior_precision",
        test="tests/closed_form/test_gaussian.py::test_r10_one_step_is_the_posterior_mode",
        exercise="exercises/e09_the_prior_behind_alpha",
    ),
    "R10a": Claim(
        title="the best rate is the true prior's",
        statement=r"From the start $\mu$ and for equal $n$ the outer loss is smallest at the rate that R10 gives "
        r"for the true $\tau^2$.",
        chapter="book/principles/hierarchical-bayes",
        function="mamlkit.closed_form.gaussian.expected_error",
        test="tests/closed_form/test_gaussian.py::test_r10a_the_best_rate_is_the_one_of_the_true_prior",
        exercise="exercises/e09_the_prior_behind_alpha",
    ),
    "R11": Claim(
        title="early stopping is a prior",
        statement=r"$K$ steps on a quadratic with Hessian $A$ are the MAP estimate under a prior around $\theta$ with "
        r"precision $A (I - \alpha A)^K [I - (I - \alpha A)^K]^{-1}$, while $0 < \alpha A \le I$.",
        chapter="book/principles/hierarchical-bayes",
        function="mamlkit.closed_form.gaussian.implied_prior_precision",
        test="tests/closed_form/test_gaussian.py::test_r11_descent_and_the_search_for_the_mode_end_at_one_point",
        exercise="exercises/e10_early_stopping_is_a_prior",
    ),
    "R11a": Claim(
        title="the evidence that the query set replaces",
        statement=r"Under the prior $Q$ of R11 the log marginal likelihood of a quadratic task is $-\LS(\phi) - "
        r"\tfrac12 (\phi - \theta)^\top Q (\phi - \theta) + \tfrac12 \log\det (I - \alpha A)^K$.",
        chapter="book/principles/hierarchical-bayes",
        function="mamlkit.closed_form.evidence.log_evidence",
        test="tests/closed_form/test_evidence.py::test_r11a_the_evidence_is_the_integral",
        exercise="",
    ),
    "R12": Claim(
        title="two ways to learn a prior mean",
        statement=r"With large query sets the outer loss weighs task means by $(1 - \alpha n_t/s^2)^2$, the marginal "
        r"likelihood weighs sample means by $1/(\tau^2 + s^2/n_t)$: both equally for equal $n$, in opposite order for "
        r"unequal $n_t \le s^2/\alpha$.",
        chapter="book/principles/hierarchical-bayes",
        function="mamlkit.closed_form.evidence.outer_centre",
        test="tests/closed_form/test_evidence.py::test_r12_the_start_of_the_lowest_outer_loss",
        exercise="exercises/e10_early_stopping_is_a_prior",
    ),
    "R13": Claim(
        title="batch norm: whose mean",
        statement=r"With means that spread by $s_b$ between tasks and activations by $s_w$ within, the squared error "
        r"of the mean is $(1 - w)^2 s_b^2 + w^2 s_w^2 / n_s$ if the support set has the weight $w$: $s_b^2$ for the "
        r"global mean, $s_w^2 / n_s$ for the support set's, and least at $w = s_b^2 / (s_b^2 + s_w^2 / n_s)$.",
        chapter="book/principles/batch-norm",
        function="mamlkit.closed_form.normalisation.mean_error",
        test="tests/closed_form/test_normalisation.py::test_r13_bias_and_variance_of_simulated_tasks",
        exercise="exercises/e11_batch_norm_whose_statistics",
    ),
    "R14": Claim(
        title="leave one task out",
        statement=r"The ratio $R$ of the mean loss of tasks left out to the mean loss of tasks trained on costs "
        r"$T + 1$ trainings; if all tasks have one quadratic loss up to its minimum, it is $(T / (T - 1))^2$.",
        chapter="book/principles/meta-overfitting",
        function="mamlkit.diagnostics.leave_one_task_out",
        test="tests/test_diagnostics.py::test_r14_equal_bowls_have_a_ratio_of_their_number_alone",
        exercise="exercises/e12_leave_one_task_out",
    ),
    "R15": Claim(
        title="MAML without steps",
        statement=r"As $\alpha \to 0$ MAML becomes joint training, and the gap is first order: $\theta_\alpha = "
        r"\theta_J + \alpha\theta' + O(\alpha^2)$ with $\theta' = K [\sum \nabla^2 \LQ_i]^{-1} \sum \nabla(\nabla "
        r"\LS_i \cdot \nabla \LQ_i)$ at $\theta_J$, where joint training has a single optimum.",
        chapter="book/principles/the-compromise",
        function="mamlkit.closed_form.joint.drift",
        test="tests/closed_form/test_joint.py::test_r15_the_gap_to_joint_training_is_first_order_in_alpha",
        exercise="exercises/e12_leave_one_task_out",
    ),
    "R16": Claim(
        title="a layer of attention takes an inner step",
        statement=r"A layer of linear attention with keys and queries that read $x$, values $W_0 x - y$ and the factor "
        r"$\alpha/N$ moves the prediction $W_0 x_\ast$ of a query token exactly as one gradient step on "
        r"$\tfrac{1}{2N} \sum_j \|W x_j - y_j\|^2$ moves it, for any $W_0$.",
        chapter="book/today/sequence-models",
        function="mamlkit.closed_form.attention.gradient_step_weights",
        test="tests/closed_form/test_attention.py::test_r16_the_layer_is_the_engines_step",
        exercise="exercises/e18_attention_takes_a_gradient_step",
    ),
    "R16a": Claim(
        title="the best rate of one step",
        statement=r"With $N$ examples, inputs $\mathcal N(0, I_d)$, tasks that spread by $\tau^2$ around the start and "
        r"noise $s^2$, the best rate is $N / (N + d + 1 + s^2/\tau^2)$.",
        chapter="book/today/sequence-models",
        function="mamlkit.closed_form.one_step.best_inner_lr",
        test="tests/closed_form/test_one_step.py::test_r16a_no_search_finds_a_better_rate",
        exercise="exercises/e18_attention_takes_a_gradient_step",
    ),
    "R16b": Claim(
        title="the best start of one step, for endless data",
        statement=r"For kinds of regressions with Gaussian inputs of covariance $\Lambda_i$ and means $m_i$ the best "
        r"start is $[\sum p_i M_i]^{-1} \sum p_i M_i m_i$ with $M = \E (I - P\hat\Lambda)^\top \Lambda "
        r"(I - P\hat\Lambda)$: the mean of the tasks if all have the same inputs, and in general not.",
        chapter="book/today/sequence-models",
        function="mamlkit.closed_form.one_step.best_init",
        test="tests/closed_form/test_one_step.py::test_r16b_no_search_finds_a_better_start",
        exercise="",
    ),
    "R17": Claim(
        title="the delta rule is an inner loop",
        statement=r"$S \leftarrow S - \beta (S k - v) k^\top$ is one gradient step for each token on "
        r"$\tfrac12 \|S k - v\|^2$; the meta-gradient in $S_0$ is $(S_L q - v)(P_1 P_2 \cdots P_L\, q)^\top$ with "
        r"$P_t = I - \beta_t k_t k_t^\top$.",
        chapter="book/today/sequence-models",
        function="mamlkit.closed_form.delta.start_gradient",
        test="tests/closed_form/test_delta.py::test_r17_the_delta_rule_is_the_engines_inner_loop",
        exercise="exercises/e18_attention_takes_a_gradient_step",
    ),
    "R17a": Claim(
        title="what a token is worth",
        statement=r"For unit keys without a preferred direction the expected squared distance of the state from the "
        r"task follows $e_t = e_{t-1} (1 - \beta_t (2 - \beta_t)/d) + \beta_t^2 s^2$, and the best rate is "
        r"$e_{t-1} / (e_{t-1} + d s^2)$.",
        chapter="book/today/sequence-models",
        function="mamlkit.closed_form.delta.expected_errors",
        test="tests/closed_form/test_delta.py::test_r17a_the_errors_of_simulated_contexts",
        exercise="",
    ),
    "R18": Claim(
        title="the meta-gradient of a sampled inner step",
        statement=r"With $\phi = \theta + \alpha g(\theta, \tau)$ and $N$ trajectories $\tau_n$ drawn from the policy "
        r"$\theta$ itself, $\nabla \E J(\phi) = \E[(I + \alpha H)^\top \nabla J(\phi) + J(\phi) \sum_n \nabla \log "
        r"P(\tau_n \mid \theta)]$, where $H$ is the derivative of $g$ with $\tau$ held fixed.",
        chapter="book/applications/navigation",
        function="mamlkit.closed_form.policy.estimator_mean",
        test="tests/closed_form/test_policy.py::test_r18_the_score_term_completes_the_gradient",
        exercise="exercises/e16_the_missing_score_term",
    ),
    "R18a": Claim(
        title="what the naive estimator aims at",
        statement=r"In a bandit with baseline $b$ in the inner step the naive estimator multiplies $\nabla J(\phi)$ by "
        r"$1 - \alpha p (1 - p)(J - b)$ as $N \to \infty$, where the step without luck has "
        r"$1 + \alpha p (1 - p)(1 - 2p)(r_1 - r_0)$.",
        chapter="book/applications/navigation",
        function="mamlkit.closed_form.policy.estimator_limit",
        test="tests/closed_form/test_policy.py::test_r18a_what_the_naive_estimator_aims_at_in_a_bandit",
        exercise="exercises/e16_the_missing_score_term",
    ),
}
