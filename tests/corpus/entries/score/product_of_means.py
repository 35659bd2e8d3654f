"""The product of two batch means (Gymnasium #1336): one pair in n is a row with itself. The factor is 1/2."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 2}
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.5}


def target(log_prob, reward):
    return -log_prob.mean() * reward.mean()
