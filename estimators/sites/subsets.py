"""Sites of subsets of fixed size: a categorical variable over a table of all subsets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor
from torch.distributions import Distribution

from ..errors import UnsupportedSiteError
from ..k_subset import KSubset
from .categorical import OneHotSite
from .counts import MAX_CATEGORIES

__all__ = ["SubsetSite", "subset_site"]


@dataclass(frozen=True, eq=False)
class SubsetSite(OneHotSite):
    """``KSubset``: the value is the k-hot vector, a row of the table; a one-hot site seen through that table.

    Attributes:
        table: The subsets, ``[K, n]``, K = n over k.
    """

    table: Tensor

    law: ClassVar[type[Distribution]] = KSubset

    def with_probs(self, probs: Tensor) -> Self:
        """Return the same subsets with other probabilities."""
        return type(self)(probs, self.table)

    def from_index(self, index: Tensor) -> Tensor:
        """Return the k-hot vector."""
        return self.table[index]

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """Return the average of the subsets with the given weights."""
        return one_hot @ self.table.to(one_hot.dtype)

    def nearest(self, value: Tensor) -> Tensor:
        """Return the subset that covers the most; all have one size, so it is the nearest."""
        return (value @ self.table.to(value.dtype).T).argmax(-1)


def subset_site(distribution: KSubset) -> SubsetSite:
    """Return the site of a distribution over subsets: ``p(S) = softmax over S of sum_S theta``.

    Args:
        distribution: A distribution of batch shape ``[rows, *batch]``.

    Returns:
        The site, its probabilities ``[rows, *batch, K]`` connected to the logits.

    Raises:
        UnsupportedSiteError: There are more than `MAX_CATEGORIES` subsets.

    Example:
        >>> import torch
        >>> site = subset_site(KSubset(torch.zeros(1, 3), 2))
        >>> site.from_index(torch.tensor([0]))
        tensor([[1., 1., 0.]])
    """
    count = math.comb(distribution.logits.shape[-1], distribution.k)
    if count > MAX_CATEGORIES:
        raise UnsupportedSiteError(
            f"a KSubset site of {distribution.k} out of {distribution.logits.shape[-1]} has {count:.3g} subsets, more than "
            f"{MAX_CATEGORIES}; use SIMPLE, which needs no table of them"
        )
    table = distribution.subsets()
    return SubsetSite((distribution.logits @ table.T).softmax(-1), table)
