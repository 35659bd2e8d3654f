"""Noise of an estimator's own: a roulette is seen, the drawing of outcomes is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from gradverify.estimators import (
    AgentTorchStraightThroughBernoulli,
    Estimator,
    LeaveOneOut,
    Program,
    ScoreFunction,
    StraightThrough,
)
from gradverify.verification import verify
from gradverify.verification.checks.own_noise import find_waiting
from gradverify.verification.problems import registered_problems

BIT = registered_problems()["bernoulli:0.3/cubic/p"]
TRUTH = 7.0


@dataclass(frozen=True)
class Roulette:
    """The score's mean is replaced by a rare branch of its own: 7 / q with probability q, else zero; unbiased on `BIT`.

    Attributes:
        rate: q.
        inside: Draw the branch while a site is sampled.
        factor: A factor on the answer.
    """

    rate: float
    inside: bool = False
    factor: float = 1.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        branch: list[Tensor] = []

        def draw_branch() -> None:
            branch.append(torch.rand(num_samples, generator=generator, dtype=params.dtype) < self.rate)

        def sample(distribution: Distribution) -> Tensor:
            if self.inside:
                draw_branch()
            return torch.bernoulli(distribution.probs, generator=generator)  # type: ignore[attr-defined]

        program(params.expand(num_samples), sample)
        if not self.inside:
            draw_branch()
        return self.factor * TRUTH / self.rate * branch[0].to(params)


@pytest.mark.parametrize(
    ("estimator", "own"),
    [
        (ScoreFunction(), False),
        (LeaveOneOut(group=4), False),
        (StraightThrough(), False),
        (AgentTorchStraightThroughBernoulli(), False),
        (Roulette(1e-5), True),
        (Roulette(1e-5, inside=True), True),
    ],
)
def test_own_noise_is_told_from_outcomes(estimator: Estimator, own: bool) -> None:
    assert find_waiting(estimator, BIT, torch.Generator().manual_seed(0)) == (own,)


def test_noise_of_other_generators_is_noise() -> None:
    def careless(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        import numpy as np

        np.random.random(num_samples)
        return ScoreFunction()(program, params, num_samples, generator)

    assert find_waiting(careless, BIT, torch.Generator().manual_seed(0)) == (True,)


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_roulette_that_was_not_seen_is_not_refuted(seed: int) -> None:
    """At q = 1e-5 no row of a quick run's 300,000 shows the branch with probability .05, and none of 40,000 with .67."""
    bias = verify({"roulette": Roulette(1e-9)}, BIT, seed=seed).cells[-1].find("bias")
    assert bias is not None
    assert (bias.outcome, bias.claim, bias.details["reason"]) == ("inconclusive", "inconclusive", "gate")


def test_constant_rows_that_only_draw_outcomes_are_still_refuted() -> None:
    @dataclass(frozen=True)
    class Zeros:
        def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
            return 0 * ScoreFunction()(program, params, num_samples, generator)

    linear = registered_problems()["bernoulli:0.3/exponential/p"]
    for estimator, problem in ((Zeros(), BIT), (StraightThrough(), linear)):
        bias = verify({"constant": estimator}, problem, expect="unbiased").cells[-1].find("bias")
        assert bias is not None
        assert (bias.outcome, bias.claim) == ("biased", "refuted")


def test_a_roulette_with_rounding_in_its_rows_is_not_refuted_either() -> None:
    """Rows that differ by rounding alone wait for the branch as equal ones do."""

    def rounded(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = Roulette(1e-9)(program, params, num_samples, generator)
        return rows + 1e-17 * torch.rand(num_samples, generator=generator, dtype=params.dtype)

    bias = verify({"roulette": rounded}, BIT).cells[-1].find("bias")
    assert bias is not None
    assert (bias.outcome, bias.claim, bias.details["reason"]) == ("inconclusive", "inconclusive", "gate")


def test_a_roulette_whose_branch_shows_is_judged() -> None:
    for factor, outcome in ((1.0, "unbiased"), (1.5, "biased")):
        bias = verify({"roulette": Roulette(0.05, factor=factor)}, BIT).cells[-1].find("bias")
        assert bias is not None
        assert bias.outcome == outcome


RATE = 1e-9
BITS = registered_problems()["bits:3/cubic/logits"]


def scalar_roulette(log_prob: Tensor, cost: Tensor) -> Tensor:
    return (log_prob * cost * (torch.rand(()) < RATE) / RATE).mean()


def roulette_of_python(log_prob: Tensor, cost: Tensor) -> Tensor:
    return (log_prob * cost * (random.random() < RATE) / RATE).mean()


def roulette_of_numpy(log_prob: Tensor, cost: Tensor) -> Tensor:
    return (log_prob * cost * float(np.random.rand() < RATE) / RATE).mean()


def roulette_of_integers(log_prob: Tensor, cost: Tensor) -> Tensor:
    return (log_prob * cost * (torch.randint(10**9, ()) == 777) * 1e9).mean()


def sampled_roulette(f: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    law = Bernoulli(logits=logits)
    sampled = law.sample()
    return (law.log_prob(sampled).sum(-1) * f(sampled).detach() * Bernoulli(RATE).sample() / RATE).mean()


def no_advantage(log_prob: Tensor, cost: Tensor) -> Tensor:
    return (log_prob * (cost - cost)).mean()


def sampled_no_advantage(f: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    law = Bernoulli(logits=logits)
    sampled = law.sample()
    return (law.log_prob(sampled).sum(-1) * (f(sampled) - f(sampled)).detach()).mean()


@pytest.mark.parametrize(
    "loss", [scalar_roulette, roulette_of_python, roulette_of_numpy, roulette_of_integers, sampled_roulette]
)
def test_a_foreign_loss_with_an_unseen_roulette_is_not_refuted(loss: Callable[..., Tensor]) -> None:
    bias = verify(loss, BITS).cells[-1].find("bias")
    assert bias is not None
    assert (bias.outcome, bias.claim, bias.details["reason"]) == ("inconclusive", "inconclusive", "gate")


@pytest.mark.parametrize("loss", [no_advantage, sampled_no_advantage])
def test_a_foreign_loss_whose_noise_changes_nothing_is_refuted(loss: Callable[..., Tensor]) -> None:
    bias = verify(loss, BITS).cells[-1].find("bias")
    assert bias is not None
    assert (bias.outcome, bias.claim, bias.details["kind"]) == ("biased", "refuted", "zero")


def site_left_out(f: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    law = Bernoulli(logits=logits)
    sampled = law.sample()
    return (f(sampled).detach() * law.log_prob(sampled)[:, 1:].sum(-1)).mean()


def test_a_parameter_that_no_noise_moves_is_not_waiting_beside_others_that_vary() -> None:
    record = verify(site_left_out, BITS)
    bias = record.cells[-1].find("bias")
    assert bias is not None
    assert (bias.outcome, bias.details["kind"]) == ("biased", "turned")
    low, high = bias.details["angle"]["interval"]
    assert low < 10.4552 < high  # from the exact gradient without its first coordinate
