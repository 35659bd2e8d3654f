"""The mean log-probability added to the loss: right, because its gradient has mean zero under the policy."""

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, cost):
    return (log_prob * cost).mean() + 2.0 * log_prob.mean()
