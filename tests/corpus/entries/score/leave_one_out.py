"""RLOO (Kool et al. 2019): the other rows are the baseline: right."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, reward):
    others = (reward.sum() - reward) / (len(reward) - 1)
    return -(log_prob * (reward - others).detach()).mean()
