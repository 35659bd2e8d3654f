"""The perturbed argmax without 1 / sigma (optax #1308). The factor is sigma = 1/2."""

import torch
from torch.nn import functional

PROBLEM = "categorical_one_hot:4/linear"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.5}


class Perturbed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores):
        noise = -(-torch.rand_like(scores).clamp(1e-9, 1 - 1e-9).log()).log()
        z = functional.one_hot((scores + 0.5 * noise).argmax(-1), scores.shape[-1]).to(scores)
        ctx.save_for_backward(z, noise)
        return z

    @staticmethod
    def backward(ctx, grad):
        z, noise = ctx.saved_tensors
        return (grad * z).sum(-1, keepdim=True) * (1 - (-noise).exp())


def target(logits):
    return Perturbed.apply(logits / 2)
