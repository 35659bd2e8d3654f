"""The group's median as a baseline, the row itself among its candidates (the lower one of four).

Scale and angle by enumeration of all 8^4 groups.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.7240626, "angle": 0.202}


def target(log_prob, reward):
    return -(log_prob * (reward - reward.median()).detach()).mean()
