"""DisARM without its factor 1/2. The factor is 2."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 2.0}


def target(f, logits):
    phi = logits.detach()
    u = torch.rand_like(phi)
    one, two = (u > torch.sigmoid(-phi)).to(phi), (u < torch.sigmoid(phi)).to(phi)
    return (f(one) - f(two)).unsqueeze(-1) * (one - two) * torch.sigmoid(phi.abs())
