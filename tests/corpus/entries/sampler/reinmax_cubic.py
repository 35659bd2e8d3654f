"""ReinMax on a cubic objective, for which it is not exact. Scale and angle by enumeration of 4 outcomes."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 1.230177, "angle": 8.874}


def target(logits):
    p = logits.softmax(-1)
    z = OneHotCategorical(logits=logits).sample()
    middle = (((p + z) / 2).log() - logits).detach()
    value = 2 * (logits + middle).softmax(-1) - p / 2
    return value - value.detach() + z
