"""Sum and sample without the mass of the sampled part. Scale and angle by enumeration of 4 outcomes."""

import torch
from torch.nn import functional

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.8809817, "angle": 7.7214}


def target(f, logits):
    p = logits.softmax(-1)
    top = functional.one_hot(p.argmax(-1), p.shape[-1]).to(p)
    rest = (p * (1 - top)).detach()
    z = functional.one_hot(torch.multinomial(rest, 1).squeeze(-1), p.shape[-1]).to(p)
    summed = (p * top).sum(-1) * f(top).detach()
    return (summed + f(z).detach() * (z * p.log()).sum(-1)).mean()
