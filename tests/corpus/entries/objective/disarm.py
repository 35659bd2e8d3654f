"""DisARM, also U2G (Dong et al. 2020, Yin et al. 2020): right."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    phi = logits.detach()
    u = torch.rand_like(phi)
    one, two = (u > torch.sigmoid(-phi)).to(phi), (u < torch.sigmoid(phi)).to(phi)
    return 0.5 * (f(one) - f(two)).unsqueeze(-1) * (one - two) * torch.sigmoid(phi.abs())
