"""GRPO's advantage, centred and divided by the group's standard deviation (Shao et al. 2024).

Scale and angle by enumeration of all 8^4 groups.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.1726975, "angle": 12.048}


def target(log_prob, reward):
    advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    return -(log_prob * advantage.detach()).mean()
