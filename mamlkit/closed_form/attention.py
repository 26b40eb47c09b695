r"""Linear self-attention, and the inner gradient step that one layer of it takes (claim R16).

A token is an example: the row :math:`z = (x, y)` of its input (d,) and its target (o,). A context is N of them, and
the query token :math:`(x_*, -W_0 x_*)` asks for a prediction, which its last entries hold with the opposite sign.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mamlkit._check import Array, as_array, as_count, as_nonnegative


class AttentionWeights(NamedTuple):
    """The four square matrices of a layer: what a token asks for, answers to and says, and what becomes of it."""

    queries: ArrayLike
    keys: ArrayLike
    values: ArrayLike
    output: ArrayLike


def linear_attention(weights: AttentionWeights, tokens: ArrayLike, *, queries: ArrayLike) -> Array:
    r"""Return the query tokens after one layer of linear self-attention over a context (claim R16).

    .. math:: q \leftarrow q + P \sum_{j=1}^N (W_V z_j)\, (W_K z_j)^\top (W_Q q)

    There is no softmax. The query tokens attend to `tokens` alone: neither to themselves nor to one another.

    Parameters
    ----------
    weights : AttentionWeights
        W_Q, W_K, W_V and P, each of shape (d + o, d + o).
    tokens : array_like, shape (N, d + o)
        The context, one token in each row; N may be zero.
    queries : array_like, shape (M, d + o)
        The tokens to update.

    Returns
    -------
    ndarray, shape (M, d + o)

    Raises
    ------
    TypeError, ValueError
        If an array does not hold finite numbers, or shapes do not fit.

    Notes
    -----
    Source: von Oswald et al. (2023), equation (2) without the softmax.

    Examples
    --------
    >>> weights = gradient_step_weights([[0.0]], inner_lr=0.25, n=2)
    >>> linear_attention(weights, [[1.0, 2.0], [2.0, 3.0]], queries=[[1.0, 0.0]])  # the prediction is 1
    array([[ 1., -1.]])
    """
    tokens, asked = as_array("tokens", tokens, ndim=2), as_array("queries", queries, ndim=2)
    size = tokens.shape[1]
    if asked.shape[1] != size:
        raise ValueError(f"queries must have as many columns as tokens, {size}; got shape {asked.shape}")
    matrices = {name: as_array(name, matrix, ndim=2) for name, matrix in weights._asdict().items()}
    for name, matrix in matrices.items():
        if matrix.shape != (size, size):
            raise ValueError(f"{name} must have shape ({size}, {size}) like the tokens, got shape {matrix.shape}")
    keys, values = tokens @ matrices["keys"].T, tokens @ matrices["values"].T
    scores = asked @ matrices["queries"].T @ keys.T  # (M, N)
    return asked + scores @ values @ matrices["output"].T


def gradient_step_weights(init: ArrayLike, *, inner_lr: float, n: int) -> AttentionWeights:
    r"""Return the layer that takes one inner gradient step from W_0 (claim R16).

    .. math:: W_Q = W_K = \begin{pmatrix} I & 0 \\ 0 & 0 \end{pmatrix}, \qquad
              W_V = \begin{pmatrix} 0 & 0 \\ W_0 & -I \end{pmatrix}, \qquad P = \frac{\alpha}{N} I

    The step is on the loss :math:`\tfrac{1}{2N} \sum_j \|W x_j - y_j\|^2`. With the query token of
    :func:`query_tokens` the last o entries of the updated token are :math:`-(W_0 + \Delta W) x_*`.

    Parameters
    ----------
    init : array_like, shape (o, d)
        The start W_0.
    inner_lr : float
        Inner learning rate alpha, zero or more.
    n : int
        Number N of tokens in the context, at least one.

    Raises
    ------
    TypeError, ValueError
        If `init` is no finite matrix, `inner_lr` is negative, or `n` is no whole number of at least one.

    Notes
    -----
    Source: von Oswald et al. (2023), proposition 1 and its appendix.

    Examples
    --------
    >>> gradient_step_weights([[2.0]], inner_lr=0.5, n=5).values
    array([[ 0.,  0.],
           [ 2., -1.]])
    """
    W = as_array("init", init, ndim=2)
    outputs, inputs = W.shape
    share = as_nonnegative("inner_lr", inner_lr) / as_count("n", n, minimum=1)
    reads_x = np.diag(np.r_[np.ones(inputs), np.zeros(outputs)])
    values = np.zeros((inputs + outputs, inputs + outputs))
    values[inputs:] = np.column_stack([W, -np.eye(outputs)])
    return AttentionWeights(reads_x, reads_x, values, share * np.eye(inputs + outputs))


def query_tokens(init: ArrayLike, x: ArrayLike) -> Array:
    """Return the tokens (x, -W_0 x), shape (M, d + o), that ask for predictions at the rows of `x`, shape (M, d).

    Examples
    --------
    >>> query_tokens([[2.0]], [[3.0]])
    array([[ 3., -6.]])
    """
    W, x = as_array("init", init, ndim=2), as_array("x", x, ndim=2)
    if x.shape[1] != W.shape[1]:
        raise ValueError(f"x must have as many columns as init, {W.shape[1]}; got shape {x.shape}")
    return np.column_stack([x, -x @ W.T])
