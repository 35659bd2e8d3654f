"""The importance ratio detached (minimalRL #33): nothing depends on the policy."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "no-gradient"}


def target(log_prob, reward):
    ratio = (log_prob - log_prob.detach()).exp().detach()
    return -(ratio * reward).mean()
