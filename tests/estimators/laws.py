"""The checks of the laws: the mean against the exact one, rows against each other, outcomes against their probabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, OneHotCategorical, Poisson
from torch.nn.functional import one_hot

from gradverify.estimators import Estimator, MarkovProgram, NotApplicableError, Program
from gradverify.estimators.k_subset import KSubset
from gradverify.estimators.runs.exact import exact_moments

from .intervals import QUANTILE, smallest_visible, z_scores
from .programs import CASES, Case, applies, one_step, refuses, supports

__all__ = ["check_claim", "check_mean", "check_refusals", "first_coordinate", "fitted", "forward_law", "moved_rows", "rows_of"]

PILOT_SAMPLES = 5_000
MAX_SAMPLES = 500_000
FORWARD_SAMPLES = 30_000
TRAINING_STEPS = 25
MAX_BRANCHES = 2**14


def fitted(
    estimator: Estimator,
    program: Program,
    params: Tensor,
    *,
    num_samples: int = 1000,
    seed: int = 1,
    steps: int = TRAINING_STEPS,
) -> Estimator:
    """The estimator, learnt on a pilot of its own where it learns: in few steps, since no law asks how well."""
    if not hasattr(estimator, "fit"):
        return estimator
    if hasattr(estimator, "steps"):
        estimator = replace(estimator, steps=steps)  # type: ignore[type-var]
    pilot = torch.Generator(params.device).manual_seed(seed + 1000)
    learnt: Estimator = estimator.fit(program, params, num_samples=num_samples, generator=pilot)
    return learnt


def rows_of(estimator: Estimator, program: Program, params: Tensor, num_samples: int, seed: int = 1) -> Tensor:
    """Rows of an estimator as it is; one that learns is not fitted."""
    return estimator(program, params, num_samples, torch.Generator(params.device).manual_seed(seed))


def check_claim(estimator: Estimator, program: Program, params: Tensor, exact: Tensor) -> None:
    """Hold the mean against the exact one: to rounding where all its outcomes can be listed, else by `check_mean`."""
    learnt = fitted(estimator, program, params)
    try:
        mean, _ = exact_moments(learnt, program, params, MAX_BRANCHES)
    except NotApplicableError:
        check_mean(learnt, program, params, exact)
        return
    torch.testing.assert_close(mean, exact, rtol=0, atol=1e-10 * float(1 + exact.abs().max()))


def check_mean(estimator: Estimator, program: Program, params: Tensor, exact: Tensor, *, visible: float = 0.1) -> None:
    """Hold the mean against the exact one, with rows enough to see an error of `visible` times its largest coordinate.

    The false-fail rate is that of normal means. Weights without replacement have at two kept outcomes a tail of index three,
    so theirs is larger: of 2,400 z-scores at other seeds the largest was 4.3, where normal ones reach 3.5.
    """
    error = visible * exact.abs().max()
    pilot = smallest_visible(rows_of(estimator, program, params, PILOT_SAMPLES, seed=1)).max()
    num_samples = max(PILOT_SAMPLES, int(1.2 * PILOT_SAMPLES * (pilot / error) ** 2))
    assert num_samples <= MAX_SAMPLES, f"too noisy: {num_samples} rows would be needed"
    rows = rows_of(estimator, program, params, num_samples, seed=2)
    assert (smallest_visible(rows) <= error).all(), "noisier than its pilot run"
    scores = z_scores(rows, exact)
    assert (scores < QUANTILE).all(), f"mean {rows.mean(0).tolist()} for {exact.tolist()}: {scores.tolist()} standard errors"


def check_refusals(estimator: Estimator) -> None:
    """Among the cases whose sites it supports it refuses none, every chained program, or every program that is not Markov."""
    possible = {case for case in CASES if supports(estimator, case)}
    refused = {case for case in possible if refuses(estimator, case)}
    chained = {case for case in possible if case.chained}
    plain = {case for case in possible if not isinstance(case.program, MarkovProgram)}
    assert refused in (set(), chained, plain), f"refused: {sorted(case.name for case in refused)}"
    assert len(possible - refused) >= 2, "fewer than two cases are left to test it on"
    assert refused == {case for case in possible if not applies(estimator, case)}, "the laws run on other cases"


def moved_rows(estimator: Estimator, case: Case, num_samples: int = 16) -> set[int]:
    """Rows that change when row 0's objective grows a thousandfold, or minus so: at the first seed at which any row does.

    Both signs, since a rule that takes the largest of something may be at its end in one direction already. One that learns
    is not fitted: its fit would see the louder program.
    """
    for seed in range(50):
        before = rows_of(estimator, case.program, case.point(), num_samples, seed)
        for scale in (1e3, -1e3):
            after = rows_of(estimator, _scaled_first_row(case.program, scale), case.point(), num_samples, seed)
            moved = set((before != after).reshape(num_samples, -1).any(1).nonzero().flatten().tolist())
            if moved:
                return moved
    raise AssertionError("no row moves at 50 seeds")


def _scaled_first_row(program: Program, scale: float) -> Program:
    def scaled(objective: Tensor) -> Tensor:
        return objective * torch.ones_like(objective).index_fill(0, torch.tensor([0]), scale)

    if isinstance(program, MarkovProgram):
        return replace(program, objective=lambda state: scaled(program.objective(state)))
    return lambda params, sample: scaled(program(params, sample))


def _site(site: Any, params: Tensor) -> Distribution:
    """A distribution of the given type at every row of ``[rows, 3]``."""
    if site is KSubset:
        return KSubset(params, 2)
    distribution: Distribution = site(params.exp()) if site is Poisson else site(logits=params)
    return distribution


def first_coordinate(site: type[Distribution]) -> Program:
    """A program of one site of the given type, well formed for a parameter of three coordinates."""
    return one_step(lambda params: _site(site, params), lambda value: value if value.dim() == 1 else value[:, 0])


def forward_law(estimator: Estimator, site: type[Distribution], params: Tensor) -> tuple[Tensor, Tensor]:
    """Category indicators of the first full evaluation's rows, and the probabilities that they should have.

    Some estimators look at a program's structure on a few rows first, and some force outcomes in further runs.
    """
    probabilities = torch.sigmoid(params) if site is Bernoulli else params.softmax(0)
    if site is KSubset:
        probabilities = (-params.flip(0)).softmax(0)
    found: list[Tensor] = []

    def score(value: Tensor) -> Tensor:
        seen = value.detach()
        if site is Bernoulli:
            found.append((seen > 0.5).double())
        elif site is OneHotCategorical:
            found.append(one_hot(seen.argmax(-1), 3).double())
        elif site is KSubset:
            # Two of three in lexicographic order: the later the item that is left out, the earlier the subset.
            found.append(one_hot(2 - seen.argmin(-1), 3).double())
        else:
            found.append(one_hot(seen.round().long(), 3).double())
        return value if value.dim() == 1 else value.square().sum(-1)

    rows_of(estimator, one_step(lambda rows: _site(site, rows), score), params, FORWARD_SAMPLES, 3)
    return next(each[:FORWARD_SAMPLES] for each in found if len(each) >= FORWARD_SAMPLES), probabilities
