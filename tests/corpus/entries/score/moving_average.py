"""A moving average of earlier rewards as a baseline, updated after its use: right."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 2}
EXPECTED = {"outcome": "unbiased"}


class MovingAverage:
    def __init__(self):
        self.baseline = 0.0

    def __call__(self, log_prob, reward):
        advantage = reward - self.baseline
        self.baseline = 0.5 * self.baseline + 0.5 * reward.mean().item()
        return -(log_prob * advantage).mean()


target = MovingAverage()
