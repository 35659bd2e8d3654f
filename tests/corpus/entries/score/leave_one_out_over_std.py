"""RLOO divided by the standard deviation of all rows, the row itself among them.

Scale and angle by enumeration of all 8^4 groups.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.2302633, "angle": 12.048}


def target(log_prob, reward):
    n = len(reward)
    advantage = (reward - (reward.sum() - reward) / (n - 1)) / (reward.std() + 1e-6)
    return -(log_prob * advantage.detach()).mean()
