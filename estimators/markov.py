"""Markov programs: programs that expose their state, so that two runs can be seen to meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Distribution

from .protocol import Sample

__all__ = ["MarkovProgram"]


@dataclass(frozen=True, eq=False)
class MarkovProgram:
    """A program of the form: start, then draw and step n times, then score the last state.

    It is a plain program too: every estimator can run it. Estimators that carry an alternative state along, and the exact
    recursion on finite chains, use its parts.

    Attributes:
        num_steps: n.
        initial: params ``[rows, *param]`` -> state ``[rows, *state]``.
        site: (params, state, k) -> the distribution that step k draws from.
        step: (state, value, k) -> the next state.
        objective: state -> ``[rows]``.
        states: All values the state can take, ``[S]``, sorted, where it is one finite number a row; else None.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> coin = MarkovProgram(
        ...     num_steps=2,
        ...     initial=torch.zeros_like,
        ...     site=lambda params, state, k: Bernoulli(params),
        ...     step=lambda state, value, k: state + value,
        ...     objective=torch.square,
        ... )
        >>> coin(torch.ones(3), lambda distribution: distribution.sample())
        tensor([4., 4., 4.])
    """

    num_steps: int
    initial: Callable[[Tensor], Tensor]
    site: Callable[[Tensor, Tensor, int], Distribution]
    step: Callable[[Tensor, Tensor, int], Tensor]
    objective: Callable[[Tensor], Tensor]
    states: Tensor | None = None

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        """Run as a plain program."""
        state = self.initial(params)
        for k in range(self.num_steps):
            state = self.step(state, sample(self.site(params, state, k)), k)
        return self.objective(state)
