"""The log-probability of the first of three bits left out: its part of the gradient is zero.

Scale and angle from the exact gradient without that coordinate.
"""

from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.9670697, "angle": 10.4552}


def target(f, logits):
    law = Bernoulli(logits=logits)
    b = law.sample()
    return (f(b).detach() * law.log_prob(b)[:, 1:].sum(-1)).mean()
