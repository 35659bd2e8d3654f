"""ARM with 2 u - 1 in place of u - 1/2. The factor is 2."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 2.0}


def target(f, logits):
    u = torch.rand_like(logits.detach())
    p = torch.sigmoid(logits.detach())
    return (f((u > 1 - p).to(p)) - f((u < p).to(p))).unsqueeze(-1) * (2 * u - 1)
