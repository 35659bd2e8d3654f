"""A closed-form KL term in the objective, whose own gradient enters the loss: right."""

PROBLEM = "programs:penalised"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, cost):
    return (log_prob * cost.detach() + cost).mean()
