"""A backward pass that returns half of its gradient, linear objective. The factor is 1/2."""

import torch
from torch.nn import functional

PROBLEM = "categorical_one_hot:4/linear"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.5}


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, probs):
        return functional.one_hot(torch.multinomial(probs, 1).squeeze(-1), probs.shape[-1]).to(probs)

    @staticmethod
    def backward(ctx, grad):
        return grad / 2


target = Half
