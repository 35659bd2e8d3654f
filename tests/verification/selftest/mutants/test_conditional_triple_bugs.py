"""Bugs in conditional triples: only a Markov program has them, and one step leaves no coupling to get wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gradverify.estimators.markov import MarkovProgram
from gradverify.estimators.protocol import NotApplicableError
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.selftest.mutants.conditional_triple_bugs import FaultyConditionalTriple
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.truth.references import find_reference

SPREAD, COIN = find_problem("spread/square/theta"), find_problem("coin/centred/logit")


def test_a_plain_program_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="needs a Markov program"):
        FaultyConditionalTriple("dropped")(COIN.program, COIN.params, 4, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("fault", "right"), [("vanishing", True), ("unclipped", True), ("dropped", False), ("unscaled", False)]
)
def test_a_coupling_matters_from_the_second_step_on(fault: str, right: bool) -> None:
    assert isinstance(SPREAD.program, MarkovProgram)
    problem = replace(SPREAD, program=replace(SPREAD.program, num_steps=1))
    mean = exact_moments(FaultyConditionalTriple(fault), problem.program, problem.params)[0]  # type: ignore[arg-type]
    gradient = find_reference(problem, 0, 0.1).gradient[0]
    assert (abs(float(mean) - gradient) < 1e-9) == right
