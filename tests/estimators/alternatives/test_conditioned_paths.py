"""Conditioned paths: all mixtures of flows from one set of paths, forward and reverse mode alike."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import MarkovProgram, NotApplicableError
from gradverify.estimators.alternatives import conditioned_paths
from gradverify.estimators.alternatives.conditioned_paths import Shares, conditional_estimates
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.protocol import Estimator, Program
from gradverify.estimators.runs.exact import exact_moments

MIXTURES: list[Shares] = [
    {"leave_one_out": 1.0},
    {"upward": 1.0},
    {"leave_one_out": 0.6, "upward": 1.3, "downward": -0.9},
]


def climbing(vector: bool) -> MarkovProgram:
    """Bits that are rarer from high up; the parameter also stands in the start and in the objective's stake."""

    def read(params: Tensor) -> Tensor:
        return params[:, 0] if vector else params

    return MarkovProgram(
        num_steps=4,
        initial=lambda params: 0.3 * read(params),
        site=lambda params, state, k: Bernoulli(logits=read(params) - 0.4 * state),
        step=lambda state, value, k: state + value * (1 + k % 2),
        objective=lambda state: (state - 1.2) ** 3,
    )


def along(shares: Shares, limit: int = 8) -> Estimator:
    def estimator(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return conditional_estimates([shares], program, params, num_samples, limit, generator)[0]

    return estimator


@pytest.mark.parametrize("shares", MIXTURES)
@pytest.mark.parametrize("vector", [False, True])
def test_every_mixture_is_unbiased(shares: Shares, vector: bool) -> None:
    point = torch.tensor([0.7] if vector else 0.7, dtype=torch.float64)
    mean, _ = exact_moments(along(shares), climbing(vector), point)
    torch.testing.assert_close(mean, enumerate_paths(climbing(vector), point).gradient(), rtol=1e-10, atol=1e-10)


def test_forward_and_reverse_mode_give_the_same_rows() -> None:
    scalar, vector = torch.tensor(0.7, dtype=torch.float64), torch.tensor([0.7], dtype=torch.float64)
    forward = conditional_estimates(MIXTURES, climbing(False), scalar, 60, 8, torch.Generator().manual_seed(1))
    reverse = conditional_estimates(MIXTURES, climbing(True), vector, 60, 8, torch.Generator().manual_seed(1))
    for one, other in zip(forward, reverse, strict=True):
        torch.testing.assert_close(one, other[:, 0])


def test_mixtures_share_their_paths() -> None:
    """The third mixture is the same combination of the rows of its flows."""
    flows: list[Shares] = [{each: 1.0} for each in ("leave_one_out", "upward", "downward")]
    point = torch.tensor(0.7, dtype=torch.float64)
    several = conditional_estimates([*flows, MIXTURES[2]], climbing(False), point, 60, 8, torch.Generator().manual_seed(1))
    mixed = sum(share * rows for share, rows in zip(MIXTURES[2].values(), several[:3], strict=True))
    torch.testing.assert_close(several[3], mixed)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (lambda params, sample: params, "the program is a function; expected a MarkovProgram"),
        (
            MarkovProgram(1, lambda p: p, lambda p, s, k: Bernoulli(p[:, None].expand(-1, 2)), lambda s, v, k: s, lambda s: s),
            r"step 0 draws \(2,\) elements a row; expected one",
        ),
    ],
)
def test_other_programs_are_refused_by_name(program: Program, said: str) -> None:
    with pytest.raises(NotApplicableError, match=f"conditional triple: {said}"):
        conditional_estimates(MIXTURES, program, torch.tensor(0.5), 3, 4, torch.Generator())


@pytest.mark.parametrize("fault", ["first step dropped", "flow of one step too late"])
def test_planted_bugs_are_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = conditioned_paths._accumulate

    def faulty(shares: Shares, gains: Tensor, steps: list[conditioned_paths._Step]) -> Tensor:
        if fault == "first step dropped":
            value = gains
            for step in reversed(steps[1:]):
                _, value = step.moves.pull_back(value)
            return plain(shares, gains, steps) - plain(shares, value, steps[:1])
        rotated = [conditioned_paths._Step(late.mass, each.probabilities, each.index, each.moves) for each, late in
                   zip(steps, steps[1:] + steps[:1], strict=True)]  # fmt: skip
        return plain(shares, gains, rotated)

    monkeypatch.setattr(conditioned_paths, "_accumulate", faulty)
    point = torch.tensor(0.7, dtype=torch.float64)
    mean, _ = exact_moments(along(MIXTURES[0]), climbing(False), point)
    assert (mean - enumerate_paths(climbing(False), point).gradient()).abs().max() > 0.05
