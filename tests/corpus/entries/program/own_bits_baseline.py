"""VIMCO (Mnih and Rezende 2016): each of three samples has the bound with its weight replaced by the others' mean: right."""

import torch

PROBLEM = "programs:bound"
EXPECTED = {"outcome": "unbiased"}


def target(program, params, num_samples, generator):
    leaf = params.expand(num_samples, *params.shape).clone().requires_grad_()
    drawn = []

    def sample(law):
        bits = torch.bernoulli(law.probs.detach(), generator=generator)
        drawn.append((bits, law.log_prob(bits)))
        return bits

    cost = program(leaf, sample).detach()
    ((bits, log_probs),) = drawn
    weights = 0.2 + 1.8 * bits
    others = (weights.sum(1, keepdim=True) - weights) / (bits.shape[1] - 1)
    baseline = -((weights.sum(1, keepdim=True) - weights + others) / bits.shape[1]).log()
    return torch.autograd.grad(((cost.unsqueeze(-1) - baseline) * log_probs).sum(), leaf)[0]
