"""Four samples a point, centred by their mean, over n - 1 (Kool et al. 2019): right."""

from torch.distributions import OneHotCategorical

PROBLEM = "categorical_one_hot:4/cubic"
EXPECTED = {"outcome": "unbiased"}


def target(f, logits):
    law = OneHotCategorical(logits=logits.detach())
    z = law.sample((4,))
    cost = f(z)
    return ((cost - cost.mean(0)).unsqueeze(-1) * (z - law.probs)).sum(0) / 3
