"""An objective that depends on the parameters beside its samples, and a loss with the score alone.

Scale and angle from the exact gradients with and without the direct part.
"""

from torch.distributions import OneHotCategorical

PROBLEM = "programs:direct"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": -0.01378867, "angle": 93.6619}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    return (f(z).detach() * law.log_prob(z)).mean()
