"""NVIL whose baseline's squared loss reaches the logits: -2 (E f - sum of the logits) is added to every coordinate.

Scale and angle from that formula.
"""

from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": -2.853019, "angle": 145.2882}


def target(f, logits):
    law = Bernoulli(logits=logits)
    b = law.sample()
    baseline = logits.sum(-1)
    value = f(b).detach()
    return ((value - baseline).detach() * law.log_prob(b).sum(-1) + (value - baseline) ** 2).mean()
