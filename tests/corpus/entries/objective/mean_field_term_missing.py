"""MuProp without the exact gradient of the expansion. Scale and angle: f'(mean) p (1 - p) is missing."""

import torch
from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
OPTIONS = {"takes": "logits"}
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.512796, "angle": 15.6915}


def target(f, logits):
    law = Bernoulli(logits=logits)
    b = law.sample()
    mean = law.probs.detach().requires_grad_()
    centre = f(mean)
    (slope,) = torch.autograd.grad(centre.sum(), mean)
    rest = f(b).detach() - centre.detach() - (slope * (b - mean.detach())).sum(-1)
    return (rest * law.log_prob(b).sum(-1)).mean()
