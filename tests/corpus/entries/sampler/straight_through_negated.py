"""Straight-through with the detached term on the wrong side, linear objective. The mean is minus the gradient."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/linear"
EXPECTED = {"outcome": "biased", "kind": "reversed", "scale": -1.0}


def target(logits):
    p = logits.softmax(-1)
    return OneHotCategorical(logits=logits).sample() - p + p.detach()
