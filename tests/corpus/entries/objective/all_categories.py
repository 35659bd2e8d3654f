"""The exact sum over all categories: right, without noise."""

import torch

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    p = logits.softmax(-1)
    every = torch.eye(p.shape[-1], dtype=p.dtype).unsqueeze(1).expand(-1, len(p), -1)
    return (p * f(every).detach().T).sum(-1)
