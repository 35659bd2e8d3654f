"""Samples of softmax(logits), scored by softmax(logits / 2) (sampling at temperature 1, loss at another).

Scale and angle by enumeration of 4 outcomes.
"""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.5559229, "angle": 11.031}


def target(f, logits):
    z = OneHotCategorical(logits=logits).sample()
    return (f(z).detach() * OneHotCategorical(logits=logits / 2).log_prob(z)).mean()
