"""Problems: the contract that a program is held to before anything is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, OneHotCategorical

from gradverify.estimators import Program, Sample
from gradverify.verification import verify
from gradverify.verification.problems import Problem, ProblemError, find_problems, hold_to_rows, probe, registered_problems

from ..targets import programs
from ..targets.programs import FAIR, cubic, scalar

TARGETS = programs.__file__


BUILT: dict[str, Problem] = registered_problems()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params": torch.tensor(float("nan"))}, "expected finite numbers"),
        ({"params": torch.tensor(float("inf"))}, "expected finite numbers"),
        ({"params": torch.tensor(3)}, "expected a floating tensor"),
        ({"params": 0.5}, "expected a floating tensor"),
        ({"exact": torch.zeros(2)}, r"exact has shape \(2,\), params \(\); they must agree"),
        ({"reference": "oracle"}, "expected 'likelihood ratio' or 'finite difference'"),
    ],
)
def test_an_unusable_problem_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProblemError, match=f"problem 'mine': .*{said}"):
        Problem(**{"name": "mine", "program": cubic, "params": scalar(0.5), **changes})


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("shapeless", r"the program returned \(\) for 8 rows; expected a tensor of shape \(8,\)"),
        ("raising", "its program failed on 8 rows: ZeroDivisionError: no rows to spare"),
        ("improbable", r"site 0 \(Bernoulli\) has probabilities from -?[\d.]+ to 1.5; they must lie in \[0, 1\]"),
        ("continuous", "Normal"),
    ],
)
def test_a_program_that_breaks_its_contract_is_refused_by_name(factory: str, said: str) -> None:
    (problem,) = find_problems([f"{TARGETS}:{factory}"], quick=True)
    with pytest.raises(ProblemError, match=f"problem '{factory}': .*{said}"):
        probe(problem)


def test_a_program_without_samples_or_with_an_infinite_objective_is_refused() -> None:
    with pytest.raises(ProblemError, match="sampled nothing; call sample"):
        probe(replace(FAIR, program=lambda params, sample: params))
    with pytest.raises(ProblemError, match="objective is not finite"):
        probe(replace(FAIR, program=lambda params, sample: cubic(params, sample) / 0))


def test_probe_counts_sites_and_elements() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        table = sample(OneHotCategorical(logits=params.reshape(-1, 1, 1).expand(-1, 2, 3)))
        return table.sum((1, 2)) + sample(Bernoulli(logits=params))

    seen = probe(Problem(name="two", program=program, params=scalar(0.1)))
    assert (seen.num_sites, seen.elements, seen.categories) == (2, 3, 8)


def by_place(params: Tensor, sample: Sample) -> Tensor:
    """Its objective knows which row it is."""
    bit = sample(Bernoulli(params))
    return bit * (1 + torch.arange(len(bit)) % 2)


def remembering() -> Program:
    """It asks for one more sample at each call."""
    calls: list[int] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        calls.append(1)
        return sum((sample(Bernoulli(params)) for _ in calls), torch.zeros_like(params))

    return program


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            lambda params, sample: cubic(params, sample) - cubic(params, sample).mean(),
            "its rows depend on each other",
        ),
        (by_place, "its rows depend on each other"),
        (lambda params, sample: cubic(params, sample) + torch.rand_like(params), "random state or a memory of its own"),
        (remembering(), "random state or a memory of its own"),
    ],
    ids=["batch mean", "place", "hidden noise", "memory"],
)
def test_a_program_whose_rows_are_not_runs_of_their_own_is_refused(program: Program, said: str) -> None:
    """Else sound estimators would be accused of what the program does."""
    with pytest.raises(ProblemError, match=f"problem 'mine': .*{said}"):
        verify("leave_one_out", Problem(name="mine", program=program, params=scalar(0.3)))


@pytest.mark.parametrize("name", sorted(BUILT))
def test_every_registered_problems_rows_are_runs_of_their_own(name: str) -> None:
    hold_to_rows(BUILT[name])


def test_rows_that_all_draw_alike_have_nothing_to_exchange() -> None:
    hold_to_rows(Problem(name="certain", program=cubic, params=scalar(1.0)))
