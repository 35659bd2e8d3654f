"""REINFORCE that returns one entry for each category, not summed: right, its sum is the loss."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    z = OneHotCategorical(logits=logits).sample()
    return f(z).detach()[:, None] * z * logits.log_softmax(-1)
