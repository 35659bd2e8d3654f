"""The mean of a group of one as its baseline (rllm #917): all advantages are zero."""

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "zero", "scale": 0.0}


def target(log_prob, reward):
    groups = reward.reshape(-1, 1)
    advantage = (groups - groups.mean(1, keepdim=True)).reshape(-1)
    return -(log_prob * advantage).mean()
