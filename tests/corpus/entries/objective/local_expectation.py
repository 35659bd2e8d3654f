"""Both values of each bit, the others as drawn (Titsias and Lazaro-Gredilla 2015): right."""

import torch

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    p = torch.sigmoid(logits.detach())
    b = torch.bernoulli(p)
    rows = []
    for j in range(p.shape[-1]):
        one, zero = b.clone(), b.clone()
        one[:, j], zero[:, j] = 1, 0
        rows.append((f(one) - f(zero)) * (p * (1 - p))[:, j])
    return torch.stack(rows, -1)
