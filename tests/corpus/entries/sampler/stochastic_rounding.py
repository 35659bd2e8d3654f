"""Stochastic rounding of a number in [0, 1], whose backward pass is the identity, on a linear objective: right."""

import torch

PROBLEM = "programs:one_bit"
EXPECTED = {"outcome": "unbiased"}


class Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx, p):
        return torch.floor(p + torch.rand_like(p))

    @staticmethod
    def backward(ctx, grad):
        return grad


target = Round
