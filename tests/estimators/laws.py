"""What the laws check: the mean against the exact one, rows against each other, outcomes against their probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, OneHotCategorical, Poisson
from torch.nn.functional import one_hot

from gradverify.estimators import Estimator, MarkovProgram, Program, Sample

from .intervals import QUANTILE, smallest_visible, z_scores
from .programs import Case

__all__ = ["check_mean", "first_coordinate", "forward_law", "moved_rows", "rows_of"]

PILOT_SAMPLES = 20_000
MAX_SAMPLES = 500_000
FORWARD_SAMPLES = 50_000


def rows_of(estimator: Estimator, program: Program, params: Tensor, num_samples: int, seed: int = 1) -> Tensor:
    """Rows of an estimator, fitted first where it learns."""
    if hasattr(estimator, "fit"):
        pilot = torch.Generator(params.device).manual_seed(seed + 1000)
        estimator = estimator.fit(program, params, num_samples=1000, generator=pilot)
    return estimator(program, params, num_samples, torch.Generator(params.device).manual_seed(seed))


def check_mean(estimator: Estimator, program: Program, params: Tensor, exact: Tensor, *, visible: float = 0.1) -> None:
    """Hold the mean against the exact one, with rows enough to see an error of `visible` times its largest coordinate."""
    error = visible * exact.abs().max()
    pilot = smallest_visible(rows_of(estimator, program, params, PILOT_SAMPLES, seed=1)).max()
    num_samples = max(PILOT_SAMPLES, int(1.2 * PILOT_SAMPLES * (pilot / error) ** 2))
    assert num_samples <= MAX_SAMPLES, f"too noisy: {num_samples} rows would be needed"
    rows = rows_of(estimator, program, params, num_samples, seed=2)
    assert (smallest_visible(rows) <= error).all(), "noisier than its pilot run"
    scores = z_scores(rows, exact)
    assert (scores < QUANTILE).all(), f"mean {rows.mean(0).tolist()} for {exact.tolist()}: {scores.tolist()} standard errors"


def moved_rows(estimator: Estimator, case: Case, num_samples: int = 16) -> set[int]:
    """Rows that change when row 0's objective grows a thousandfold, at a seed where row 0's estimate is not zero."""
    louder = _loud_first_row(case.program)
    for seed in range(50):
        before = _plain_rows(estimator, case.program, case.point(), num_samples, seed)
        if (before[0] != 0).any():
            after = _plain_rows(estimator, louder, case.point(), num_samples, seed)
            return set((before != after).reshape(num_samples, -1).any(1).nonzero().flatten().tolist())
    raise AssertionError("row 0 is zero at 50 seeds")


def _plain_rows(estimator: Estimator, program: Program, params: Tensor, num_samples: int, seed: int) -> Tensor:
    """Rows without a fit, which would see the louder program."""
    return estimator(program, params, num_samples, torch.Generator().manual_seed(seed))


def _loud_first_row(program: Program) -> Program:
    def louder(objective: Tensor) -> Tensor:
        return objective * torch.ones_like(objective).index_fill(0, torch.tensor([0]), 1e3)

    if isinstance(program, MarkovProgram):
        return replace(program, objective=lambda state: louder(program.objective(state)))
    return lambda params, sample: louder(program(params, sample))


def _site(site: Any, params: Tensor) -> Distribution:
    """A distribution of the given type at every row of ``[rows, 3]``."""
    distribution: Distribution = site(params.exp()) if site is Poisson else site(logits=params)
    return distribution


def first_coordinate(site: type[Distribution]) -> Program:
    """A program of one site of the given type, well formed for a parameter of three coordinates."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        value = sample(_site(site, params))
        return value if value.dim() == 1 else value[:, 0]

    return program


def forward_law(estimator: Estimator, site: type[Distribution], params: Tensor) -> tuple[Tensor, Tensor]:
    """Category indicators of the first evaluation's rows, and the probabilities that they should have."""
    probabilities = torch.sigmoid(params) if site is Bernoulli else params.softmax(0)
    found: list[Tensor] = []

    def program(rows: Tensor, sample: Sample) -> Tensor:
        value = sample(_site(site, rows))
        seen = value.detach()
        if site is Bernoulli:
            found.append((seen > 0.5).double())
        elif site is OneHotCategorical:
            found.append(one_hot(seen.argmax(-1), 3).double())
        else:
            found.append(one_hot(seen.round().long(), 3).double())
        return value if value.dim() == 1 else value.square().sum(-1)

    _plain_rows(estimator, program, params, FORWARD_SAMPLES, 3)
    return found[0][:FORWARD_SAMPLES], probabilities
