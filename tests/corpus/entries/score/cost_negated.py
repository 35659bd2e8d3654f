"""REINFORCE on costs with the sign of rewards. The mean is minus the gradient."""

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "reversed", "scale": -1.0}


def target(log_prob, cost):
    return -(log_prob * cost).mean()
