"""REINFORCE with the loss summed over the batch: right, because the step size is the user's."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    return -(log_prob * reward).sum()
