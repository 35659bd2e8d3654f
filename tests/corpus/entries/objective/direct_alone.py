"""The objective's own gradient without the score: the law is forgotten. Scale and angle from the exact gradients."""

from torch.distributions import OneHotCategorical

PROBLEM = "programs:direct"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 1.013789, "angle": 11.9981}


def target(f, logits):
    return f(OneHotCategorical(logits=logits).sample()).mean()
