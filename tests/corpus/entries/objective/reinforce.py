"""REINFORCE on a function that is handed over (Williams 1992): right."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    return (f(z).detach() * law.log_prob(z)).mean()
