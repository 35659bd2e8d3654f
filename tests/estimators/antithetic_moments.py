"""Two bits, the exact moments of the antithetic estimators on them, and the check of rows against exact moments."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import comb

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Sample

from .intervals import QUANTILE, smallest_visible, variance_z_score, z_scores

__all__ = ["LOGITS", "arm_moments", "arms_moments", "check_moments", "cubed", "probability", "two_bits"]

LOGITS = torch.tensor([0.4, -2.3], dtype=torch.float64)
"""Parameters of both signs, one beyond two."""


def objective(bits: Tensor) -> Tensor:
    """Far from zero, with an interaction; `two_bits` cubes it."""
    return bits[..., 0] + 2 * bits[..., 1] - 1.5 * bits[..., 0] * bits[..., 1] + 1


def two_bits(params: Tensor, sample: Sample) -> Tensor:
    return 3 + objective(sample(Bernoulli(logits=params))) ** 3


def probability(logits: Tensor) -> np.ndarray:
    return torch.sigmoid(logits).numpy()


def arm_moments(program_objective: Callable[[np.ndarray], np.ndarray], p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and variance of ARM's logit gradient: Gauss-Legendre between the uniforms at which a bit changes.

    Between them the estimate is a polynomial of degree one in each uniform, so three nodes integrate its square exactly.
    """
    nodes, weights = np.polynomial.legendre.leggauss(3)
    axes = []
    for each in p:
        edges = np.array(sorted({0.0, each, 1 - each, 1.0}))
        half = np.diff(edges)[:, None] / 2
        axes.append(((edges[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()))
    uniform = np.stack([grid.ravel() for grid in np.meshgrid(*(a[0] for a in axes), indexing="ij")], -1)
    weight = np.prod([grid.ravel() for grid in np.meshgrid(*(a[1] for a in axes), indexing="ij")], 0)
    gain = program_objective((uniform > 1 - p).astype(float)) - program_objective((uniform < p).astype(float))
    rows = gain[:, None] * (uniform - 0.5)
    mean = weight @ rows
    return mean, weight @ (rows - mean) ** 2


def copula_law(p: float, copies: int) -> np.ndarray:
    """Probability of every set of ones among n bits of the Dirichlet copula, by inclusion and exclusion.

    ``P(all of j given bits are ones) = max(0, 1 - j (1 - p^(1/(n-1))))^(n-1)`` for p < 1/2, and the mirror image else.
    """
    lesser = min(p, 1 - p)
    size = 1 - lesser ** (1 / (copies - 1))
    ones = [max(0.0, 1 - j * size) ** (copies - 1) for j in range(copies + 1)]
    law = np.zeros(2**copies)
    for number, bits in enumerate(itertools.product([0, 1], repeat=copies)):
        have = sum(bits) if p < 0.5 else copies - sum(bits)
        rest = copies - have
        law[number] = sum((-1) ** i * ones[have + i] * comb(rest, i) for i in range(rest + 1))
    return law


def arms_moments(
    program_objective: Callable[[np.ndarray], np.ndarray], p: np.ndarray, copies: int
) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and variance of ARMS' logit gradient: all sets of ones of all elements."""
    patterns = np.array(list(itertools.product([0.0, 1.0], repeat=copies)))
    laws = [copula_law(each, copies) for each in p]
    both = [sum(q for q, bits in zip(law, patterns, strict=True) if bits[0] == bits[1] == 1) for law in laws]
    numbers = list(itertools.product(range(len(patterns)), repeat=len(p)))
    weight = np.array([np.prod([law[i] for law, i in zip(laws, each, strict=True)]) for each in numbers])
    rows = []
    for each in numbers:
        bits = np.stack([patterns[i] for i in each], -1)
        values = program_objective(bits)
        scale = p * (1 - p) / (p - np.array(both))
        rows.append(((values - values.mean())[:, None] * (bits - p)).sum(0) * scale / (copies - 1))
    mean = weight @ np.array(rows)
    return mean, weight @ (np.array(rows) - mean) ** 2


def cubed(bits: np.ndarray) -> np.ndarray:
    return 3 + objective(torch.as_tensor(bits)).numpy() ** 3


def check_moments(rows: Tensor, mean: np.ndarray, variance: np.ndarray, *, visible: float) -> None:
    """Hold sample mean and variance against the exact ones; `visible` is the relative error that either would show."""
    exact = torch.as_tensor(mean)
    assert (smallest_visible(rows) < visible * exact.abs().max()).all()
    assert (z_scores(rows, exact) < QUANTILE).all()
    for column, each in zip(rows.unbind(1), variance, strict=True):
        distance, seen = variance_z_score(column, float(each), rounding=1e-12)
        assert distance < QUANTILE
        assert seen < visible
