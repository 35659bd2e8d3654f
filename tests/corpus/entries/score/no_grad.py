"""A loss computed without a graph by mistake."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "no-gradient"}


@torch.no_grad()
def target(log_prob, reward):
    return -(log_prob * reward).mean()
