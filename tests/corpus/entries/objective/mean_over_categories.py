"""The exact sum over all categories, averaged where it must be summed. The factor is 1/4."""

import torch

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.25}


def target(f, logits):
    p = logits.softmax(-1)
    every = torch.eye(p.shape[-1], dtype=p.dtype).unsqueeze(1).expand(-1, len(p), -1)
    return (p * f(every).detach().T).mean(-1)
