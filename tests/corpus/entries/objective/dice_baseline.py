"""DiCE with its baseline term (1 - box) b (Foerster et al. 2018): right."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    box = (law.log_prob(z) - law.log_prob(z).detach()).exp()
    return (f(z) * box + (1 - box) * 1.5).mean()
