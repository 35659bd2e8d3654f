"""What a tensor of samples is: one-hot vectors, indices, bits or counts, and how far its law is from the one expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["EVERY", "PROBABILITIES", "TRIALS", "Reading", "readings", "seen"]

PROBABILITIES = (0.02, 0.8, 0.15, 0.03)
"""The law that foreign samplers are probed with: no two alike, and 0.39 (total variation) from its softmax."""

TRIALS = 5
"""Trials of the binomial that foreign samplers are probed with."""

EVERY = ("Bernoulli", "Categorical", "OneHotCategorical", "Binomial", "Geometric", "Poisson")
"""Every kind of site; an index stands for all but one-hot vectors."""

_ROUNDING = 1e-4


@dataclass(frozen=True)
class Reading:
    """One way to understand a tensor of samples.

    Attributes:
        returns: ``one-hot``, ``index`` or ``value``.
        sites: Names of the distributions that such samples stand for.
        relaxed: They lie between the support's points; what is nearest then has the law.
        distance: Largest difference, or total variation, between their law and the expected one.
    """

    returns: str
    sites: tuple[str, ...]
    relaxed: bool
    distance: float


def readings(samples: Tensor) -> Iterator[Reading]:
    """Every way to understand samples drawn with `PROBABILITIES` in each row.

    Args:
        samples: ``[rows, K]``, ``[rows]`` or ``[rows, 1]``, of any type.
    """
    values = samples.detach().double()
    expected = torch.tensor(PROBABILITIES, dtype=torch.float64, device=values.device)
    count = len(expected)
    if values.dim() not in (1, 2) or not bool(torch.isfinite(values).all()):
        return
    if values.shape[1:] == (count,):
        yield from _vectors(values, expected)
    elif values.numel() == len(values) and _indices(values, count):
        frequency = torch.bincount(values.round().reshape(-1).long(), minlength=count) / len(values)
        sites = tuple(each for each in EVERY if each != "OneHotCategorical")
        yield Reading("index", sites, False, _variation(frequency, expected))


def seen(samples: Tensor) -> str:
    """Values that are no samples, in words.

    Args:
        samples: ``[rows, ...]``, of any type.

    Example:
        >>> seen(torch.tensor([[1, -1], [-1, -1]]))
        'the values -1 and 1'
        >>> seen(torch.tensor([0.5, 7.0, 2.5]))
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


def _indices(values: Tensor, count: int) -> bool:
    index = values.round()
    return bool((((values - index).abs() < _ROUNDING) & (index >= 0) & (index < count)).all())


def _vectors(values: Tensor, expected: Tensor) -> Iterator[Reading]:
    if bool((values == values[:1]).all()):  # the same in every row: probabilities, no sample
        return
    rounded = values.round()
    whole = bool(((values - rounded).abs() < _ROUNDING).all())
    simplex = bool((values > -_ROUNDING).all()) and bool(((values.sum(-1) - 1).abs() < _ROUNDING).all())
    if simplex:
        chosen = torch.bincount(values.argmax(-1), minlength=len(expected)) / len(values)
        yield Reading("one-hot", EVERY, not whole, _variation(chosen, expected))
    elif whole and bool((rounded >= 0).all()):
        yield from _whole_numbers(rounded, expected)
    elif bool(((values >= -_ROUNDING) & (values <= 1 + _ROUNDING)).all()):
        ones = (values > 0.5).double().mean(0)
        yield Reading("value", ("Bernoulli",), True, float((ones - expected).abs().max()))


def _whole_numbers(values: Tensor, expected: Tensor) -> Iterator[Reading]:
    """Bits, which never pass one, or counts; these are told apart by how often they are zero and one."""
    zeros, ones = (values == 0).double().mean(0), (values == 1).double().mean(0)
    laws = {
        "Bernoulli": (1 - expected, expected),
        "Geometric": (expected, expected * (1 - expected)),
        "Binomial": ((1 - expected) ** TRIALS, TRIALS * expected * (1 - expected) ** (TRIALS - 1)),
        "Poisson": ((-expected).exp(), expected * (-expected).exp()),
    }
    # Of a wrong law only the range says what it is of: every count is two or more in hundreds of the rows.
    for site in laws if bool((values > 1).any()) else ("Bernoulli",):
        none, one = laws[site]
        yield Reading("value", (site,), False, float(torch.maximum((zeros - none).abs(), (ones - one).abs()).max()))


def _variation(frequency: Tensor, expected: Tensor) -> float:
    return float((frequency - expected).abs().sum() / 2)
