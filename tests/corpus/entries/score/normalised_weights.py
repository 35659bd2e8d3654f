"""Importance weights normalised over the batch, which centres the costs. The factor is (n - 1) / n = 3/4."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.75}


def target(log_prob, cost):
    weight = (log_prob - log_prob.detach()).softmax(0)
    return (weight * cost).sum()
