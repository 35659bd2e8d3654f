"""Markov programs are plain programs too."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Enumeration, MarkovProgram
from gradverify.estimators.runs.tape import sampling

from .programs import random_walk


def test_a_markov_program_runs_as_the_loop_that_it_describes() -> None:
    asked: list[int] = []

    def site(params: Tensor, state: Tensor, k: int) -> Categorical:
        asked.append(k)
        return Categorical(logits=torch.stack((params[:, 0] + state, params[:, 1] * (k + 1)), -1))

    program = MarkovProgram(
        num_steps=3,
        initial=lambda params: params[:, 0] ** 2,
        site=site,
        step=lambda state, value, k: 2 * state + value * (k + 1),
        objective=lambda state: state.exp(),
    )
    params = torch.tensor([[0.1, 0.4], [-0.3, 0.2]], dtype=torch.float64)
    found = program(params, sampling(2, torch.Generator().manual_seed(3)))
    assert asked == [0, 1, 2]

    sample = sampling(2, torch.Generator().manual_seed(3))
    state = params[:, 0] ** 2
    for k in range(3):
        state = 2 * state + sample(site(params, state, k)) * (k + 1)
    assert torch.equal(found, state.exp())


def test_a_program_of_no_steps_scores_its_initial_state() -> None:
    program = replace(random_walk(0), initial=lambda params: 3 * params)
    assert program(torch.tensor([1.0, 2.0]), sampling(2, torch.Generator())).tolist() == [9.0, 36.0]


def test_gradients_pass_through_the_initial_state() -> None:
    program = MarkovProgram(
        num_steps=1,
        initial=lambda params: params**2,
        site=lambda params, state, k: Bernoulli(0.5 + 0 * params),
        step=lambda state, value, k: state * (1 + value),
        objective=lambda state: state,
    )
    gradient = Enumeration()(program, torch.tensor(3.0, dtype=torch.float64), 1, torch.Generator())
    torch.testing.assert_close(gradient, torch.tensor([6.0 * 1.5], dtype=torch.float64))


def test_the_walk_has_its_known_gradient() -> None:
    """problems.md's exact recursion at n = p = 10, by enumeration of the walk's 1024 paths."""
    exact = Enumeration()(random_walk(10), torch.tensor(10.0, dtype=torch.float64), 1, torch.Generator())
    torch.testing.assert_close(exact, torch.tensor([2.76488620], dtype=torch.float64), rtol=0, atol=5e-9)
