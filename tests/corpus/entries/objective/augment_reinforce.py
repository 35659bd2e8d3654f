"""Augment-REINFORCE, one evaluation (Yin and Zhou 2019): right."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    u = torch.rand_like(logits.detach())
    p = torch.sigmoid(logits.detach())
    return f((u < p).to(p)).unsqueeze(-1) * (1 - 2 * u)
