"""Token log-probabilities divided by the sequence's own length (GRPO; understand-r1-zero #10, TRL #3138).

Scale and angle by enumeration of all 27 sequences.
"""

import torch

PROBLEM = "programs:tokens"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.3100205, "angle": 13.689}


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
    score = (log_probs * mask).sum(1) / mask.sum(1)
    return torch.autograd.grad((score * cost).sum(), leaf)[0]
