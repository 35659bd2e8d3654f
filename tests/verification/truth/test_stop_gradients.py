"""Dependence that a program hides from automatic differentiation: found without noise, asked about, and read as stated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Sample
from gradverify.verification import Record, verify
from gradverify.verification.problems import Problem, ProblemError
from gradverify.verification.report.overview import exit_status
from gradverify.verification.truth.detaches import find_detaches
from gradverify.verification.truth.references import find_reference

from ..targets.programs import scalar

P = 0.3


def detaching(share: float, **fields: object) -> Problem:
    """``E f = p + c p^2`` with one p detached: held, the derivative is ``1 + c p``; differentiated, ``1 + 2 c p``."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(params, validate_args=False)) * (1 + share * params.detach())

    return Problem(name="detaching", program=program, params=scalar(P), **fields)  # type: ignore[arg-type]


def coefficient(carried: float) -> float:
    """Return the c at which the detached factor carries a share of the whole derivative, ``c p / (1 + 2 c p)``."""
    return carried / (P * (1 - 2 * carried))


def outcomes(record: Record) -> tuple[tuple[str, str], tuple[str, str]]:
    checks = record.cells[0].find("references"), record.cells[1].find("bias")
    first, second = ((check.outcome, check.claim) for check in checks if check is not None)
    return first, second


@pytest.mark.parametrize("carried", [0.001, 0.1, 0.3, 0.45])
def test_a_hidden_dependence_asks_which_gradient_is_meant(carried: float) -> None:
    """No sampling error hides it: a thousandth of the gradient is enough."""
    reference = find_reference(detaching(coefficient(carried)), 0, 0.1)
    assert reference.question.startswith("values detached at test_stop_gradients.py:")
    assert f" carry {100 * carried:.3g} % of the mean's gradient; state which gradient is meant" in reference.question
    assert reference.reading == ""


def test_the_question_refutes_nothing() -> None:
    record = verify("score_function", detaching(coefficient(0.45)))
    assert outcomes(record) == (("inconclusive", "none"), ("inconclusive", "inconclusive"))
    bias = record.cells[1].find("bias")
    assert bias is not None
    assert "detached='differentiate'" in bias.note
    assert exit_status(record) == 3


@pytest.mark.parametrize(("detached", "gradient"), [("hold", 1 + 2 * P), ("differentiate", 1 + 4 * P)])
def test_a_stated_reading_decides(detached: str, gradient: float) -> None:
    for problem, option in ((detaching(2.0, detached=detached), None), (detaching(2.0), detached)):
        record = verify("score_function", problem, detached=option)
        references, bias = outcomes(record)
        assert references == ("agree", "supported")
        assert bias == (("unbiased", "supported") if detached == "hold" else ("biased", "refuted"))
        note = record.cells[1].find("bias").note  # type: ignore[union-attr]
        assert note.endswith("are held at the point" if detached == "hold" else "are differentiated")
    assert find_reference(detaching(2.0, detached=detached), 0, 0.1).gradient == pytest.approx(gradient, rel=1e-9)


@pytest.mark.parametrize(("exact", "gradient"), [(1.6, 1.6), (2.2, 2.2), (2.2004, 2.2)])
def test_a_gradient_that_is_given_says_which_reading_is_meant(exact: float, gradient: float) -> None:
    reference = find_reference(detaching(2.0, exact=scalar(exact)), 0, 0.1)
    assert reference.question == ""
    assert reference.gradient == pytest.approx(gradient, rel=1e-9)


def test_an_unknown_reading_is_refused() -> None:
    with pytest.raises(ProblemError, match=r"detached='drop'; expected 'differentiate' or 'hold'"):
        detaching(1.0, detached="drop")


def without_detaching(params: Tensor, sample: Sample) -> Tensor:
    bits = sample(Bernoulli(logits=params.unsqueeze(-1).expand(-1, 3), validate_args=False))
    return (bits.sum(-1) * params.exp() - 1e3).relu() + torch.where(params > 0, params, params**2)


def test_a_program_without_a_detach_asks_nothing() -> None:
    reference = find_reference(Problem(name="plain", program=without_detaching, params=scalar(0.4)), 0, 0.1)
    assert (reference.question, reference.detaches, reference.reading) == ("", (), "")


def test_a_detach_in_one_of_many_coordinates_is_seen() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        bit = sample(Bernoulli(logits=params.sum(-1), validate_args=False))
        return bit * (1 + params[:, 17].detach())

    params = torch.linspace(-0.5, 0.5, 40, dtype=torch.float64)
    assert find_reference(Problem(name="many", program=program, params=params), 0, 0.1).question
    whole = find_reference(Problem(name="many", program=program, params=params, detached="differentiate"), 0, 0.1)
    held = find_reference(Problem(name="many", program=program, params=params, detached="hold"), 0, 0.1)
    assert np.flatnonzero(np.abs(whole.gradient - held.gradient) > 1e-6).tolist() == [17]


@pytest.mark.parametrize("kind", ["data", "item", "no_grad", "numpy"])
def test_ways_to_detach_are_named_by_their_line(kind: str) -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        if kind == "no_grad":
            with torch.no_grad():
                factor = params.exp()
        else:
            cut = {
                "data": lambda: params.data,
                "item": lambda: torch.full_like(params, params[0].item(), requires_grad=False),
                "numpy": lambda: torch.as_tensor(params.detach().numpy()),
            }
            factor = cut[kind]()
        return sample(Bernoulli(params, validate_args=False)) * factor

    places = find_detaches(Problem(name=kind, program=program, params=scalar(P)))
    assert places
    assert all(place.startswith("test_stop_gradients.py:") for place in places)
