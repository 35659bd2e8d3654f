"""Exact moments of score-function estimators on finite chains: the recursion carries the path's score."""

from __future__ import annotations

import numpy as np

from .chain import Array, Chain, ChainError, ReplicateMoments, first_mass, make_moments, sum_arrivals

__all__ = ["leave_one_out_moments", "score_moments"]


def score_moments(chain: Chain, baseline: float | None = 0.0) -> ReplicateMoments:
    """Compute the moments of the score function ``(f(X_n) - b) s``, where s is the sum of ``dlog P_k`` along the path.

    The recursion carries ``E[s^j 1{X = x}]``, j = 0, 1, 2. Cost: O(n S K).

    Args:
        chain: A chain with a scalar parameter.
        baseline: The baseline b; None stands for ``E f``.

    Example:
        >>> import numpy as np
        >>> table = np.array([[[0.5, 0.5]] * 2])
        >>> coin = Chain(
        ...     num_steps=1,
        ...     start=0,
        ...     probability=table,
        ...     derivative=np.array([[[-1.0, 1.0]] * 2]),
        ...     successor=np.array([[[0, 1]] * 2]),
        ...     objective=np.array([0.0, 1.0]),
        ... )
        >>> score_moments(coin), score_moments(coin, baseline=0.5)
        (ReplicateMoments(mean=1.0, variance=1.0), ReplicateMoments(mean=1.0, variance=0.0))
    """
    mass, first, second = _carry_scores(chain)
    centred = chain.objective - (chain.objective @ mass if baseline is None else baseline)
    return make_moments(centred @ first, centred**2 @ second)


def leave_one_out_moments(chain: Chain, group: int = 2) -> ReplicateMoments:
    r"""Compute the moments of the mean of K score functions, each with the mean of the others' objectives as its baseline.

    With f centred and ``c = 1 / (K - 1)``, one term's second moment D and the mean C of the product of two terms are

    .. math::
        D = E[f^2 s^2] + c E f^2 E s^2, \qquad C = (1 + c^2) E[f s]^2 - 2 c E[f^2 s] E s + c^2 (K - 2) E f^2 (E s)^2,

    and the variance is ``D / K + (1 - 1 / K) C - E[f s]^2``. E s is zero unless the support moves with the parameter.

    Args:
        chain: A chain with a scalar parameter.
        group: The number K, at least two.

    Raises:
        ChainError: K is below two.
    """
    if group < 2:
        raise ChainError(f"group={group}; expected at least two, so that one can be left out")
    mass, first, second = _carry_scores(chain)
    # Centred objectives give the same rows, and lose no digits where E f is large.
    f = chain.objective - chain.objective @ mass
    c, spread, slant = 1 / (group - 1), f**2 @ mass, first.sum()
    gradient = f @ first
    one = f**2 @ second + c * spread * second.sum()
    two = (1 + c**2) * gradient**2 - 2 * c * (f**2 @ first) * slant + c**2 * (group - 2) * spread * slant**2
    return make_moments(gradient, one / group + (1 - 1 / group) * two)


def _carry_scores(chain: Chain) -> tuple[Array, Array, Array]:
    """Return ``E[1{X = x}]``, ``E[s 1{X = x}]`` and ``E[s^2 1{X = x}]`` after the last step, ``[S]`` each."""
    carried = np.zeros((3, chain.num_states))
    carried[0] = first_mass(chain)
    for each in chain.scalar().steps():
        positive = each.probability > 0
        score = np.where(positive, each.derivative / np.where(positive, each.probability, 1.0), 0.0)
        mass, first, second = carried[:, :, None] * each.probability
        carried = sum_arrivals(
            np.stack((mass, first + score * mass, second + score * (2 * first + score * mass))), each.successor
        )
    return carried[0], carried[1], carried[2]
