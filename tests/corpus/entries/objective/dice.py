"""The magic box of DiCE (Foerster et al. 2018): right, in its value also."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    score = law.log_prob(z)
    return (f(z) * (score - score.detach()).exp()).mean()
