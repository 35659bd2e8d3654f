"""DiCE's baseline term with half of the sample's own objective as the baseline. The factor is 1/2."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.5}


def target(f, logits):
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    box = (law.log_prob(z) - law.log_prob(z).detach()).exp()
    value = f(z)
    return (value * box + (1 - box) * value.detach() / 2).mean()
