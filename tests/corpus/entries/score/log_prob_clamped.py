"""Log-probabilities clamped from below against infinities: rare outcomes lose their score.

Scale and angle by enumeration of 8 outcomes, those below exp(-2.2) without a score.
"""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.03643282, "angle": 79.3755}


def target(log_prob, cost):
    return (log_prob.clamp(min=-2.2) * cost).mean()
