"""The chosen logit in place of its log-probability: the normaliser is missing.

Scale and angle by enumeration of 4 outcomes.
"""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 1.244354, "angle": 41.4937}


def target(f, logits):
    z = OneHotCategorical(logits=logits).sample()
    return (f(z).detach() * (z * logits).sum(-1)).mean()
