"""REINFORCE with a minus sign, as for rewards, on an objective that is minimised. The mean is minus the gradient."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "reversed", "scale": -1.0}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    return -(f(z).detach() * law.log_prob(z)).mean()
