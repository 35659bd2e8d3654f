"""RLOO on costs with the sign of rewards (public trackers of group baselines). The mean is minus the gradient."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "reversed", "scale": -1.0}


def target(log_prob, cost):
    others = (cost.sum() - cost) / (len(cost) - 1)
    return -(log_prob * (cost - others).detach()).mean()
