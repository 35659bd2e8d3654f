"""Token log-probabilities up to the end of the sequence, summed (Liu et al. 2025, Dr. GRPO up to a constant): right."""

import torch

PROBLEM = "programs:tokens"
EXPECTED = {"outcome": "unbiased"}


def target(program, params, num_samples, generator):
    leaf = params.expand(num_samples, 3).clone().requires_grad_()
    scores, drawn = [], []

    def sample(law):
        token = torch.multinomial(law.probs.detach(), 1, generator=generator)[:, 0]
        scores.append(law.log_prob(token))
        drawn.append(token)
        return token

    cost = program(leaf, sample).detach()
    tokens, log_probs = torch.stack(drawn, 1), torch.stack(scores, 1)
    ended = (tokens == 0).long()
    mask = (ended.cumsum(1) - ended == 0).to(cost)
    score = (log_probs * mask).sum(1)
    return torch.autograd.grad((score * cost).sum(), leaf)[0]
