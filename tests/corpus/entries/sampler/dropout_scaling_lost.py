"""A mask of kept units whose backward pass keeps the factor p of the forward pass (inverted dropout, 1 / p lost).

f(b) = 2 b + 1 is linear, so the factor is p = 0.3.
"""

import torch

PROBLEM = "programs:one_bit"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.3}


def target(probs):
    return torch.bernoulli(probs) + (probs - probs.detach()) * probs.detach()
