"""Samples of a uniform proposal, weighted by p / q (importance sampling): right."""

import torch
from torch.nn import functional

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    k = logits.shape[-1]
    z = functional.one_hot(torch.randint(k, (len(logits),)), k).to(logits)
    p = (z * logits.softmax(-1)).sum(-1)
    return (p * k * f(z).detach()).mean()
