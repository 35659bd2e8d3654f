"""REINFORCE without its minus sign, said to be ascended: right."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"maximize": True}
EXPECTED = {"outcome": "unbiased"}


def target(log_probs, advantages):
    return (log_probs * advantages).mean()
