"""Advantages that are all zero (rllm #917): the gradient is zero."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "biased", "kind": "zero", "scale": 0.0}


def target(log_prob, reward):
    return -(log_prob * (reward - reward)).mean()
