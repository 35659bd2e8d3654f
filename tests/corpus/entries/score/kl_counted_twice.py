"""A closed-form KL term that enters the loss twice; scale and angle from the exact gradients."""

PROBLEM = "programs:penalised"
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 2.502127, "angle": 11.5452}


def target(log_prob, cost):
    return (log_prob * cost.detach() + 2 * cost).mean()
