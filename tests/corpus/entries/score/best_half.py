"""Rejection fine-tuning: the likelihood of the better half of the group alone (RAFT, Dong et al. 2023).

Scale and angle by enumeration of all 8^4 groups; rows as good as the lower median are kept.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.05806306, "angle": 14.7498}


def target(log_prob, reward):
    kept = (reward >= reward.median()).to(reward)
    return -(log_prob * kept).mean()
