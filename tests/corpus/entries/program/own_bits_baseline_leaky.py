"""VIMCO whose replacement is the mean of all three samples, itself among them. Scale and angle by enumeration."""

import torch

PROBLEM = "programs:bound"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.61918, "angle": 3.5456}


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
    others = weights.mean(1, keepdim=True).expand_as(weights)
    baseline = -((weights.sum(1, keepdim=True) - weights + others) / bits.shape[1]).log()
    return torch.autograd.grad(((cost.unsqueeze(-1) - baseline) * log_probs).sum(), leaf)[0]
