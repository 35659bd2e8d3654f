"""RELAX whose second sample is fresh, not conditioned on the bits: right, because both samples have one law."""

import torch
from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def draw(logits):
    u = torch.rand_like(logits).clamp(1e-9, 1 - 1e-9)
    z = logits + u.log() - torch.log1p(-u)
    b = (z > 0).to(logits).detach()
    return z, b, Bernoulli(logits=logits).log_prob(b).sum(-1)


def variate(z):
    return 3 * torch.sigmoid(2 * z).sum(-1)


def target(f, logits):
    z, b, score = draw(logits)
    again, _, _ = draw(logits)
    first, second = variate(z), variate(again)
    return ((f(b) - second).detach() * score + first - second).mean()
