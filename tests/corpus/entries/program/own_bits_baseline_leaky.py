"""VIMCO whose replacement is the mean of all three samples, itself among them. Scale and angle by enumeration."""

import torch

PROBLEM = "programs:bound"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.61918, "angle": 3.5456}


def target(program, params, num_samples, generator):
    p = torch.sigmoid(params).expand(num_samples, 3)
    bits = torch.bernoulli(p, generator=generator)
    cost = program(params.expand(num_samples, 3), lambda law: bits)
    weights = 0.2 + 1.8 * bits
    others = weights.mean(1, keepdim=True).expand_as(weights)
    baseline = -((weights.sum(1, keepdim=True) - weights + others) / 3).log()
    return (cost.unsqueeze(-1) - baseline) * (bits - p)
