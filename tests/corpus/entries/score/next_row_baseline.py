"""The neighbour's reward as a baseline: independent of the row, so it is right."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    return -(log_prob * (reward - reward.roll(1)).detach()).mean()
