"""Probabilities passed as logits, so that the softmax is taken twice in the loss (a common mistake with Categorical).

Scale and angle by enumeration of 4 outcomes.
"""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.3735005, "angle": 3.1566}


def target(f, logits):
    p = logits.softmax(-1)
    z = OneHotCategorical(probs=p).sample()
    return (f(z).detach() * OneHotCategorical(logits=p).log_prob(z)).mean()
