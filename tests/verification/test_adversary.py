"""Programs and estimators made to draw a confident wrong verdict; each once did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import LeaveOneOut, MarkovProgram, Program, Sample, ScoreFunction
from gradverify.verification import Problem, verify
from gradverify.verification.record.record import Check


@dataclass(frozen=True)
class Zeros:
    """No gradient at all, in numbers."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return params.new_zeros(num_samples, *params.shape)


@dataclass(frozen=True)
class LateNan:
    """Sound rows, but for one NaN at row 1,500 of a chunk."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = LeaveOneOut()(program, params, num_samples, generator)
        if num_samples > 1500:
            rows[1500] = torch.nan
        return rows


def bias_of(record_of: Callable[[], object]) -> Check:
    cell = next(each for each in record_of().cells if each.estimator != "references")  # type: ignore[attr-defined]
    found = cell.find("bias")
    assert found is not None
    return found


def tiny(params: Tensor, sample: Sample) -> Tensor:
    return 1e-8 * (3 * sample(Bernoulli(params)) - 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_small_gradient_is_not_rounding(dtype: torch.dtype) -> None:
    problem = Problem(name="tiny", program=tiny, params=torch.tensor(0.3, dtype=dtype))
    found = bias_of(lambda: verify(Zeros(), problem))
    assert (found.outcome, found.claim) == ("biased", "refuted")
    assert found.kind == "zero"
    assert found.relative_error is not None
    assert found.relative_error["estimate"] == pytest.approx(1.0, abs=1e-5)


def test_a_nan_after_the_verdict_still_fails_the_cell() -> None:
    found = bias_of(lambda: verify(LateNan(), "bernoulli:0.3/cubic", tolerance=0.9))
    assert (found.outcome, found.claim) == ("failed", "refuted")


def all_ones(params: Tensor, sample: Sample) -> Tensor:
    return sample(Bernoulli(params.unsqueeze(-1).expand(-1, 24))).prod(-1)


def test_rows_that_never_saw_a_joint_event_refute_nothing() -> None:
    exact = torch.tensor(24 * 0.5**23, dtype=torch.float64)
    problem = Problem(name="all ones", program=all_ones, params=torch.tensor(0.5, dtype=torch.float64), exact=exact)
    found = bias_of(lambda: verify(ScoreFunction(), problem))
    assert (found.outcome, found.claim) == ("inconclusive", "inconclusive")


def test_a_chain_whose_gradient_hangs_on_one_path_is_gated() -> None:
    steps = 12
    program = MarkovProgram(
        num_steps=steps,
        initial=torch.zeros_like,
        site=lambda params, state, k: Bernoulli(params),
        step=lambda state, value, k: state + value,
        objective=lambda state: state + 2.0**steps * (state == steps),
        states=torch.arange(steps + 1, dtype=torch.float64),
    )
    problem = Problem(name="one path", program=program, params=torch.tensor(0.5, dtype=torch.float64))
    for seed in range(3):
        found = bias_of(lambda seed=seed: verify(ScoreFunction(), problem, seed=seed))
        assert found.claim != "refuted", found


def test_an_insisted_bias_is_refuted_where_there_is_none() -> None:
    assert bias_of(lambda: verify("leave_one_out", "bernoulli:0.3/cubic", expect="biased")).claim == "refuted"
