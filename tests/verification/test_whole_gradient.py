"""Runs judged by the whole gradient: kinds, acceptance of a rescaled one, coordinates by themselves, large vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import LeaveOneOut
from gradverify.estimators.protocol import Program, Sample
from gradverify.verification import Problem, verify
from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import exit_status, render

from .targets import wrong

BITS = "bits:3/cubic"


@dataclass(frozen=True)
class Mixed:
    """A sound estimate times a matrix."""

    matrix: tuple[tuple[float, ...], ...]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = LeaveOneOut()(program, params, num_samples, generator)
        return rows @ torch.tensor(self.matrix, dtype=rows.dtype).T


def bias_of(record: Record) -> Check:
    check = record.cells[-1].find("bias")
    assert check is not None
    return check


def a_run(estimator: Any, problem: Any = BITS, **options: Any) -> Record:
    return verify({"mine": estimator}, problem, expect="unbiased", **options)


def test_a_rescaled_gradient_may_be_accepted() -> None:
    refused, accepted = a_run(wrong.Scaled(0.75)), a_run(wrong.Scaled(0.75), accept="rescaled")
    assert (bias_of(refused).kind, bias_of(refused).claim, exit_status(refused)) == ("rescaled", "refuted", 1)
    assert (bias_of(accepted).kind, bias_of(accepted).claim, exit_status(accepted)) == ("rescaled", "supported", 0)
    assert "1 warning" in render(accepted)


@pytest.mark.parametrize(("factor", "kind"), [(-1.0, "reversed"), (0.0, "zero")])
def test_another_sign_or_none_is_not_accepted(factor: float, kind: str) -> None:
    record = a_run(wrong.Scaled(factor), accept="rescaled")
    assert (bias_of(record).kind, exit_status(record)) == (kind, 1)


def test_a_turned_gradient_is_not_accepted() -> None:
    mixed = Mixed(((1.0, 0.5, 0.0), (-0.5, 1.0, 0.0), (0.0, 0.0, 1.0)))
    record = a_run(mixed, accept="rescaled")
    assert (bias_of(record).kind, exit_status(record)) == ("turned", 1)


def test_an_unknown_direction_decides_nothing() -> None:
    """Two thousand rows tell the length and not two degrees."""
    record = a_run(wrong.Scaled(0.5), accept="rescaled", max_angle=0.05)
    assert (bias_of(record).kind, bias_of(record).claim, exit_status(record)) == ("undetermined", "inconclusive", 3)


def test_one_parameter_has_no_direction_to_accept() -> None:
    with pytest.raises(ValueError, match="has one parameter"):
        a_run(wrong.Scaled(0.5), "bernoulli:0.3/cubic", accept="rescaled")


@pytest.mark.parametrize("option", [{"scale": "tensor"}, {"accept": "turned"}, {"max_angle": 0.0}, {"max_angle": 60.0}])
def test_options_out_of_range_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        a_run(wrong.Scaled(1.0), **option)


def small(params: Tensor, sample: Sample) -> Tensor:
    bits = sample(Bernoulli(torch.sigmoid(params)))
    return bits[..., 0] + 0.03 * bits[..., 1]


SMALL = Problem(name="small", program=small, params=torch.zeros(2, dtype=torch.float64))
FLIPPED = Mixed(((1.0, 0.0), (0.0, -1.0)))


def test_a_small_coordinate_is_warned_of_and_refuted_on_request() -> None:
    whole, alone = a_run(FLIPPED, SMALL), a_run(FLIPPED, SMALL, scale="coordinate")
    assert exit_status(whole) == 0
    assert "coordinate 1 by -2" in bias_of(whole).note
    assert "Warnings" in render(whole)
    assert (bias_of(alone).claim, exit_status(alone)) == ("refuted", 1)
    assert exit_status(a_run(LeaveOneOut(), SMALL, scale="coordinate", tolerance=0.2)) in (0, 3)


def test_the_record_is_the_same_for_any_number_of_workers() -> None:
    one = verify("straight_through", BITS, seed=3)
    two = verify("straight_through", BITS, seed=3, workers=2)
    figures = [json.loads(record.to_json())["cells"][-1]["checks"] for record in (one, two)]
    for checks in figures:
        for check in checks:
            check["timing"] = {}
    assert figures[0] == figures[1]
