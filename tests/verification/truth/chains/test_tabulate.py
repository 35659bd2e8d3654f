"""Tables from programs: each step once, and what has no chain is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import MarkovProgram
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.verification.problems.objectives import polynomial
from gradverify.verification.problems.random_walk import walk_program
from gradverify.verification.truth.chains.chain import NO_OUTCOME, ChainError, last_mass
from gradverify.verification.truth.chains.score import score_moments
from gradverify.verification.truth.chains.tabulate import tabulate

from .programs import PROBLEMS, drifting


def test_steps_that_are_alike_are_kept_once() -> None:
    walk = tabulate(walk_program(12, polynomial("square", 2), "p"), torch.tensor(12.0))
    assert walk.homogeneous
    assert walk.probability.shape == (1, 13, 2)
    assert not tabulate(drifting(), torch.tensor(0.6)).homogeneous


def test_a_step_that_depends_on_its_number_through_the_derivative_alone() -> None:
    """P(up) = 1/2 + k theta at theta = 0: all steps have one table of probabilities."""
    program = MarkovProgram(
        num_steps=3,
        initial=torch.zeros_like,
        site=lambda params, state, k: Bernoulli(0.5 + k * params + 0 * state),
        step=lambda state, value, k: state + value,
        objective=lambda state: state,
        states=torch.arange(4, dtype=torch.float64),
    )
    chain = tabulate(program, torch.tensor(0.0))
    assert len(chain.probability) == 3
    assert score_moments(chain).mean == pytest.approx(3.0, abs=1e-12)


def test_steps_of_fewer_outcomes_are_padded() -> None:
    program = MarkovProgram(
        num_steps=2,
        initial=torch.zeros_like,
        site=lambda params, state, k: Categorical(logits=params.unsqueeze(-1) * params.new_tensor([1.0, 2.0, 4.0][: 3 - k])),
        step=lambda state, value, k: state + value,
        objective=torch.square,
        states=torch.arange(4, dtype=torch.float64),
    )
    params = torch.tensor(0.3, dtype=torch.float64)
    chain = tabulate(program, params)
    assert (chain.successor[1, :, 2] == NO_OUTCOME).all()
    assert score_moments(chain).mean == pytest.approx(float(enumerate_paths(program, params).gradient()), rel=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_tables_agree_with_enumeration(name: str) -> None:
    problem = PROBLEMS[name]
    chain = tabulate(problem.program, problem.params)  # type: ignore[arg-type]
    paths = enumerate_paths(problem.program, problem.params)
    assert float(chain.objective @ last_mass(chain)) == pytest.approx(float(paths.mean()), rel=1e-12)


def test_programs_without_a_chain_are_refused() -> None:
    program, params = drifting(), torch.tensor(0.5)
    with pytest.raises(ChainError, match="does not list its states"):
        tabulate(replace(program, states=None), params)
    with pytest.raises(ChainError, match="first state depends on the parameters"):
        tabulate(replace(program, initial=lambda params: params + 0.5), params)
    with pytest.raises(ChainError, match=r"starts at 0.5; expected one of its 7 states"):
        tabulate(replace(program, initial=lambda params: torch.full_like(params, 0.5)), params)
    with pytest.raises(ChainError, match=r"\(2,\) elements a row"):
        tabulate(replace(program, site=lambda params, state, k: Bernoulli(torch.full((len(state), 2), 0.5))), params)
