"""Four samples a point, centred by their mean, over n. The factor is 3/4."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.75}


def target(f, logits):
    law = OneHotCategorical(logits=logits.detach())
    z = law.sample((4,))
    cost = f(z)
    return ((cost - cost.mean(0)).unsqueeze(-1) * (z - law.probs)).mean(0)
