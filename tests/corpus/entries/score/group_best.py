"""The best reward of the group as a baseline: it depends on the row itself.

Scale and angle by enumeration of all 8^2 groups.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 2}
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.8019503, "angle": 3.2057}


def target(log_prob, reward):
    return -(log_prob * (reward - reward.max()).detach()).mean()
