"""Stochastic rounding whose backward pass clips to the inner half of [0, 1]: p = 0.3 is inside, so it is right here."""

import torch

PROBLEM = "programs:one_bit"
EXPECTED = {"outcome": "unbiased"}


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, p):
        ctx.save_for_backward(p)
        return torch.floor(p + torch.rand_like(p))

    @staticmethod
    def backward(ctx, grad):
        (p,) = ctx.saved_tensors
        return grad * ((p > 0.25) & (p < 0.75))


target = Round
