"""MuProp (Gu et al. 2016): a first-order expansion at the means is subtracted and its exact gradient added: right."""

import torch
from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
OPTIONS = {"takes": "logits"}
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = Bernoulli(logits=logits)
    b = law.sample()
    mean = law.probs.detach().requires_grad_()
    centre = f(mean)
    (slope,) = torch.autograd.grad(centre.sum(), mean)
    rest = f(b).detach() - centre.detach() - (slope * (b - mean.detach())).sum(-1)
    return (rest * law.log_prob(b).sum(-1) + (slope * law.probs).sum(-1)).mean()
