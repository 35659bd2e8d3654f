"""An objective that depends on the parameters beside its samples; score and own gradient are summed: right."""

from torch.distributions import OneHotCategorical

PROBLEM = "programs:direct"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    value = f(z)
    return (value.detach() * law.log_prob(z) + value).mean()
