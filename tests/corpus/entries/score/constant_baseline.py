"""A constant baseline: right, because the mean score is zero."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    return -(log_prob * (reward + 3.0)).mean()
