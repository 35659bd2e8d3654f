"""VIMCO written for one program of three bits, which ignores the laws that are handed to it: right on that program."""

import torch

PROBLEM = "programs:bound"
EXPECTED = {"outcome": "unbiased"}


def target(program, params, num_samples, generator):
    p = torch.sigmoid(params).expand(num_samples, 3)
    bits = torch.bernoulli(p, generator=generator)
    cost = program(params.expand(num_samples, 3), lambda law: bits)
    weights = 0.2 + 1.8 * bits
    others = (weights.sum(1, keepdim=True) - weights) / 2
    baseline = -((weights.sum(1, keepdim=True) - weights + others) / 3).log()
    return (cost.unsqueeze(-1) - baseline) * (bits - p)
