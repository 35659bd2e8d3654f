"""The probability in place of its logarithm: every outcome is weighted by its probability once more.

Scale and angle by enumeration of 8 outcomes.
"""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.1001455, "angle": 28.197}


def target(log_prob, cost):
    return (log_prob.exp() * cost).mean()
