"""RELAX with a fixed control variate of relaxed bits (Grathwohl et al. 2018): right."""

import torch
from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def draw(logits):
    u, v = (torch.rand_like(logits).clamp(1e-9, 1 - 1e-9) for _ in range(2))
    z = logits + u.log() - torch.log1p(-u)
    b = (z > 0).to(logits).detach()
    p = torch.sigmoid(logits)
    noise = torch.where(b > 0, 1 - p + v * p, v * (1 - p))
    again = logits + noise.log() - torch.log1p(-noise)
    return z, again, b, Bernoulli(logits=logits).log_prob(b).sum(-1)


def variate(z):
    return 3 * torch.sigmoid(2 * z).sum(-1)


def target(f, logits):
    z, again, b, score = draw(logits)
    first, second = variate(z), variate(again)
    return ((f(b) - second).detach() * score + first - second).mean()
