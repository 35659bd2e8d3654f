"""ARM with sigma(phi) where sigma(-phi) belongs. Scale and angle by integration over the 27 cells of three uniforms."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.9111283, "angle": 16.0374}


def target(f, logits):
    u = torch.rand_like(logits.detach())
    p = torch.sigmoid(logits.detach())
    return (f((u > p).to(p)) - f((u < p).to(p))).unsqueeze(-1) * (u - 0.5)
