"""REINFORCE without its minus sign; a returned loss is descended. The mean is minus the gradient."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "reversed", "scale": -1.0}


def target(log_probs, advantages):
    return (log_probs * advantages).mean()
