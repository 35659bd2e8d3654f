"""Centred ranks in place of rewards, as evolution strategies shape them (Salimans et al. 2017).

Scale and angle by enumeration of all 8^4 groups; equal rewards belong to equal outcomes, so that ties do not matter.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "biased", "kind": "turned", "scale": 0.07117284, "angle": 15.5966}


def target(log_prob, reward):
    rank = reward.argsort().argsort().to(reward)
    return -(log_prob * (rank / (len(reward) - 1) - 0.5)).mean()
