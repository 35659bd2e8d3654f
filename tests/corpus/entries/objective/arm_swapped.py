"""ARM with its two evaluations swapped. The mean is minus the gradient."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "reversed", "scale": -1.0}


def target(f, logits):
    u = torch.rand_like(logits.detach())
    p = torch.sigmoid(logits.detach())
    return (f((u < p).to(p)) - f((u > 1 - p).to(p))).unsqueeze(-1) * (u - 0.5)
