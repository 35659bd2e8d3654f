"""ARM for bits (Yin and Zhou 2019): right."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    u = torch.rand_like(logits.detach())
    p = torch.sigmoid(logits.detach())
    return (f((u > 1 - p).to(p)) - f((u < p).to(p))).unsqueeze(-1) * (u - 0.5)
