"""Forced runs: every alternative of every element, on common uniforms, against enumeration."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.protocol import Estimator, Program, Sample
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.forced_runs import Alternatives, Propose, differentiate_forced, other_categories
from gradverify.estimators.sites.reading import Site

POINT = torch.tensor([0.5, -1.1, 0.3], dtype=torch.float64)


def branching(params: Tensor, sample: Sample) -> Tensor:
    """An index, two bits whose odds it moves, a bit without a gradient, and a derivative of its own."""
    index = sample(Categorical(logits=params))
    bits = sample(Bernoulli(logits=params[:, :2] * (index.unsqueeze(1) - 0.7)))
    coin = sample(Bernoulli(torch.full_like(params[:, 0], 0.3)))
    return 2 + (index + bits[:, 0] - 2 * bits[:, 1] * coin) ** 3 + params[:, 2] * bits[:, 0] + coin * index


def every_other(shift: int = 0, scale: float = 1.0) -> Propose:
    """The leave-one-out flow: every other category counts its probability; faults by what is shifted or scaled."""

    def propose(_: Distribution, site: Site, index: Tensor, leaf: Tensor, generator: torch.Generator) -> Alternatives:
        others = other_categories(index, torch.ones_like(site.probabilities(), dtype=torch.bool))
        probabilities = site.probabilities().expand(len(others), *site.shape, site.num_categories)
        counted = (others + shift) % site.num_categories
        term = probabilities.gather(-1, counted.unsqueeze(-1)).squeeze(-1)
        return Alternatives(others.bool() if site.num_categories == 2 else others, scale * term)

    return propose


def estimator_of(propose: Propose) -> Estimator:
    def estimator(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return differentiate_forced(propose, program, params, num_samples, generator)

    return estimator


def test_other_categories_leave_out_the_own_and_the_impossible() -> None:
    index = torch.tensor([0, 2, 1])
    possible = torch.tensor([[True, True, True], [True, True, True], [False, True, True]])
    assert other_categories(index, possible).tolist() == [[1, 0, 2], [2, 1, 1]]


def test_all_alternatives_together_are_unbiased() -> None:
    mean, variance = exact_moments(estimator_of(every_other()), branching, POINT)
    torch.testing.assert_close(mean, enumerate_paths(branching, POINT).gradient(), rtol=1e-10, atol=1e-10)
    assert (variance > 0).all()


def test_sites_without_a_gradient_are_not_forced() -> None:
    asked: list[str] = []

    def watching(distribution: Distribution, *given: object) -> Alternatives:
        asked.append(type(distribution).__name__)
        return every_other()(distribution, *given)  # type: ignore[arg-type]

    differentiate_forced(watching, branching, POINT, 3, torch.Generator().manual_seed(0))
    assert asked == ["Categorical", "Bernoulli"]


def test_an_elements_own_outcome_asks_for_nothing() -> None:
    """Alternatives that are the outcome itself have no gain, whatever later sites would draw."""

    def own(_: Distribution, site: Site, index: Tensor, leaf: Tensor, generator: torch.Generator) -> Alternatives:
        return Alternatives(index.unsqueeze(0), 100 * site.score_surrogate(index).unsqueeze(0))

    rows = differentiate_forced(own, branching, POINT, 50, torch.Generator().manual_seed(0))
    assert (rows[:, :2] == 0).all()
    assert set(rows[:, 2].tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "planted",
    [lambda: every_other(shift=1), lambda: every_other(scale=0.5)],
    ids=["another category's probability", "half the flow"],
)
def test_planted_terms_are_caught(planted: Callable[[], Propose]) -> None:
    mean, _ = exact_moments(estimator_of(planted()), branching, POINT)
    assert (mean - enumerate_paths(branching, POINT).gradient()).abs().max() > 0.1
