"""Dependence that a program of many outcomes hides from automatic differentiation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Program, Sample
from gradverify.verification import verify
from gradverify.verification.problems import Problem
from gradverify.verification.truth.hidden_dependence import hidden_share
from gradverify.verification.truth.likelihood_ratio import LIKELIHOOD_RATIO
from gradverify.verification.truth.references import find_reference

LOGITS = torch.linspace(-0.6, 0.8, 20, dtype=torch.float64)


def many(share: float, *, in_law: bool = False) -> Program:
    """Twenty bits, so a million paths; a factor or a part of the logits is detached."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        shift = share * params[:, :1].detach()
        bits = sample(Bernoulli(logits=params + shift if in_law else params, validate_args=False))
        return bits.sum(-1) * (1 if in_law else 1 + shift[:, 0])

    return program


def problem(program: Program, **fields: object) -> Problem:
    return Problem(name="many", program=program, params=LOGITS, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("in_law", [False, True])
def test_a_hidden_part_asks_in_a_program_of_many_outcomes(in_law: bool) -> None:
    reference = find_reference(problem(many(0.2, in_law=in_law)), 0, 0.1)
    assert reference.kind == LIKELIHOOD_RATIO
    assert reference.question.startswith("values detached at test_hidden_dependence.py:")


@pytest.mark.parametrize("in_law", [False, True])
def test_nothing_hidden_asks_nothing(in_law: bool) -> None:
    assert hidden_share(problem(many(0.0, in_law=in_law)), LOGITS.numpy()) == 0.0
    assert find_reference(problem(many(0.0, in_law=in_law)), 0, 0.1).question == ""


def test_the_stated_reading_decides() -> None:
    held = find_reference(problem(many(0.2), detached="hold"), 0, 0.1)
    assert (held.kind, held.reading[-17:], held.question) == (LIKELIHOOD_RATIO, "held at the point", "")
    through = find_reference(problem(many(0.2), detached="differentiate"), 0, 0.1)
    assert (through.kind, through.reading[-14:], through.question) == ("finite difference", "differentiated", "")


def test_the_question_decides_nothing() -> None:
    record = verify("leave_one_out", problem(many(0.2)))
    references, bias = record.cells[0].find("references"), record.cells[1].find("bias")
    assert references is not None
    assert bias is not None
    assert (references.claim, bias.outcome, bias.claim) == ("none", "inconclusive", "inconclusive")
