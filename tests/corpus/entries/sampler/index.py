"""An index of a category: no gradient path."""

import torch

PROBLEM = "categorical:4/cubic"
EXPECTED = {"outcome": "no-gradient"}


def target(probs):
    return torch.multinomial(probs, 1)
