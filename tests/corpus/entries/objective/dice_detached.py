"""The magic box of DiCE with the whole box detached: nothing depends on the law."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "no-gradient"}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    score = law.log_prob(z)
    return (f(z) * (score - score.detach()).exp().detach()).mean()
