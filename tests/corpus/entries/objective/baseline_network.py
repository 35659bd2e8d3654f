"""NVIL (Mnih and Gregor 2014): the loss of its baseline, a function of the logits, is cut off from them: right."""

from torch.distributions import Bernoulli

PROBLEM = "bits:3/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = Bernoulli(logits=logits)
    b = law.sample()
    baseline = logits.detach().sum(-1)
    value = f(b).detach()
    return ((value - baseline) * law.log_prob(b).sum(-1) + (value - baseline) ** 2).mean()
