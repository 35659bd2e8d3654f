"""Rare joint events: found by forcing the ends of the objective, and gating estimator and reference separately."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Program, Sample
from gradverify.verification import verify
from gradverify.verification.problems import Problem
from gradverify.verification.truth.references import find_reference

BITS = 15
EVEN = torch.zeros(BITS, dtype=torch.float64)


def joint(params: Tensor, sample: Sample) -> Tensor:
    """``E f = 2^15 prod p``: one path of probability 3e-5 holds the gradient, one half in each logit."""
    return 2.0**BITS * sample(Bernoulli(logits=params, validate_args=False)).prod(-1)


def beside(params: Tensor, sample: Sample) -> Tensor:
    """A sum that varies in every row hides the path: no sample shows that something is missing."""
    bits = sample(Bernoulli(logits=params, validate_args=False))
    return bits.sum(-1) + 2.0**BITS * bits.prod(-1)


def ordinary(params: Tensor, sample: Sample) -> Tensor:
    return sample(Bernoulli(logits=params[:, :1].expand(-1, 24), validate_args=False)).sum(-1) ** 2


@pytest.mark.parametrize("program", [joint, beside])
def test_a_rare_joint_event_is_found_by_forcing_it(program: Program) -> None:
    reference = find_reference(Problem(name="rare", program=program, params=EVEN), 0, 0.1)
    assert (reference.kind, reference.gate_known) == ("likelihood ratio", False)
    assert reference.rarest == pytest.approx(2.0**-BITS)


def test_an_event_that_one_element_must_be_changed_for_is_climbed_to() -> None:
    """All bits but the third: no uniform path is it, and from all ones the objective rises towards it."""
    wanted = torch.ones(BITS, dtype=torch.float64)
    wanted[2] = 0

    def program(params: Tensor, sample: Sample) -> Tensor:
        return torch.exp(2.0 * (BITS - (sample(Bernoulli(logits=params, validate_args=False)) - wanted).abs().sum(-1)))

    assert find_reference(Problem(name="climb", program=program, params=EVEN), 0, 0.1).rarest < 1e-2


def test_an_ordinary_program_keeps_its_gate() -> None:
    assert find_reference(Problem(name="ordinary", program=ordinary, params=EVEN[:1]), 0, 0.1).rarest == pytest.approx(0.5)


def sums_ten_bits(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """A sound estimator for `joint`: ten bits are summed analytically, five are drawn and scored."""
    probs = params.sigmoid()
    drawn = (torch.rand(num_samples, 5, generator=generator, dtype=params.dtype) < probs[10:]).to(params)
    value = 2.0**BITS * probs[:10].prod() * drawn.prod(1)
    return value[:, None] * torch.cat(((1 - probs[:10]).expand(num_samples, -1), drawn - probs[10:]), 1)


@pytest.mark.parametrize("seed", range(6))
def test_a_reference_that_missed_its_event_accuses_nobody(seed: int) -> None:
    """It did at 6 of 18 seeds. The path needs 330,000 rows, more than the profile has, so nothing is decided."""
    bias = verify({"sound": sums_ten_bits}, Problem(name="rare", program=joint, params=EVEN), seed=seed).cells[-1].find("bias")
    assert bias is not None
    assert (bias.outcome, bias.claim, bias.details["reason"]) == ("inconclusive", "inconclusive", "gate")


def test_verdicts_hold_under_a_condition_while_the_gate_is_not_known() -> None:
    for rarest, ends in ((None, "matters (Problem(rarest=...) says so)"), (0.5, "")):
        problem = Problem(name="ordinary", program=ordinary, params=EVEN[:1], rarest=rarest)
        bias = verify("leave_one_out", problem).cells[-1].find("bias")
        assert bias is not None
        assert bias.outcome == "unbiased"
        assert bias.note.endswith(ends)
        assert bool(bias.note) == bool(ends)
