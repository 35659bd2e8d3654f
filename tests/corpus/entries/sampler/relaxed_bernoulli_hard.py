"""A hard bit with the derivative of the relaxed one at temperature 1. The factor by one integral over the noise."""

import torch

PROBLEM = "bernoulli:0.3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.6476422}


def target(probs):
    u = torch.rand_like(probs).clamp(1e-9, 1 - 1e-9)
    soft = torch.sigmoid(probs.log() - torch.log1p(-probs) + u.log() - torch.log1p(-u))
    return (soft > 0.5).to(soft) + soft - soft.detach()
