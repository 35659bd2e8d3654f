"""Both values of each bit without the factor p (1 - p): the derivative in p is taken for that in the logit.

Scale and angle by enumeration of 8 outcomes.
"""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 5.435162, "angle": 9.5764}


def target(f, logits):
    p = torch.sigmoid(logits.detach())
    b = torch.bernoulli(p)
    rows = []
    for j in range(p.shape[-1]):
        one, zero = b.clone(), b.clone()
        one[:, j], zero[:, j] = 1, 0
        rows.append(f(one) - f(zero))
    return torch.stack(rows, -1)
