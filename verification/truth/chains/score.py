"""Exact moments of score-function estimators on finite chains: the path's score carried with the state."""

from __future__ import annotations

import numpy as np

from .chain import Array, Chain, ChainError, ReplicateMoments, arrived, first_mass, moments_of

__all__ = ["leave_one_out_moments", "score_moments"]


def score_moments(chain: Chain, baseline: float | None = 0.0) -> ReplicateMoments:
    """Of the score function ``(f(X_n) - b) s``, s the sum of ``dlog P_k`` along the path.

    Carried are ``E[s^j 1{X = x}]``, j = 0, 1, 2. Cost: O(n S K).

    Args:
        chain: With a scalar parameter.
        baseline: b; None is ``E f``.

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
    mass, first, second = _carried(chain)
    centred = chain.objective - (chain.objective @ mass if baseline is None else baseline)
    return moments_of(centred @ first, centred**2 @ second)


def leave_one_out_moments(chain: Chain, group: int = 2) -> ReplicateMoments:
    r"""Of the mean of K score functions, each with the mean of the others' objectives as its baseline.

    With f centred and ``c = 1 / (K - 1)``, one term's second moment D and the mean C of the product of two terms are

    .. math::
        D = E[f^2 s^2] + c E f^2 E s^2, \qquad C = (1 + c^2) E[f s]^2 - 2 c E[f^2 s] E s + c^2 (K - 2) E f^2 (E s)^2,

    and the variance is ``D / K + (1 - 1 / K) C - E[f s]^2``. E s is zero but where the support moves with the parameter.

    Args:
        chain: With a scalar parameter.
        group: K, at least two.

    Raises:
        ChainError: K is below two.
    """
    if group < 2:
        raise ChainError(f"group={group}; leaving one out needs at least two")
    mass, first, second = _carried(chain)
    # Centred objectives give the same rows, and lose no digits where E f is large.
    f = chain.objective - chain.objective @ mass
    c, spread, slant = 1 / (group - 1), f**2 @ mass, first.sum()
    gradient = f @ first
    one = f**2 @ second + c * spread * second.sum()
    two = (1 + c**2) * gradient**2 - 2 * c * (f**2 @ first) * slant + c**2 * (group - 2) * spread * slant**2
    return moments_of(gradient, one / group + (1 - 1 / group) * two)


def _carried(chain: Chain) -> tuple[Array, Array, Array]:
    """``E[1{X = x}]``, ``E[s 1{X = x}]``, ``E[s^2 1{X = x}]`` after the last step, ``[S]`` each."""
    carried = np.zeros((3, chain.num_states))
    carried[0] = first_mass(chain)
    for each in chain.scalar().steps():
        positive = each.probability > 0
        score = np.where(positive, each.derivative / np.where(positive, each.probability, 1.0), 0.0)
        mass, first, second = carried[:, :, None] * each.probability
        carried = arrived(np.stack((mass, first + score * mass, second + score * (2 * first + score * mass))), each.successor)
    return carried[0], carried[1], carried[2]
