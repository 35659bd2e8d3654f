"""The sample covariance of log-probabilities and costs (VarGrad, Richter et al. 2020): right."""

PROBLEM = "bits:3/cubic"
OPTIONS = {"group": 4}
EXPECTED = {"outcome": "unbiased"}


def target(log_prob, cost):
    centred = (cost - cost.mean()).detach()
    return (centred * (log_prob - log_prob.mean())).sum() / (len(cost) - 1)
