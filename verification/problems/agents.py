"""Many agents in one site: an epidemic on a small contact graph."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from ...estimators.protocol import Program, Sample
from .objectives import Objective, indicator, polynomial
from .problem import Problem

__all__ = ["agents"]

STEPS = 2
RATES = (0.7, 0.3)
LARGEST_EXACT = 5
"""The largest number of agents for which the 3^m joint states are summed over."""

SUSCEPTIBLE, INFECTED, RECOVERED = range(3)


def agents(count: int) -> list[Problem]:
    r"""Return the problems of an epidemic over two days on a ring of ``count`` agents, the first one infected.

    Each agent is susceptible, infected or recovered.

    .. math:: P(S_i \to I_i) = 1 - e^{-\beta \sum_j A_{ij} I_j}, \qquad P(I_i \to R_i) = \gamma

    The problems are differentiated at (beta, gamma) = (0.7, 0.3). Each day has two sites of ``count`` bits per row: who is
    infected, and who recovers. The objectives are the square of the number ever infected, and whether all were. The gradient is
    exact by enumeration of the paths for three agents, and by a sum over the joint states for four and five. For more agents
    references are sampled.
    """
    if count < 2:
        raise ValueError(f"{count} agents; an epidemic needs at least 2")
    objectives = (polynomial("square", 2), indicator(count - 0.5))
    return [_problem(count, each) for each in objectives]


def _problem(count: int, objective: Objective) -> Problem:
    params = torch.tensor(RATES, dtype=torch.float64)
    return Problem(
        name=f"agents:{count}/{objective.name}/rates",
        program=_program(count, objective),
        params=params,
        exact=_exact(count, objective, params) if 3 < count <= LARGEST_EXACT else None,
        degree=objective.degree,
        continuous=objective.continuous,
        quick=False,
    )


def _program(count: int, objective: Objective) -> Program:
    ring = _ring(count)

    def program(params: Tensor, sample: Sample) -> Tensor:
        beta, gamma = params[:, :1], params[:, 1:]
        meets = ring.to(params)
        infected = params.new_zeros(len(params), count, requires_grad=False)
        infected[:, 0] = 1
        susceptible = 1 - infected
        for _ in range(STEPS):
            risk = susceptible * -torch.expm1(-beta * (infected @ meets))
            caught = sample(Bernoulli(risk, validate_args=False))
            healed = sample(Bernoulli(infected * gamma, validate_args=False))
            susceptible = susceptible - caught
            infected = infected + caught - healed
        return objective.function(count - susceptible.sum(-1))

    return program


def _ring(count: int) -> Tensor:
    """Return the contacts ``[count, count]``: each agent meets its neighbours on the ring."""
    place = torch.arange(count)
    apart = (place[:, None] - place).remainder(count)
    return ((apart == 1) | (apart == count - 1)).double()


def _exact(count: int, objective: Objective, params: Tensor) -> Tensor:
    """Return the gradient from the law of the joint state, ``sum_x f(x) dP(x)``, day by day."""
    states = torch.tensor(list(product(range(3), repeat=count)))
    leaf = params.clone().requires_grad_()
    first = torch.zeros(count, dtype=torch.long)
    first[0] = INFECTED
    mass = (states == first).all(1).double()
    moves = _transitions(states, leaf)
    for _ in range(STEPS):
        mass = mass @ moves
    value = objective.function((states != SUSCEPTIBLE).sum(1).double())
    (gradient,) = torch.autograd.grad((mass * value).sum(), leaf)
    return gradient


def _transitions(states: Tensor, params: Tensor) -> Tensor:
    """Return the probability of each joint state given each ``[3^m, 3^m]``: agents move independently."""
    beta, gamma = params
    infected = (states == INFECTED).double()
    risk = 1 - torch.exp(-beta * (infected @ _ring(states.shape[1])))
    stay = torch.ones_like(risk)
    from_each = torch.stack(
        [
            torch.stack([1 - risk, risk, torch.zeros_like(risk)], -1),
            torch.stack([torch.zeros_like(risk), (1 - gamma) * stay, gamma * stay], -1),
            torch.stack([torch.zeros_like(risk), torch.zeros_like(risk), stay], -1),
        ],
        dim=2,
    )
    own = states[..., None, None].expand(-1, -1, 1, 3)
    chances = from_each.gather(2, own).squeeze(2)
    agents_ = range(states.shape[1])
    return torch.stack([chances[:, k][:, states[:, k]] for k in agents_]).prod(0)
