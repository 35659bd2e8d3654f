"""Readings of a tensor of samples as one-hot vectors, indices, bits or counts, with the distance from the expected law."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BINOMIAL_TRIALS", "EVERY", "PROBABILITIES", "Reading", "describe_values", "read_samples"]

PROBABILITIES = (0.02, 0.8, 0.15, 0.03)
"""The law with which foreign samplers are probed: no two are equal, and its softmax is 0.39 away in total variation."""

BINOMIAL_TRIALS = 5
"""The number of trials of the binomial with which foreign samplers are probed."""

EVERY = ("Bernoulli", "Categorical", "OneHotCategorical", "Binomial", "Geometric", "Poisson")
"""The names of all sites; an index can stand for all of them except one-hot vectors."""

_ROUNDING = 1e-4


@dataclass(frozen=True)
class Reading:
    """One way to read a tensor of samples.

    Attributes:
        returns: The form of the samples: ``one-hot``, ``index`` or ``value``.
        sites: The names of the distributions whose samples they can be.
        relaxed: True if the samples lie between the points of the support; the nearest points are then compared.
        distance: The largest difference, or the total variation, between their law and the expected law.
    """

    returns: str
    sites: tuple[str, ...]
    relaxed: bool
    distance: float


def read_samples(samples: Tensor) -> Iterator[Reading]:
    """Yield every way to read samples that were drawn with `PROBABILITIES` in each row.

    Args:
        samples: The samples, ``[rows, K]``, ``[rows]`` or ``[rows, 1]``, of any type.
    """
    values = samples.detach().double()
    expected = torch.tensor(PROBABILITIES, dtype=torch.float64, device=values.device)
    count = len(expected)
    if values.dim() not in (1, 2) or not bool(torch.isfinite(values).all()):
        return
    if values.shape[1:] == (count,):
        yield from _read_vectors(values, expected)
    elif values.numel() == len(values) and _are_indices(values, count):
        frequency = torch.bincount(values.round().reshape(-1).long(), minlength=count) / len(values)
        sites = tuple(name for name in EVERY if name != "OneHotCategorical")
        yield Reading("index", sites, False, _variation(frequency, expected))


def describe_values(samples: Tensor) -> str:
    """Describe values that cannot be read as samples.

    Args:
        samples: The values, ``[rows, ...]``, of any type.

    Example:
        >>> describe_values(torch.tensor([[1, -1], [-1, -1]]))
        'the values -1 and 1'
        >>> describe_values(torch.tensor([0.5, 7.0, 2.5]))
        'values from 0.5 to 7'
    """
    values = samples.detach().double()
    if not bool(torch.isfinite(values).all()):
        return "values that are not finite"
    if bool((values == values[:1]).all()):
        return "the same values in every row"
    least, most = float(values.min()), float(values.max())
    few = bool(((values - least < _ROUNDING) | (most - values < _ROUNDING)).all())
    return f"the values {least:.4g} and {most:.4g}" if few else f"values from {least:.4g} to {most:.4g}"


def _are_indices(values: Tensor, count: int) -> bool:
    index = values.round()
    return bool((((values - index).abs() < _ROUNDING) & (index >= 0) & (index < count)).all())


def _read_vectors(values: Tensor, expected: Tensor) -> Iterator[Reading]:
    """Yield the ways to read vectors: one-hot vectors, bits or counts."""
    if bool((values == values[:1]).all()):  # every row is the same: these are probabilities, not samples
        return
    rounded = values.round()
    whole = bool(((values - rounded).abs() < _ROUNDING).all())
    simplex = bool((values > -_ROUNDING).all()) and bool(((values.sum(-1) - 1).abs() < _ROUNDING).all())
    if simplex:
        chosen = torch.bincount(values.argmax(-1), minlength=len(expected)) / len(values)
        yield Reading("one-hot", EVERY, not whole, _variation(chosen, expected))
    elif whole and bool((rounded >= 0).all()):
        yield from _read_counts(rounded, expected)
    elif bool(((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all()):
        ones = (values > 0.5).double().mean(0)
        yield Reading("value", ("Bernoulli",), True, float((ones - expected).abs().max()))


def _read_counts(values: Tensor, expected: Tensor) -> Iterator[Reading]:
    """Yield the ways to read whole numbers: bits, which never exceed one, or counts.

    The laws of counts are distinguished by their frequencies of zero and one.
    """
    zeros, ones = (values == 0).double().mean(0), (values == 1).double().mean(0)
    laws = {
        "Bernoulli": (1 - expected, expected),
        "Geometric": (expected, expected * (1 - expected)),
        "Binomial": (
            (1 - expected) ** BINOMIAL_TRIALS,
            BINOMIAL_TRIALS * expected * (1 - expected) ** (BINOMIAL_TRIALS - 1),
        ),
        "Poisson": ((-expected).exp(), expected * (-expected).exp()),
    }
    # If the law is wrong, only the range tells bits from counts: every count exceeds one in hundreds of the rows.
    for site in laws if bool((values > 1).any()) else ("Bernoulli",):
        none, one = laws[site]
        yield Reading("value", (site,), False, float(torch.maximum((zeros - none).abs(), (ones - one).abs()).max()))


def _variation(frequency: Tensor, expected: Tensor) -> float:
    return float((frequency - expected).abs().sum() / 2)
