"""The group's mean as a baseline with two rows: the factor is (n - 1) / n = 1/2."""

PROBLEM = "categorical_one_hot:4/cubic"
OPTIONS = {"group": 2}
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.5}


def target(log_prob, cost):
    return (log_prob * (cost - cost.mean()).detach()).mean()
