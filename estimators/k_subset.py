"""Subsets of fixed size: their distribution, by elementary symmetric polynomials."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

__all__ = ["KSubset"]

_IMPOSSIBLE = -1e30
"""The logarithm of zero, finite: ``logaddexp`` of two infinities has no derivative."""


class KSubset(Distribution):
    """n independent bits given that k of them are one: subsets of size k, ``p(z) ~ exp(theta z)``.

    The sums over subsets are elementary symmetric polynomials, by dynamic programming in O(n k), in logarithms.

    Args:
        logits: theta, ``[*batch, n]``.
        k: The size of the subsets, from 0 to n.
        validate_args: As for every distribution.

    Raises:
        ValueError: k is negative or larger than n.

    Example:
        >>> KSubset(torch.zeros(4), 1).marginals()
        tensor([0.2500, 0.2500, 0.2500, 0.2500])

    References:
        Ahmed, Zeng, Niepert and Van den Broeck (2022), SIMPLE, arXiv 2210.01941.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real_vector}
    support = constraints.independent(constraints.boolean, 1)
    has_enumerate_support = True

    def __init__(self, logits: Tensor, k: int, validate_args: bool | None = None) -> None:
        if not 0 <= k <= logits.shape[-1]:
            raise ValueError(f"KSubset: k={k} for {logits.shape[-1]} items; expected 0 <= k <= {logits.shape[-1]}")
        self.logits = logits
        self.k = k
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ``theta z - log e_k(exp theta)``, minus infinity for other sizes."""
        possible = value.sum(-1) == self.k
        return torch.where(possible, (self.logits * value).sum(-1) - self.log_normalizer(), -torch.inf)

    def log_normalizer(self) -> Tensor:
        """Return ``log sum_{|S| = k} exp(sum_S theta)``, ``[*batch]``."""
        return _log_sums(self.logits, self.k)[0][..., self.k]

    def marginals(self) -> Tensor:
        """Return ``P(z_i = 1)``, ``[*batch, n]``, connected to the logits; their Jacobian is the covariance of z."""
        if self.k == 0:
            return torch.zeros_like(self.logits) * self.logits
        after = _log_sums(self.logits, self.k)
        before = _log_sums(self.logits.flip(-1), self.k)[::-1]
        total = after[0][..., self.k]
        marginals = []
        for i, logit in enumerate(self.logits.unbind(-1)):
            # Subsets of size k - 1 of the other items: j of those before, the rest of those after.
            without = torch.logsumexp(before[i][..., : self.k] + after[i + 1][..., : self.k].flip(-1), dim=-1)
            marginals.append((logit + without - total).exp())
        return torch.stack(marginals, dim=-1)

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """Draw subsets from the global generator."""
        shape = self._extended_shape(torch.Size(sample_shape))
        with torch.no_grad():
            return self.sequential(lambda probs: torch.rand_like(probs) < probs, shape)

    def sequential(self, decide: Callable[[Tensor], Tensor], shape: torch.Size | None = None) -> Tensor:
        """Draw one subset item by item, handing out the probability of each item given those before it.

        Args:
            decide: A function from probabilities to a boolean tensor of their shape.
            shape: The shape of the result; its last dimensions are the distribution's own.

        Returns:
            Zeros and ones in the logits' type, ``[*batch, n]`` or ``shape``.
        """
        logits = self.logits.detach().expand(self.logits.shape if shape is None else shape)
        after = _log_sums(logits, self.k)
        left = torch.full(logits.shape[:-1], self.k, device=logits.device)
        items = []
        for i in range(logits.shape[-1]):
            column = left.unsqueeze(-1)
            total = after[i].gather(-1, column).squeeze(-1)
            taken = after[i + 1].gather(-1, (column - 1).clamp_min(0)).squeeze(-1) + logits[..., i]
            chance = torch.where(left > 0, (taken - total).exp().clamp(max=1), 0.0)
            items.append(decide(chance).bool())
            left = left - items[-1].long()
        return torch.stack(items, dim=-1).to(logits.dtype)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all subsets, ``[C(n, k), *batch, n]`` (batch dimensions of one without ``expand``)."""
        table = self.subsets()
        table = table.reshape(len(table), *(1 for _ in self.batch_shape), -1)
        return table.expand(-1, *self.batch_shape, -1) if expand else table

    def subsets(self) -> Tensor:
        """Return all subsets, ``[C(n, k), n]``, in lexicographic order of their items."""
        count = self.logits.shape[-1]
        subsets = list(itertools.combinations(range(count), self.k))
        table = torch.zeros(len(subsets), count, dtype=self.logits.dtype, device=self.logits.device)
        return table.scatter_(1, torch.tensor(subsets, device=table.device), 1.0) if self.k else table


def _log_sums(logits: Tensor, k: int) -> list[Tensor]:
    """Return for i = 0 .. n the log symmetric polynomials of degree 0 .. k of items i .. n - 1, ``[*batch, k + 1]``."""
    sums = torch.full((*logits.shape[:-1], k + 1), _IMPOSSIBLE, dtype=logits.dtype, device=logits.device)
    sums[..., 0] = 0.0
    tables = [sums]
    for logit in reversed(logits.unbind(-1)):
        # With the item: one degree lower of the rest. The shifted table's degree 0 is impossible.
        taken = torch.nn.functional.pad(sums[..., :-1] + logit.unsqueeze(-1), (1, 0), value=_IMPOSSIBLE)
        sums = torch.logaddexp(sums, taken)
        tables.append(sums)
    return tables[::-1]
