r"""The delta rule: an inner loop that takes one gradient step for each token it reads (claims R17, R17a).

The state is a matrix S (o, d) that should map each key k (d,) to its value v (o,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_nonnegative, as_positive, as_vector


def delta_rule(init: ArrayLike, keys: ArrayLike, values: ArrayLike, *, rates: ArrayLike) -> Array:
    r"""Read a context token by token and return the state after each (claim R17).

    .. math:: S_t = S_{t-1} - \beta_t\, (S_{t-1} k_t - v_t)\, k_t^\top
                  = S_{t-1} (I - \beta_t k_t k_t^\top) + \beta_t v_t k_t^\top

    Each token is one gradient step of rate :math:`\beta_t` on :math:`\tfrac12 \|S k_t - v_t\|^2`.

    Parameters
    ----------
    init : array_like, shape (o, d)
        The initial state S_0.
    keys : array_like, shape (L, d)
    values : array_like, shape (L, o)
    rates : float or array_like, shape (L,)
        One beta for all tokens, or one for each; zero or more.

    Returns
    -------
    ndarray, shape (L + 1, o, d)
        The states; entry 0 is `init`.

    Raises
    ------
    TypeError, ValueError
        If an array does not hold finite numbers, shapes do not fit, or a rate is negative.

    Notes
    -----
    Source: Schlag, Irie and Schmidhuber (2021), section 4.2, with a state that need not start at zero.

    Examples
    --------
    >>> delta_rule([[0.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]], [[5.0], [3.0]], rates=1.0)[-1]  # the later value stays
    array([[3., 0.]])
    """
    S, keys, values, rates = _as_context(init, keys, values, rates)
    states = [S]
    for key, value, rate in zip(keys, values, rates, strict=True):
        S = states[-1]
        states.append(S - rate * np.outer(S @ key - value, key))
    return np.array(states)


def reach(keys: ArrayLike, *, rates: ArrayLike) -> Array:
    r"""Return :math:`A = P_1 P_2 \cdots P_L` with :math:`P_t = I - \beta_t k_t k_t^\top`: what a context leaves of S_0.

    A change :math:`\Delta` of the initial state changes the last one by :math:`\Delta A` (claim R17). With no token
    it is the identity.

    Parameters
    ----------
    keys : array_like, shape (L, d)
    rates : float or array_like, shape (L,)

    Examples
    --------
    >>> reach([[1.0, 0.0], [0.0, 1.0]], rates=[0.5, 1.0])
    array([[0.5, 0. ],
           [0. , 0. ]])
    """
    keys = as_array("keys", keys, ndim=2)
    A = np.eye(keys.shape[1])
    for key, rate in zip(keys, _as_rates(rates, len(keys)), strict=True):
        A = A - rate * np.outer(A @ key, key)
    return A


def start_gradient(
    init: ArrayLike,
    keys: ArrayLike,
    values: ArrayLike,
    *,
    rates: ArrayLike,
    query_key: ArrayLike,
    query_value: ArrayLike,
) -> Array:
    r"""Return the meta-gradient of :math:`\tfrac12 \|S_L q - v_q\|^2` in the initial state (claim R17).

    .. math:: \frac{\partial}{\partial S_0} = (S_L q - v_q)\, \big(P_1 P_2 \cdots P_L\, q\big)^\top,
              \qquad P_t = I - \beta_t k_t k_t^\top

    This is the product of Jacobians of claim R2, one for each token, each with the token's own Hessian.

    Parameters
    ----------
    init, keys, values, rates
        As in :func:`delta_rule`.
    query_key : array_like, shape (d,)
    query_value : array_like, shape (o,)

    Returns
    -------
    ndarray, shape (o, d)

    Examples
    --------
    >>> start_gradient([[0.0]], [[1.0]], [[2.0]], rates=0.5, query_key=[1.0], query_value=[4.0])
    array([[-1.5]])
    """
    last = delta_rule(init, keys, values, rates=rates)[-1]
    q, v = as_vector("query_key", query_key, size=last.shape[1]), as_vector("query_value", query_value, size=len(last))
    return np.outer(last @ q - v, reach(keys, rates=rates) @ q)


def expected_errors(start_error: float, *, d: int, noise_var: float, rates: ArrayLike) -> Array:
    r"""Return the expected squared distance of each state from the task, for keys of length one (claim R17a).

    .. math:: e_t = e_{t-1} \Big(1 - \frac{\beta_t (2 - \beta_t)}{d}\Big) + \beta_t^2 s^2

    Keys are unit vectors with :math:`E\, k k^\top = I/d`, drawn anew for each token, and a value is the task's answer
    plus noise of variance s^2. The distance is that of one row of S from its row of the task.

    Parameters
    ----------
    start_error : float
        The distance e_0 before the first token, zero or more.
    d : int
        Dimension of the keys, at least one.
    noise_var : float
        The variance s^2 of each entry of a value, zero or more.
    rates : array_like, shape (L,)

    Returns
    -------
    ndarray, shape (L + 1,)

    Examples
    --------
    >>> expected_errors(4.0, d=4, noise_var=0.0, rates=[1.0, 1.0])
    array([4.  , 3.  , 2.25])
    """
    d, noise = as_count("d", d, minimum=1), as_nonnegative("noise_var", noise_var)
    errors = [as_nonnegative("start_error", start_error)]
    for rate in _as_rates(rates, len(np.atleast_1d(rates))):
        errors.append(errors[-1] * (1 - rate * (2 - rate) / d) + rate**2 * noise)
    return np.array(errors)


def best_rates(start_error: float, *, d: int, noise_var: float, length: int) -> Array:
    r"""Return the rate for each token with the lowest error after it, in the setting of R17a.

    .. math:: \beta_t = \frac{e_{t-1}}{e_{t-1} + d s^2}

    Without noise every rate is 1. With it they fall from token to token: the better the state, the less a new token
    is trusted.

    Parameters
    ----------
    start_error, d, noise_var
        As in :func:`expected_errors`; not both variances zero.
    length : int
        Number L of tokens.

    Returns
    -------
    ndarray, shape (L,)

    Examples
    --------
    >>> best_rates(1.0, d=2, noise_var=0.5, length=2)
    array([0.5       , 0.42857143])
    """
    d, noise = as_count("d", d, minimum=1), as_nonnegative("noise_var", noise_var)
    error, rates = as_positive("start_error", start_error), []
    for _ in range(as_count("length", length)):
        rates.append(error / (error + d * noise))
        error = float(expected_errors(error, d=d, noise_var=noise, rates=rates[-1:])[-1])
    return np.array(rates)


def posterior_means(
    prior_mean: ArrayLike, keys: ArrayLike, values: ArrayLike, *, prior_var: float, noise_var: float
) -> Array:
    r"""Read a context token by token and return Bayes' estimate of the task after each.

    The same walk as :func:`delta_rule`, with a matrix in place of the rate, made anew from the keys that were read:

    .. math:: S_t = S_{t-1} - (S_{t-1} k_t - v_t)\, g_t^\top, \qquad
              g_t = \frac{C_{t-1} k_t}{s^2 + k_t^\top C_{t-1} k_t}, \qquad C_t = C_{t-1} - g_t k_t^\top C_{t-1}

    with :math:`C_0 = \tau^2 I`. No estimate has a smaller expected squared error.

    Parameters
    ----------
    prior_mean : array_like, shape (o, d)
        The mean of the tasks, each entry of which spreads by tau^2.
    keys, values
        As in :func:`delta_rule`.
    prior_var, noise_var : float
        The variances tau^2 and s^2, above zero.

    Returns
    -------
    ndarray, shape (L + 1, o, d)

    Notes
    -----
    This is recursive least squares, or a Kalman filter whose state stands still.

    Examples
    --------
    >>> posterior_means([[0.0]], [[1.0], [1.0]], [[3.0], [3.0]], prior_var=1.0, noise_var=1.0)[:, 0, 0]
    array([0. , 1.5, 2. ])
    """
    S, keys, values, _ = _as_context(prior_mean, keys, values, 0.0)
    C, noise = as_positive("prior_var", prior_var) * np.eye(keys.shape[1]), as_positive("noise_var", noise_var)
    states = [S]
    for key, value in zip(keys, values, strict=True):
        gain = C @ key / (noise + key @ C @ key)
        states.append(states[-1] - np.outer(states[-1] @ key - value, gain))
        C = C - np.outer(gain, key @ C)
    return np.array(states)


def _as_context(
    init: ArrayLike, keys: ArrayLike, values: ArrayLike, rates: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    S, keys, values = (as_array(n, a, ndim=2) for n, a in (("init", init), ("keys", keys), ("values", values)))
    if keys.shape[1] != S.shape[1]:
        raise ValueError(f"keys must have as many columns as the state, {S.shape[1]}; got shape {keys.shape}")
    if values.shape != (len(keys), len(S)):
        raise ValueError(f"values must have shape ({len(keys)}, {len(S)}), got shape {values.shape}")
    return S, keys, values, _as_rates(rates, len(keys))


def _as_rates(rates: ArrayLike, length: int) -> Array:
    found = as_array("rates", rates, ndim=(0, 1))
    if (found < 0).any():
        raise ValueError(f"rates must not be negative, got {rates!r}")
    if found.ndim and len(found) != length:
        raise ValueError(f"rates must be one number or {length}, one for each token; got shape {found.shape}")
    return np.broadcast_to(found, (length,))
