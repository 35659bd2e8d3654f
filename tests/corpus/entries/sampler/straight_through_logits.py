"""Straight-through as the identity of the logits, without the softmax. Scale and angle by enumeration of 4 outcomes."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 4.111128, "angle": 48.0466}


def target(logits):
    return OneHotCategorical(logits=logits).sample() + logits - logits.detach()
