"""The chosen category scored by a sigmoid where the law is a softmax.

Scale and angle by enumeration of 4 outcomes.
"""

from torch.distributions import OneHotCategorical
from torch.nn import functional

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.3856361, "angle": 41.5193}


def target(f, logits):
    z = OneHotCategorical(logits=logits).sample()
    return (f(z).detach() * (z * functional.logsigmoid(logits)).sum(-1)).mean()
