"""Programs whose exact gradients are enumerated, and the z-test that compares replicates with an exact mean.

The objective is a cubic polynomial with interactions in scores of the samples, far from zero: linear, quadratic or
one-element objectives would hide second-order errors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators.protocol import Estimator, Program, Sample

FALSE_FAIL_RATE = 1e-6
"""The rate of one z-test over all coordinates of a gradient."""

LOGITS_2 = torch.tensor([[0.3, -0.4], [-2.2, 0.5], [0.9, 0.1]], dtype=torch.float64)
LOGITS_4 = torch.tensor([[0.2, -0.5, 1.1, -2.3], [-0.7, 0.6, 0.1, 0.4]], dtype=torch.float64)
BITS = torch.tensor([0.4, -2.3, 0.8], dtype=torch.float64)
"""Logits of both signs, some of them beyond 2."""

EXTREME = torch.tensor([[30.0, -30.0, 0.0, 1.0], [-30.0, 30.0, 30.0, -30.0]], dtype=torch.float64)
CERTAIN = torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64)
"""Logits and probabilities at which float32 has categories that are certain or impossible."""


def cubic(one_hot: Tensor) -> Tensor:
    """A cubic of one-hot samples ``[rows, D, K]``: curvature within an element, products across elements, an offset."""
    depth, categories = one_hot.shape[-2:]
    scores = torch.arange(1, depth * categories + 1, dtype=one_hot.dtype, device=one_hot.device).reshape(depth, categories)
    first = (one_hot * torch.sin(scores)).sum(-1)
    second = (one_hot * torch.cos(2 * scores)).sum(-1)
    return 3 + (first + 1.3).pow(3).sum(-1) + first.sum(-1) * second.sum(-1) + 0.7 * first.prod(-1) * second[..., 0]


def multilinear(one_hot: Tensor) -> Tensor:
    """Linear in each element, with products across elements."""
    depth, categories = one_hot.shape[-2:]
    scores = torch.arange(1, depth * categories + 1, dtype=one_hot.dtype, device=one_hot.device).reshape(depth, categories)
    first = (one_hot * torch.sin(scores)).sum(-1)
    return 3 + 1.5 * first.sum(-1) + 2 * first.prod(-1)


def one_hot_program(objective: Callable[[Tensor], Tensor] = cubic) -> Program:
    """One one-hot site of D elements, params its logits ``[D, K]``."""
    return lambda params, sample: objective(sample(OneHotCategorical(logits=params)))


def bit_program(objective: Callable[[Tensor], Tensor] = cubic) -> Program:
    """One site of D bits, params their logits ``[D]``, the objective of their one-hot form."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(logits=params))
        return objective(torch.stack((1 - bits, bits), -1))

    return program


def certain_bits(params: Tensor, sample: Sample) -> Tensor:
    """Bits of the given probabilities, 0 and 1 among them; params ``[D]``."""
    return sample(Bernoulli(params)).pow(3).sum(1)


def index_program(params: Tensor, sample: Sample) -> Tensor:
    """Three index sites, one after the other, each with logits that the last index moves; params ``[K]``."""
    state = torch.zeros_like(params[:, 0])
    total = state
    for _ in range(3):
        state = sample(Categorical(logits=params * (1 + 0.4 * state.unsqueeze(-1))))
        total = total + (state - 0.6) ** 3
    return 2 + total


def bit_chain(params: Tensor, sample: Sample) -> Tensor:
    """Three bits, each with a logit that the last bit moves, a cubic of their sum, and a direct part; params ``[2]``."""
    state = torch.zeros_like(params[:, 0])
    total = state
    for _ in range(3):
        state = sample(Bernoulli(logits=params[:, 0] + params[:, 1] * state))
        total = total + state
    return 2 + (total - 0.5) ** 3 + total * params[:, 1]


def outcomes(depth: int, categories: int) -> Tensor:
    """Every outcome as one-hot vectors, ``[K^D, D, K]``."""
    index = torch.tensor(list(itertools.product(range(categories), repeat=depth)))
    return torch.nn.functional.one_hot(index, categories).to(torch.float64)


def slopes(objective: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """The objective's derivative at points, ``[points, D, K]``."""
    leaf = points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(objective(leaf).sum(), leaf)
    return gradient


def weights(logits: Tensor, points: Tensor) -> Tensor:
    """Probability of each outcome under softmax of logits ``[D, K]``."""
    return (points * logits.softmax(-1)).sum(-1).prod(-1)


def jacobian(probabilities: Tensor, vector: Tensor) -> Tensor:
    """``J(p) v``, elementwise over leading dimensions."""
    return probabilities * (vector - (probabilities * vector).sum(-1, keepdim=True))


def average(weight: Tensor, values: Tensor) -> Tensor:
    """``sum_x P(x) v(x)`` over the leading dimension."""
    return torch.tensordot(weight, values, dims=1)


def true_gradient(objective: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    """The exact logit gradient ``sum_x P(x) f(x) (x - p)``."""
    points = outcomes(*logits.shape)
    scores = points - logits.softmax(-1)
    return average(weights(logits, points) * objective(points), scores)


def bit_logits(logits: Tensor) -> Tensor:
    """Bits as categories: logits ``[D, 2]`` of 0 and 1, whose second column has the bits' logit gradient."""
    return torch.stack((torch.zeros_like(logits), logits), -1)


def replicates(estimator: Estimator, program: Program, params: Tensor, rows: int, seed: int = 7) -> Tensor:
    """Rows of an estimator at a fixed seed."""
    return estimator(program, params, rows, torch.Generator().manual_seed(seed))


def z_scores(rows: Tensor, exact: Tensor) -> Tensor:
    """Studentised distance of the mean of rows from its exact value, per coordinate."""
    error = rows.std(0) / len(rows) ** 0.5
    # A coordinate that never varies has no error to divide by; it has to be right to rounding.
    return (rows.mean(0) - exact) / torch.where(error > 0, error, 1e-12 * (1 + exact.abs()))


def agrees(rows: Tensor, exact: Tensor) -> bool:
    """Return True if the mean of rows equals its exact value, at `FALSE_FAIL_RATE` over all coordinates (|z| < 5.6 at most)."""
    bound = -torch.special.ndtri(torch.tensor(FALSE_FAIL_RATE / 2 / exact.numel(), dtype=torch.float64))
    return bool((z_scores(rows.double(), exact).abs() < bound).all())


def power_of(rows: Tensor, discrepancy: Tensor) -> float:
    """The largest z that a discrepancy of the mean would shift to: beyond 8 it is missed less than once in a thousand."""
    return float(z_scores(rows, rows.mean(0) + discrepancy).abs().max())


def mean_of(rows: Tensor, logits: Tensor) -> Tensor:
    """The mean of what stands at every outcome, ``[K^D, D, K]``, under softmax of the logits ``[D, K]``."""
    return average(weights(logits, outcomes(*logits.shape)), rows)


def check_formula(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, estimator: Estimator, rows: Tensor, logits: Tensor
) -> None:
    """Hold the row of an estimator at every outcome against its formula, to rounding."""
    points = outcomes(*logits.shape)
    forced(monkeypatch, module, points.argmax(-1))
    torch.testing.assert_close(every_outcome(estimator, one_hot_program(), logits, points), rows, rtol=1e-10, atol=1e-11)


def check_extremes(estimator: Estimator, dtype: torch.dtype) -> None:
    """Hold rows at logits of +-30 and at certain bits to be finite and of the parameters' type."""
    check_finite(estimator, one_hot_program(), EXTREME.to(dtype))
    check_finite(estimator, certain_bits, CERTAIN.to(dtype))


def check_finite(estimator: Estimator, program: Program, params: Tensor) -> None:
    """Hold rows to be finite and of the parameters' type."""
    rows = replicates(estimator, program, params, 50)
    assert rows.dtype == params.dtype
    assert rows.isfinite().all()


def forced(monkeypatch: pytest.MonkeyPatch, module: ModuleType, index: Tensor) -> None:
    """Make a module draw the given outcomes, one a row, at every site."""
    monkeypatch.setattr(module, "draw", lambda site, generator: index)


def every_outcome(estimator: Estimator, program: Program, params: Tensor, points: Tensor) -> Tensor:
    """Rows of an estimator whose outcomes are forced, one row for each of ``points``."""
    return estimator(program, params, len(points), torch.Generator().manual_seed(3))
