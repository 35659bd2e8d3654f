"""Straight-through a softmax at temperature 1/2 for samples at 1, linear objective. Scale and angle from the Jacobian."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/linear"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 1.398422, "angle": 27.7649}


def target(logits):
    soft = (2 * logits).softmax(-1)
    return OneHotCategorical(logits=logits).sample() + soft - soft.detach()
