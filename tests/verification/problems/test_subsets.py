"""Subset-valued sites in the forward law and as exact sites: values are told from their indices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import GumbelSoftmax, KSubset, Program, ScoreFunction, Simple, StraightThrough
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.tape import sampling
from gradverify.verification.attribution.exact_sites import with_exact_sites
from gradverify.verification.checks.forward_law import check_forward_law
from gradverify.verification.problems import find_problems
from gradverify.verification.truth.references import find_reference

(PROBLEM,) = find_problems(["subsets:4/cubic"], quick=False)
ALPHA = 1e-6
"""False-alarm rate of one check."""


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@dataclass(frozen=True)
class _Drawing:
    """An estimator that draws by a rule of its own, and returns nothing of use."""

    rule: Callable[[KSubset, torch.Generator], Tensor]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        program(params.expand(num_samples, -1), lambda distribution: self.rule(distribution, generator))  # type: ignore[arg-type]
        return params.expand(num_samples, -1)


def _independent(distribution: KSubset, generator: torch.Generator) -> Tensor:
    return sampling(len(distribution.logits), generator)(Bernoulli(distribution.marginals()))


def _uniform(distribution: KSubset, generator: torch.Generator) -> Tensor:
    return sampling(len(distribution.logits), generator)(KSubset(0 * distribution.logits, distribution.k))


@pytest.mark.parametrize("estimator", [ScoreFunction(), Simple(), StraightThrough()])
def test_drawn_subsets_have_their_law(estimator: object) -> None:
    found = check_forward_law(estimator, PROBLEM.program, PROBLEM.params, frozenset({KSubset}), seeded, ALPHA)  # type: ignore[arg-type]
    assert (found.outcome, found.num_samples) == ("pass", 4096)


@pytest.mark.parametrize(("rule", "said"), [(_independent, "outside the support"), (_uniform, "category")])
def test_planted_draws_of_another_law_are_found(rule: Callable[[KSubset, torch.Generator], Tensor], said: str) -> None:
    found = check_forward_law(_Drawing(rule), PROBLEM.program, PROBLEM.params, frozenset({KSubset}), seeded, ALPHA)
    assert found.outcome == "failed"
    assert said in found.note


def test_an_exact_subset_site_takes_the_bias_away() -> None:
    truth = torch.as_tensor(find_reference(PROBLEM, 0, 0.1).gradient)
    biased, _ = exact_moments(StraightThrough(), PROBLEM.program, PROBLEM.params)
    assert (biased - truth).abs().max() > 0.1
    mean, _ = exact_moments(StraightThrough(), with_exact_sites(PROBLEM.program, {0}), PROBLEM.params)
    torch.testing.assert_close(mean, truth, rtol=1e-10, atol=1e-10)


def test_relaxed_subsets_are_hardened_by_their_own_weights() -> None:
    """Gumbel-Softmax at an exact site, two-sided at 5 standard errors: false-fail rate 2e-6 at a fixed seed."""
    truth = torch.as_tensor(find_reference(PROBLEM, 0, 0.1).gradient)
    program = with_exact_sites(PROBLEM.program, {0}, baseline=1.0, relaxed=True)
    rows = GumbelSoftmax()(program, PROBLEM.params, 100_000, seeded(1))
    assert ((rows.mean(0) - truth).abs() < 5 * rows.std(0) / len(rows) ** 0.5).all()
