"""ReinMax (Liu et al. 2023) on a quadratic objective, for which Heun's method is exact: right."""

from torch.distributions import OneHotCategorical

PROBLEM = "programs:quadratic"
EXPECTED = {"outcome": "unbiased"}


def target(logits):
    p = logits.softmax(-1)
    z = OneHotCategorical(logits=logits).sample()
    middle = (((p + z) / 2).log() - logits).detach()
    value = 2 * (logits + middle).softmax(-1) - p / 2
    return value - value.detach() + z
