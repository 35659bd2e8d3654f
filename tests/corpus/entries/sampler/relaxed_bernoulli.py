"""A relaxed bit at temperature 1 (Maddison et al. 2017) for a hard one. The factor by one integral over the noise."""

from torch.distributions import RelaxedBernoulli

PROBLEM = "bernoulli:0.3/cubic"
EXPECTED = {"outcome": "biased", "kind": "rescaled", "scale": 0.6509404}
target = RelaxedBernoulli
