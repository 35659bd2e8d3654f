"""A closed-form KL term in the objective, and a loss with the score alone (public trainers, "KL in the loss").

The objective keeps its graph and the author detaches it; scale and angle from the exact gradients with and without the term.
"""

PROBLEM = "programs:penalised"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": -0.5021271, "angle": 134.4914}


def target(log_prob, cost):
    return (log_prob * cost.detach()).mean()
