"""REINFORCE on rewards, descended (Williams 1992): right."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    return -(log_prob * reward).mean()
