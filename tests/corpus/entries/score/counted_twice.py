"""The loss counted twice, once for each of two heads that share a term. The factor is 2."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 2.0}


def target(log_prob, reward):
    policy = -(log_prob * reward).mean()
    return policy - (log_prob * reward).mean()
