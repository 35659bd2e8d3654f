"""The group's mean as a baseline (rllm #917, AReaL #354): its own reward is inside, the factor is (n - 1) / n = 3/4."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.75}


def target(log_prob, reward):
    return -(log_prob * (reward - reward.mean()).detach()).mean()
