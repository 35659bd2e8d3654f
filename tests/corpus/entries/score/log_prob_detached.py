"""The wrong factor detached: nothing depends on the policy."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "no-gradient"}


def target(log_prob, reward):
    return -(log_prob.detach() * reward).mean()
