"""What an outcome says of a claim, and what a cell's findings become in the record."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gradverify.estimators.protocol import Claims
from gradverify.verification import verify
from gradverify.verification.checks.conformance import Conformance
from gradverify.verification.drawing.executors import Failure
from gradverify.verification.problems import Problem, registered_problems
from gradverify.verification.run.cell_checks import hold_bias_claim, reference_check, resolve_claim
from gradverify.verification.statistics.bias import BiasVerdict
from gradverify.verification.statistics.moments import Moments
from gradverify.verification.truth.references import find_reference

from ..targets import wrong
from ..targets.programs import FAIR

TABLE = """
claim        outcome         material      held
unbiased     unbiased        -             supported
unbiased     biased          material      refuted
unbiased     biased          negligible    supported
unbiased     biased          undetermined  inconclusive
unbiased     inconclusive    -             inconclusive
unbiased     no-gradient     -             refuted
unbiased     failed          -             refuted
unbiased     not-applicable  -             none
biased       unbiased        -             none
biased       biased          material      supported
biased       biased          negligible    supported
biased       biased          undetermined  supported
biased       inconclusive    -             none
biased       no-gradient     -             refuted
biased       failed          -             refuted
biased       not-applicable  -             none
no-gradient  no-gradient     -             supported
no-gradient  unbiased        -             refuted
no-gradient  biased          material      refuted
no-gradient  inconclusive    -             none
no-gradient  failed          -             refuted
no-gradient  not-applicable  -             none
any          unbiased        -             none
any          biased          material      none
any          inconclusive    -             none
any          no-gradient     -             none
any          failed          -             none
any          not-applicable  -             none
"""


@pytest.mark.parametrize(("claim", "outcome", "material", "held"), [line.split() for line in TABLE.split("\n")[2:-1]])
def test_what_an_outcome_says_of_a_claim(claim: str, outcome: str, material: str, held: str) -> None:
    assert hold_bias_claim(claim, outcome, material.strip("-")) == held


@pytest.mark.parametrize(
    ("claims", "problem", "expect", "here"),
    [
        (Claims("unbiased"), "chain:4/cubic/theta", "claims", "unbiased"),
        (Claims("biased"), "bernoulli:0.3/square/p", "claims", "biased"),
        (Claims("biased", exact_degree=2), "bernoulli:0.3/square/p", "claims", "unbiased"),
        (Claims("biased", exact_degree=2), "bernoulli:0.3/cubic/p", "claims", "biased"),
        (Claims("biased", exact_degree=2), "bernoulli:0.3/exponential/p", "claims", "biased"),
        (Claims("biased", exact_degree=3), "chain:4/cubic/theta", "claims", "biased"),
        (Claims("no-gradient"), "bernoulli:0.3/cubic/p", "claims", "no-gradient"),
        (Claims("biased"), "bernoulli:0.3/cubic/p", "unbiased", "unbiased"),
        (Claims("unbiased"), "bernoulli:0.3/cubic/p", "any", "any"),
    ],
)
def test_what_claims_come_to_on_a_problem(claims: Claims, problem: str, expect: str, here: str) -> None:
    assert resolve_claim(claims, registered_problems()[problem], expect) == here


def test_references_are_written_down_with_what_they_say() -> None:
    check = verify("score_function", FAIR).cells[0].find("references")
    assert check is not None
    assert (check.outcome, check.claim) == ("agree", "supported")
    values = {each["kind"]: each for each in check.details["values"]}
    assert list(values) == ["exact (enumeration)", "exact (given)", "likelihood ratio", "finite difference"]
    assert values["exact (given)"]["outcome"] == "agree"
    assert values["likelihood ratio"]["num_samples"] > 0


@pytest.mark.parametrize("factor", [1.01, 1.1, 2.0, -1.0])
def test_a_wrong_exact_gradient_of_a_small_program_is_found_whatever_its_size(factor: float) -> None:
    problem = Problem(name="mine", program=FAIR.program, params=FAIR.params, exact=factor * torch.tensor(7.0).double())
    record = verify("leave_one_out", problem)
    check, cell = record.cells[0].find("references"), record.cells[1]
    assert check is not None
    assert (check.outcome, check.claim, record.cells[0].status) == ("disagree", "refuted", "failed")
    bias = cell.find("bias")
    assert bias is not None
    assert (cell.status, bias.outcome, bias.claim) == ("failed", "failed", "none")
    assert "references of this problem disagree" in bias.note


def test_digits_left_out_of_a_given_gradient_are_no_disagreement() -> None:
    problem = Problem(name="mine", program=FAIR.program, params=FAIR.params, exact=torch.tensor(7.0005).double())
    check = verify("leave_one_out", problem).cells[0].find("references")
    assert check is not None
    assert check.outcome == "agree"


@pytest.mark.parametrize(
    ("finding", "failure"),
    [
        (Conformance("failed", "rows not isolated", "rows must be independent"), None),
        (None, Failure("crashed", "rows must be independent")),
    ],
)
def test_a_reference_that_cannot_be_run_is_not_compared(finding: Conformance | None, failure: Failure | None) -> None:
    test = SimpleNamespace(verdict=BiasVerdict(outcome="inconclusive", reason="time", alpha=1e-3))
    run: Any = SimpleNamespace(estimator="likelihood ratio", test=test, finding=finding, failure=failure, rows=Moments.empty(1))
    check = reference_check([run], find_reference(replace(FAIR, exact=None), 0, 0.1))
    assert (check.outcome, check.claim) == ("not compared", "none")
    assert check.details["values"][-1] == {
        "kind": "likelihood ratio",
        "outcome": "not compared",
        "note": "rows must be independent",
    }


def test_a_refused_fit_is_not_applicable() -> None:
    record = verify({"unfit": wrong.Unfit()}, FAIR)
    bias = record.cells[-1].find("bias")
    assert bias is not None
    assert (record.cells[-1].status, bias.outcome) == ("ok", "not-applicable")
    assert "sixteen sites" in bias.note
