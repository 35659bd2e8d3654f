"""A moving average that takes in this batch before its use (REINFORCE implementations with an EMA).

Half of it is the mean of the two rows, of which half is the row itself: the factor is 1 - 1/4.
"""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 2}
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.75}


class MovingAverage:
    def __init__(self):
        self.baseline = 0.0

    def __call__(self, log_prob, reward):
        self.baseline = 0.5 * self.baseline + 0.5 * reward.mean().item()
        return -(log_prob * (reward - self.baseline)).mean()


target = MovingAverage()
