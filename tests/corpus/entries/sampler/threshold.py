"""Hard bits by a comparison with noise: no gradient path."""

import torch

PROBLEM = "bernoulli:0.3/cubic"
EXPECTED = {"outcome": "no-gradient"}


def target(probs):
    return (torch.rand_like(probs) < probs).to(probs)
