"""The likeliest category summed, one sample of the others, weighted by their mass (Liu et al. 2019): right."""

import torch
from torch.nn import functional

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    p = logits.softmax(-1)
    top = functional.one_hot(p.argmax(-1), p.shape[-1]).to(p)
    rest = (p * (1 - top)).detach()
    z = functional.one_hot(torch.multinomial(rest, 1).squeeze(-1), p.shape[-1]).to(p)
    mass = rest.sum(-1)
    summed = (p * top).sum(-1) * f(top).detach()
    return (summed + mass * f(z).detach() * (z * p.log()).sum(-1)).mean()
