"""Log-probabilities of tokens behind the end scored too: right, because the cost does not depend on them."""

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
    log_probs = torch.stack(scores, 1)
    score = log_probs.sum(1)
    return torch.autograd.grad((score * cost).sum(), leaf)[0]
