"""A factor of one half, as for a squared loss, on a score. The factor is 1/2."""

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.5}


def target(log_prob, cost):
    return 0.5 * (log_prob * cost).mean()
