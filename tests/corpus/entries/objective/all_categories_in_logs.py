"""The exact sum with log-probabilities in place of probabilities. Scale and angle from the formula."""

import torch

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 2.598854, "angle": 0.7399}


def target(f, logits):
    every = torch.eye(logits.shape[-1], dtype=logits.dtype).unsqueeze(1).expand(-1, len(logits), -1)
    return (logits.log_softmax(-1) * f(every).detach().T).sum(-1)
