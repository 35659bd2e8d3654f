"""Advantage-weighted regression (Peng et al. 2019): the likelihood weighted by exp(reward / 2).

Scale and angle by enumeration of 8 outcomes.
"""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.09205757, "angle": 15.566}


def target(log_prob, reward):
    return -(log_prob * (reward / 2).exp()).mean()
