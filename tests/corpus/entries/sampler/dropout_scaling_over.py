"""A mask whose backward pass is divided by p although the forward pass is not. The factor is 1/0.3."""

import torch

PROBLEM = "programs:one_bit"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 3.3333333}


def target(probs):
    return torch.bernoulli(probs) + (probs - probs.detach()) / probs.detach()
