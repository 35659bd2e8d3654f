"""An epidemic on a contact graph, with all people in one site: how the size of an outbreak depends on two rates.

Each day a susceptible person is infected with probability 1 - exp(-beta * infected contacts), and an infected one recovers
with probability gamma. No exact gradient is known; the likelihood ratio decides, checked against finite differences.

    gradverify verify leave_one_out straight_through --problem examples/epidemic.py:epidemic --tolerance 0.2
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Sample
from gradverify.verification import Problem

PEOPLE = 12
DAYS = 3
SHORTCUTS = ((0, 6), (3, 9))


def contacts() -> Tensor:
    """Who meets whom ``[people, people]``: a ring, and two friendships across it."""
    met = torch.zeros(PEOPLE, PEOPLE, dtype=torch.float64)
    ring = [(k, (k + 1) % PEOPLE) for k in range(PEOPLE)]
    for a, b in (*ring, *SHORTCUTS):
        met[a, b] = met[b, a] = 1.0
    return met


def outbreak(params: Tensor, sample: Sample) -> Tensor:
    """People ever infected, of each row; params ``[rows, 2]``: beta, gamma."""
    beta, gamma = params[:, :1], params[:, 1:]
    met = contacts().to(params)
    infected = torch.zeros(len(params), PEOPLE, dtype=params.dtype, device=params.device)
    infected[:, 0] = 1.0
    susceptible = 1 - infected
    for _ in range(DAYS):
        risk = susceptible * (1 - torch.exp(-beta * (infected @ met)))
        caught = sample(Bernoulli(risk, validate_args=False))
        healed = sample(Bernoulli(infected * gamma, validate_args=False))
        susceptible = susceptible - caught
        infected = infected + caught - healed
    return PEOPLE - susceptible.sum(-1)


epidemic = Problem(name="epidemic", program=outbreak, params=torch.tensor([0.6, 0.3], dtype=torch.float64))
