"""A sampled entropy bonus that the objective does not hold: the gradient of 2 E log p is added.

Scale and angle by enumeration of 8 outcomes.
"""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.8538344, "angle": 22.5199}


def target(log_prob, cost):
    return (log_prob * (cost + 2.0 * log_prob).detach()).mean()
