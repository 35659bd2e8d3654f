"""The on-policy importance ratio exp(log p - detached log p) (PPO, TRL): right."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    return -((log_prob - log_prob.detach()).exp() * reward).mean()
