"""REINFORCE on costs (Williams 1992): right."""

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, cost):
    return (log_prob * cost).mean()
