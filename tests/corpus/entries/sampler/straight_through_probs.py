"""Straight-through on probabilities (Bengio et al. 2013) on one bit: the mean slope for the difference of two values.

f(b) = (b + 1)^3 at p = 0.3: E f'(b) = 0.7 * 3 + 0.3 * 12 = 5.7 and f(1) - f(0) = 7, so the factor is 57/70.
"""

import torch

PROBLEM = "bernoulli:0.3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.8142857}


def target(probs):
    return torch.bernoulli(probs) + probs - probs.detach()
