"""ReinMax without the term -p/2. Scale and angle by enumeration of 4 outcomes."""

from torch.distributions import OneHotCategorical

PROBLEM = "programs:quadratic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 1.380922, "angle": 4.8279}


def target(logits):
    p = logits.softmax(-1)
    z = OneHotCategorical(logits=logits).sample()
    middle = (((p + z) / 2).log() - logits).detach()
    value = 2 * (logits + middle).softmax(-1)
    return value - value.detach() + z
