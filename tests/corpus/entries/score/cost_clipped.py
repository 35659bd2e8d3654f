"""Costs clipped to [-1, 1] (Mnih et al. 2015): the gradient is that of another objective.

Scale and angle by enumeration of 8 outcomes.
"""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.1066828, "angle": 30.8891}


def target(log_prob, cost):
    return (log_prob * cost.clamp(-1, 1)).mean()
