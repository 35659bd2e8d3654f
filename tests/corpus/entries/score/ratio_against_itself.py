"""The ratio's denominator not detached: its logarithm is zero, with a zero gradient."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "zero", "scale": 0.0}


def target(log_prob, reward):
    return -((log_prob - log_prob).exp() * reward).mean()
